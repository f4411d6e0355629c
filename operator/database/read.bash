# What the sidecars know of a stack's backups, each asked once and side by side: `containers N`, `postgres JSON`,
# `files JSON`; `postgres_failed WORDS` where one runs and does not answer.
# $1: the Compose project. $2: a label to say more about; nothing if empty.
set -euo pipefail
project=$1 label=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
containers() {
  timeout 20 docker ps -q --filter "label=com.docker.compose.project=$project" \
    --filter label=com.docker.compose.oneoff=False "$@"
}
ask() {
  local key=$1 service=$2 id
  shift 2
  id=$(containers --filter "label=com.docker.compose.service=$service" | head -n 1)
  [[ -n $id ]] || return 0
  if timeout 120 docker exec "$id" "$@" >"$work/$key.said" 2>"$work/$key.error"; then
    printf '%s %s\n' "$key" "$(tail -n 1 "$work/$key.said")"
  else
    printf '%s_failed %s\n' "$key" "$(cat "$work/$key.said" "$work/$key.error" | tail -n 1)"
  fi
}
all=$(containers | wc -l)
ask postgres backup-postgres plimsoll-backup report "$label" >"$work/postgres" &
ask files backup-files plimsoll-backup-files report >"$work/files" &
wait
printf 'containers %d\n' "$all"
cat "$work/postgres" "$work/files"
