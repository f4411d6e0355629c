# A scratch database beside the running one, from the repository. Arguments:
#   STATE PROJECT SOURCE WRITER TYPE TARGET MEMORY BY WORDS SET…
# SOURCE is a node whose mounts and image are lent; WRITER takes writes, `-` where nobody does; TARGET is `-` where TYPE
# has none; MEMORY in bytes; WORDS say to a person what it is. What TYPE, TARGET and SET mean: plimsoll-copy.
# stdout: `note WORDS`, `set LABEL`, `reached TIME`, `seconds N`. Exit 97: another is at work on the stack.
set -euo pipefail
# A connection that breaks stops nothing half-way.
trap '' HUP PIPE
trap 'exit 143' TERM INT
# shellcheck disable=SC2034
state=$1 PROJECT=$2 source=$3 writer=$4 type=$5 target=$6 memory=$7 by=$8 words=$9
shift 9
name=$PROJECT-postgres-copy volume=${PROJECT}_postgres-copy

hold "$state"
began=$SECONDS
copies() { docker ps -aq --no-trunc --filter "label=plimsoll.copy=$PROJECT"; }
remove_copy() {
  local id
  for id in $(copies); do docker rm --force --volumes "$id" >/dev/null; done
  if docker volume inspect "$volume" >/dev/null 2>&1; then docker volume rm "$volume" >/dev/null; fi
  rm -f -- "$state/copy"
}
[[ ! -f $state/copy || -z $(copies) ]] || stop "there is a copy already ($(head -n 1 -- "$state/copy"))"
# One that was cut short is of no use.
remove_copy

source_id=$(container_of "$source")
[[ -n $source_id ]] || stop "$source has no container any more"
if [[ $writer != - ]]; then
  writer_id=$(container_of "$writer")
  # A commit after the target, or a recovery to a moment since which nothing was written would never meet its end; then
  # the segment with it into the repository.
  sql "$writer_id" 'select pg_current_xact_id()' >/dev/null || stop "$writer does not answer any more"
  segment=$(sql "$writer_id" 'select pg_walfile_name(pg_switch_wal())' 30)
  deadline=$((SECONDS + 60))
  until [[ $(sql "$writer_id" "select last_archived_wal >= '$segment' from pg_stat_archiver") == t ]]; do
    ((SECONDS < deadline)) || { say "note the newest part of the log is not in the repository after 60 s" && break; }
    sleep 0.3
  done
fi

mounts=() network=none bucket=''
while IFS='|' read -r kind from to; do
  case $to in
    /etc/postgresql | /etc/pgbackrest | /var/lib/pgbackrest | /run/secrets/backup_pgbackrest)
      mounts+=(--mount "type=$kind,source=$from,destination=$to,readonly")
      ;;
  esac
  # The keys of a bucket: there is one, beside a volume or alone.
  [[ $to != /run/secrets/backup_pgbackrest ]] || bucket=1
done < <(docker container inspect --format '{{range .Mounts}}{{.Type}}|{{if eq .Type "volume"}}{{.Name}}{{else}}{{.Source}}{{end}}|{{.Destination}}{{println}}{{end}}' "$source_id")
if [[ -n ${bucket-} ]]; then
  # The way out to the bucket, and not the network where the application is.
  network=$(docker container inspect --format '{{range $name, $_ := .NetworkSettings.Networks}}{{println $name}}{{end}}' "$source_id" | grep -vE '_data$|^$' | head -n 1)
fi
variables=()
while IFS= read -r line; do
  [[ ! $line =~ ^(PGBACKREST_|PGDATA=|PLIMSOLL_DATABASE=) ]] || variables+=(--env "$line")
done < <(docker container inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$source_id")

docker volume create --label "com.docker.compose.project=$PROJECT" --label com.docker.compose.volume=postgres-copy "$volume" >/dev/null
# shellcheck disable=SC2153
id=$(docker run --detach --name "$name" --hostname postgres-copy --network "$network" \
  --label "com.docker.compose.project=$PROJECT" --label com.docker.compose.service=postgres-copy \
  --label com.docker.compose.oneoff=True --label "plimsoll.copy=$PROJECT" --label "plimsoll.by=$by" \
  --init --user 999:999 --read-only --cap-drop ALL --security-opt no-new-privileges \
  --memory "$memory" --memory-swap "$memory" --cpu-shares 256 --pids-limit 128 --shm-size 64m \
  --tmpfs /run/postgresql:size=32m,mode=0700,uid=999,gid=999 --tmpfs /tmp:size=64m,mode=1777 \
  --log-opt max-size=10m --log-opt max-file=2 --stop-signal SIGINT --stop-timeout 60 \
  --mount "type=volume,source=$volume,destination=$VOLUME" "${mounts[@]}" "${variables[@]}" \
  --entrypoint plimsoll-copy "$(image_of "$source_id")" "$type" "$target" "$@")

told=0
tell() {
  local lines
  mapfile -t lines < <(docker logs "$id" 2>&1 | sed -nE 's/.*"backend_type":"plimsoll","message":"(.*)"\}$/\1/p')
  for (( ; told < ${#lines[@]}; told++)); do
    said=${lines[told]}
    say "note $said"
  done
}
said='' root=$(docker info --format '{{.DockerRootDir}}')
# KiB that the running database must still find free, whatever the copy grows to.
LEAST_ROOM=524288
until has "$id" "$VOLUME/copied" && sql "$id" 'select 1' >/dev/null; do
  tell
  room=$(df --output=avail -k -- "$root" 2>/dev/null | tail -n 1) || room=''
  if [[ -n $room ]] && ((room < LEAST_ROOM)); then
    remove_copy
    stop "the copy grew until $((room / 1024)) MB of the disk were free: it was taken away again"
  fi
  if [[ $(state_of "$id") != running ]]; then
    tell
    remove_copy
    stop "${said:-the copy ended at once}: the copy was taken away again"
  fi
  sleep 0.3
done
tell
read -r set reached < <(docker exec "$id" cat "$VOLUME/copied")
printf '%s\n' "$words" >"$state/copy.new" && mv -fT -- "$state/copy.new" "$state/copy"
say "set $set"
say "reached ${reached:--}"
say "seconds $((SECONDS - began))"
