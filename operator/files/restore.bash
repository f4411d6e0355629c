# One volume as a backup has it, in place. Arguments: STATE PROJECT WHAT VOLUME SNAPSHOT SECONDS REPOSITORY
# SNAPSHOT is an id, `latest`, or `undo` for what was before the last restore; SECONDS until its services must
# be well; REPOSITORY is a path in the sidecar, `-` for the one that it reads by itself.
# stdout: `note WORDS`, `snapshot ID TIME`, `down SECONDS`. Exit 97: another is at work on the stack.
set -euo pipefail
# A connection that breaks stops nothing half-way.
trap '' HUP PIPE
# shellcheck disable=SC2034
state=$1 PROJECT=$2 what=$3 name=$4 snapshot=$5 patience=$6
[[ $7 == - ]] || REPOSITORY=$7

hold work "a restore of $what"
sidecar=$(sidecar_id)
volume=$(volume_of "$sidecar" "$name")
[[ -n $volume ]] || stop "the sidecar does not have the volume of $what"
users() {
  docker ps --no-trunc --filter "volume=$volume" --filter "label=com.docker.compose.project=$PROJECT" \
    --filter label=com.docker.compose.oneoff=False --format '{{.ID}} {{.Label "com.docker.compose.service"}}' |
    awk -v sidecar="$SIDECAR" '$2 != sidecar { print $1 }'
}
# What it was before is started again, however this ends.
mapfile -t running < <(users)
started=1
start_again() {
  local id
  ((started == 0)) || return 0
  for id in "${running[@]}"; do docker start "$id" >/dev/null || true; done
  started=1
}
trap start_again EXIT
stop_users() {
  started=0
  ((${#running[@]} == 0)) || docker stop "${running[@]}" >/dev/null
}
well() {
  local id deadline=$((SECONDS + patience)) state
  for id in "${running[@]}"; do
    until state=$(docker container inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' "$id") && [[ $state == healthy || $state == running ]]; do
      ((SECONDS < deadline)) || return 1
      sleep 0.3
    done
  done
}

# A restore that was killed between two of its renames is brought to its end before anything else.
if helper "$sidecar" "$volume" half; then
  say "note an earlier restore was cut short: brought to its end first"
  stop_users
  helper "$sidecar" "$volume" swap >&2
  start_again
fi
if [[ $snapshot == undo ]]; then
  step=undo
else
  step=swap
  # While its service still runs: only the renames need it stopped.
  made=$(helper "$sidecar" "$volume" prepare "$what" "$name" "$snapshot") || stop "$what was not restored: nothing was changed"
  say "$made"
fi
began=$SECONDS
stop_users
if ! helper "$sidecar" "$volume" "$step" >&2; then
  start_again
  stop "$what was not brought in place"
fi
start_again
if ! well; then
  say "note the service is not well with it: back to what was before"
  stop_users
  back=0
  helper "$sidecar" "$volume" undo >&2 || back=$?
  start_again
  ((back == 0)) ||
    stop "the service of $what does not become healthy with that backup, and what was before did NOT come back (exit code $back): it is kept in the volume, and --undo tries again"
  stop "the service of $what does not become healthy with that backup: what was before is back"
fi
say "down $((SECONDS - began))"
