# shellcheck shell=bash disable=SC2034
# A cluster that is restored beside the running one: what its container borrows from a node, and how it is waited for.

# borrow ID: sets mounts, network, variables and home.
borrow() {
  mounts=() variables=() network=none home=''
  local kind from to line bucket=''
  while IFS='|' read -r kind from to; do
    case $to in
      /etc/postgresql | /etc/pgbackrest | /var/lib/pgbackrest | /run/secrets/backup_pgbackrest)
        mounts+=(--mount "type=$kind,source=$from,destination=$to,readonly")
        ;;
    esac
    # The keys of a bucket: there is one, beside a volume or alone.
    [[ $to != /run/secrets/backup_pgbackrest ]] || bucket=1
    # shellcheck disable=SC2034 # the volume with its data, for a restore in place
    [[ $to != "$VOLUME" ]] || home="type=$kind,source=$from,destination=$to"
  done < <(docker container inspect --format '{{range .Mounts}}{{.Type}}|{{if eq .Type "volume"}}{{.Name}}{{else}}{{.Source}}{{end}}|{{.Destination}}{{println}}{{end}}' "$1")
  if [[ -n $bucket ]]; then
    # The way out to the bucket, and not the network where the application is.
    network=$(docker container inspect --format '{{range $name, $_ := .NetworkSettings.Networks}}{{println $name}}{{end}}' "$1" | grep -vE '_data$|^$' | head -n 1)
  fi
  while IFS= read -r line; do
    [[ ! $line =~ ^(PGBACKREST_|PGDATA=|PLIMSOLL_DATABASE=) ]] || variables+=(--env "$line")
  done < <(docker container inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$1")
  # Memory for one such cluster at a time: the lock lies in the volume of the daily verification.
  if docker volume inspect "${PROJECT}_restore-test" >/dev/null 2>&1; then
    mounts+=(--mount "type=volume,source=${PROJECT}_restore-test,destination=/trial")
  fi
}

# run_beside SERVICE LABEL MEMORY BY ENTRYPOINT MOUNT IMAGE WORDS…: sets `id`. What is called there stops with its target.
run_beside() {
  local service=$1 label=$2 memory=$3 by=$4 entrypoint=$5 mount=$6 image=$7
  shift 7
  id=$(docker run --detach --name "$PROJECT-$service" --hostname "$service" --network "$network" \
    --label "com.docker.compose.project=$PROJECT" --label "com.docker.compose.service=$service" \
    --label com.docker.compose.oneoff=True --label "$label=$PROJECT" --label "plimsoll.by=$by" \
    --init --user 999:999 --read-only --cap-drop ALL --security-opt no-new-privileges \
    --memory "$memory" --memory-swap "$memory" --cpu-shares 256 --pids-limit 128 --shm-size 64m \
    --tmpfs /run/postgresql:size=32m,mode=0700,uid=999,gid=999 --tmpfs /tmp:size=64m,mode=1777 \
    --log-opt max-size=10m --log-opt max-file=2 --stop-signal SIGINT --stop-timeout 60 \
    --mount "$mount" "${mounts[@]}" "${variables[@]}" --entrypoint "$entrypoint" "$image" "$@") ||
    stop "its container cannot be made: ${unchanged:-nothing was changed}"
  told=0 said=''
}

# What its container says, each line once; the last of it in `said`.
tell() {
  local lines
  mapfile -t lines < <(docker logs "$id" 2>&1 | sed -nE 's/.*"backend_type":"plimsoll","message":"(.*)"\}$/\1/p')
  for (( ; told < ${#lines[@]}; told++)); do
    said=${lines[told]}
    say "note $said"
  done
}

# KiB that the running database must still find free, whatever a restored one grows to.
LEAST_ROOM=524288
# enough_room: sets `room`, in MB.
enough_room() {
  [[ -n ${root-} ]] || root=$(docker info --format '{{.DockerRootDir}}')
  room=$(df --output=avail -k -- "$root" 2>/dev/null | tail -n 1) || return 0
  [[ -n $room ]] || return 0
  room=$((room / 1024))
  ((room >= LEAST_ROOM / 1024))
}
