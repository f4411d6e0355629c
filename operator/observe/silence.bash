# Silences of a stack's Alertmanager. $1: the Compose project. $2: `add` (a silence as JSON on stdin, its times
# @FROM@ and @UNTIL@; $3 seconds long; prints `silence ID`), or `expire` with ids after it.
set -euo pipefail
project=$1 action=$2
shift 2
id=$(timeout 60 docker ps -q --filter "label=com.docker.compose.project=$project" \
  --filter label=com.docker.compose.service=alertmanager --filter label=com.docker.compose.oneoff=False | head -n 1)
if [[ -z $id ]]; then
  echo 'Alertmanager does not run' >&2
  exit 1
fi
if [[ $action == add ]]; then
  from=$(date -u +%FT%TZ)
  until=$(date -u -d "@$(($(date +%s) + $1))" +%FT%TZ)
  body=$(cat)
  body=${body//@FROM@/$from}
  body=${body//@UNTIL@/$until}
  # Its input as one argument: busybox's wget posts no stdin everywhere.
  # shellcheck disable=SC2016
  answer=$(printf '%s' "$body" | timeout 60 docker exec -i "$id" sh -c 'exec wget -q -T 10 -O - \
    --header "Content-Type: application/json" --post-data "$(cat)" http://127.0.0.1:9093/api/v2/silences')
  printf 'silence %s\n' "$(grep -oE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' <<<"$answer")"
else
  timeout 60 docker exec "$id" amtool --alertmanager.url=http://127.0.0.1:9093 silence expire "$@"
fi
