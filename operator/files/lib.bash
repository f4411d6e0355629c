# shellcheck shell=bash
# A volume and the sidecar's own eyes on the repository, in a container that does nothing else. Wants database/lib.bash.
SIDECAR=backup-files

# sidecar_id: the sidecar's container, which need not run.
sidecar_id() {
  local id
  id=$(container_of "$SIDECAR")
  [[ -n $id ]] || stop "$SIDECAR has no container: there is nobody to ask for backups"
  printf '%s' "$id"
}

# volume_of SIDECAR NAME: as Docker calls it.
volume_of() {
  docker container inspect --format '{{range .Mounts}}{{.Destination}}|{{.Name}}{{println}}{{end}}' "$1" |
    sed -n "s,^/source/$2|,,p" | head -n 1
}

# helper SIDECAR VOLUME WORDS…: as root of the container, since each file gets the owner that it had; reads the
# repository without a lock in it, so that the sidecar finds nothing that is not its own.
helper() {
  local sidecar=$1 volume=$2 kind from to line network mounts=() variables=()
  shift 2
  while IFS='|' read -r kind from to; do
    case $to in
      /repository | /etc/plimsoll-backup | /run/secrets/* | *.pem | *.crt)
        mounts+=(--mount "type=$kind,source=$from,destination=$to,readonly")
        ;;
    esac
  done < <(docker container inspect --format '{{range .Mounts}}{{.Type}}|{{if eq .Type "volume"}}{{.Name}}{{else}}{{.Source}}{{end}}|{{.Destination}}{{println}}{{end}}' "$sidecar")
  while IFS= read -r line; do
    [[ ! $line =~ ^(RESTIC_|AWS_|PLIMSOLL_|GOMEMLIMIT=|GOMAXPROCS=) ]] || variables+=(--env "$line")
  done < <(docker container inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$sidecar")
  [[ -z ${REPOSITORY-} ]] || variables+=(--env "RESTIC_REPOSITORY=$REPOSITORY")
  # The way to a bucket; a repository on a volume needs none.
  network=$(docker container inspect --format '{{range $name, $_ := .NetworkSettings.Networks}}{{println $name}}{{end}}' "$sidecar" | grep -E '_egress$' | head -n 1) || network=none
  docker run --rm --network "$network" --user 0:0 --read-only --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER \
    --security-opt no-new-privileges --memory 256m --pids-limit 64 --log-driver none \
    --label "com.docker.compose.project=$PROJECT" --label com.docker.compose.oneoff=True \
    --tmpfs /run/plimsoll:size=4m,mode=0700 --tmpfs /tmp:size=64m,mode=1777 "${mounts[@]}" "${variables[@]}" \
    --mount "type=volume,source=$volume,destination=/volume" \
    --entrypoint plimsoll-backup-files "$(image_of "$sidecar")" volume "$@"
}
