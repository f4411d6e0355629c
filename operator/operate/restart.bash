# Containers restarted one at a time; servers behind the edge without a request lost: nothing new is sent to one, what it
# has in flight is waited for, and it gets requests again when nginx itself has had its 200.
#   STATE PROJECT LIVE NGINX GROUP SPARE READY DRAIN STOP PATIENCE, then `server NAME ID` or `other NAME ID` for each
# NGINX is its container's id, `-` where there is none; SPARE a service, `-` where there is none; times in seconds.
# stdout: `NAME begin`, `NAME done SECONDS`, `NAME note WORDS`. Exit 97: a deploy is at work.
set -euo pipefail
export LC_ALL=C
# A connection that breaks stops nothing half-way.
trap '' HUP PIPE
state=$1 project=$2 live=$3 nginx=$4 group=$5 spare=$6 ready=$7 drain=$8 stop=$9 patience=${10}
shift 10
umask 077
mkdir -p -- "$state"
exec 9>>"$state/work.lock"
# Somebody who only looks holds it for a moment.
flock -w 2 9 || exit 97
drained='' weight=100

say() { printf '%s\n' "$*" 2>/dev/null || true; }
control() { docker exec -i "$nginx" curl -fsS -m 5 "$@" "http://127.0.0.1:8081/control/$group"; }
weigh() { printf '{"weights":{"%s":%d}}' "$1" "$2" | control -o /dev/null -X PATCH --data-binary @-; }
# number SERVER WORD: what nginx says of a server, or nothing.
number() {
  control 2>/dev/null </dev/null | grep -oE "\"$1\":\{[^}]*\}" | grep -oE "\"$2\":[0-9]+" | grep -oE '[0-9]+$' || true
}
# willing SERVER: how many others take requests.
willing() {
  control </dev/null | grep -oE '"[a-z0-9-]+":\{"address[^}]*\}' | grep -v "^\"$1\":" | grep -cvE '"weight":0[,}]' || true
}
give_back() {
  if [[ -n $drained ]]; then weigh "$drained" "$weight" || true; fi
  drained=''
}
trap give_back EXIT
trap 'exit 143' TERM INT

wait_until_idle() {
  local deadline=$((SECONDS + drain)) left
  while :; do
    left=$(number "$1" in_flight)
    # An nginx that does not count: as long as a usual request takes.
    if [[ -z $left ]]; then sleep 2 && return 0; fi
    ((left > 0)) || return 0
    ((SECONDS < deadline)) || { say "$1 note $left requests were still open after $drain s" && return 0; }
    sleep 0.2
  done
}

# probe SERVER: the status that nginx gets of it over its own upstream.
probe() {
  docker exec "$nginx" curl -s -m 3 -o /dev/null -w '%{http_code}' "http://127.0.0.1:8081/probe/$1$ready" </dev/null 2>/dev/null || true
}
health() {
  docker container inspect --format '{{if .State.Running}}{{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}}{{else}}ended{{end}}' "$1" 2>/dev/null || true
}

# wait_until_ready SERVER ID: to nginx, and to Docker where nginx cannot be asked.
wait_until_ready() {
  local deadline=$((SECONDS + patience)) code
  while :; do
    code=$(probe "$1")
    if [[ $code == 200 ]]; then return 0; fi
    if [[ $code == 404 && $(health "$2") == healthy ]]; then sleep 2.5 && return 0; fi
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

restart_server() {
  local name=$1 id=$2 helped=''
  weight=$(number "$name" weight)
  # One that an interrupted command left without requests gets its share again.
  if [[ -z $weight || $weight == 0 ]]; then weight=100; fi
  if [[ $(willing "$name") == 0 && $spare != - ]]; then
    help_out && helped=1
  fi
  drained=$name
  weigh "$name" 0
  wait_until_idle "$name"
  docker restart --time "$stop" "$id" >/dev/null
  if ! wait_until_ready "$name" "$id"; then
    # It would only fail requests; the others have them.
    if [[ $(willing "$name") != 0 ]]; then drained=''; fi
    echo "$name was restarted, and is not ready after $patience s: it gets no requests" >&2
    exit 1
  fi
  give_back
  if [[ -n $helped ]]; then let_go; fi
}

# The only server: the spare takes its requests meanwhile.
help_out() {
  local id
  docker "${compose[@]}" up -d --no-deps --no-build --quiet-pull "$spare" >/dev/null 2>&1 || return 1
  id=$(docker "${compose[@]}" ps -q "$spare")
  if ! wait_until_ready "$spare" "$id"; then
    docker "${compose[@]}" rm --force --stop "$spare" >/dev/null 2>&1 || true
    echo "$spare does not get ready, and there is no other server: nothing was restarted" >&2
    exit 1
  fi
  weigh "$spare" 100
}
let_go() {
  weigh "$spare" 0
  wait_until_idle "$spare"
  docker "${compose[@]}" rm --force --stop "$spare" >/dev/null 2>&1
}
compose=(compose --ansi never --progress quiet --profile deploy -p "$project" --project-directory "$live" -f "$live/compose.yaml")

restart_other() {
  local name=$1 id=$2 deadline=$((SECONDS + patience))
  docker restart "$id" >/dev/null
  until [[ $(health "$id") == healthy ]]; do
    ((SECONDS < deadline)) || { echo "$name was restarted, and is $(health "$id") after $patience s" >&2 && exit 1; }
    sleep 0.3
  done
}

while (($# > 0)); do
  kind=$1 name=$2 id=$3
  shift 3
  say "$name begin"
  began=$SECONDS
  if [[ $kind == server && $nginx != - ]]; then restart_server "$name" "$id"; else restart_other "$name" "$id"; fi
  say "$name done $((SECONDS - began))"
done
