# shellcheck shell=bash
# nginx as the engine sees it: weights, requests in flight, probes, reloads; handover.bash makes it anew. To be sourced,
# with PROJECT, NGINX (its service) and GROUP (its servers) set. What waits does so inside the container: one call each.

EDGE_FOLDER=${BASH_SOURCE[0]%/*}
# shellcheck source=operator/onhost/reload.bash
source "$EDGE_FOLDER/reload.bash"
# shellcheck source=operator/onhost/handover.bash
source "$EDGE_FOLDER/handover.bash"

# With the engine's patience where there is one: then a command's words of failure are in the file ERR.
edge_docker() { if declare -F d >/dev/null; then d "$@"; else docker "$@"; fi; }

edge_say() { if [[ -n ${ERR-} ]]; then printf '%s\n' "$*" >"$ERR"; else printf '%s\n' "$*" >&2; fi; }

# The running container of nginx itself; a stand-in is a one-off and is not meant.
edge_container() {
  local id
  id=$(edge_docker ps -q --no-trunc --filter "label=com.docker.compose.project=$PROJECT" \
    --filter "label=com.docker.compose.service=$NGINX" --filter label=com.docker.compose.oneoff=False | head -n 1)
  [[ -n $id ]] || { edge_say "$NGINX of $PROJECT does not run" && return 1; }
  printf '%s' "$id"
}

edge_exec() {
  local id
  id=$(edge_container) || return 1
  edge_docker exec "$id" "$@"
}

# Nothing of a caller's reaches a URL or JSON that is not plain.
edge_server() { [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9_.-]*$ ]] || { edge_say "no server's name: $1" && return 1; }; }
edge_path() { [[ $1 =~ ^/[A-Za-z0-9._~!\$\&\'()*+,\;=:@%/?-]*$ ]] || { edge_say "no path: $1" && return 1; }; }
edge_number() { [[ $1 =~ ^[0-9]{1,9}$ ]] || { edge_say "no whole number: $1" && return 1; }; }

EDGE_CONTROL='http://127.0.0.1:8081/control'
EDGE_PROBE='http://127.0.0.1:8081/probe'

# ---- what nginx says ----------------------------------------------------------------------------------------------

# `# GROUP maintenance affinity turns`, and `SERVER weight in_flight suspected release address` for each.
# shellcheck disable=SC2153
edge_get() { edge_read "$(edge_container)" "/$GROUP"; }

# edge_read CONTAINER [/GROUP]
edge_read() {
  local text
  [[ -n $1 ]] || return 1
  text=$(edge_docker exec "$1" curl -sS --fail-with-body -m 10 "$EDGE_CONTROL${2-}?format=text") || { edge_say "nginx: $text" && return 1; }
  [[ $text == '# '* ]] || { edge_say "nginx does not say what is in flight: it is older than this release of plimsoll" && return 1; }
  printf '%s\n' "$text"
}

# Names and addresses, one server a line.
edge_servers() {
  local text
  text=$(edge_get) && awk '$1 != "#" { print $1, $6 }' <<<"$text"
}

# edge_field SERVER COLUMN
edge_field() {
  local text value
  edge_server "$1" && text=$(edge_get) || return 1
  value=$(awk -v name="$1" -v column="$2" '$1 == name { print $column }' <<<"$text")
  [[ -n $value ]] || { edge_say "nginx knows no $1" && return 1; }
  printf '%s\n' "$value"
}

edge_in_flight() { edge_field "$1" 3; }

# ---- what nginx is told -------------------------------------------------------------------------------------------

edge_patch() {
  local text
  text=$(edge_exec curl -sS --fail-with-body -m 10 -X PATCH --data "$1" "$EDGE_CONTROL/$GROUP?format=text") ||
    { edge_say "nginx: $text" && return 1; }
}

edge_weight() { edge_weights "$1=$2"; }

# edge_weights api-1=45 api-2=45 api-3=10: all at once or none.
edge_weights() {
  local pair text=''
  for pair in "$@"; do
    edge_server "${pair%%=*}" && edge_number "${pair#*=}" || return 1
    text+="${text:+,}\"${pair%%=*}\":$((10#${pair#*=}))"
  done
  edge_patch "{\"weights\":{$text}}"
}

edge_release() { edge_server "$1" && edge_server "$2" && edge_patch "{\"releases\":{\"$1\":\"$2\"}}"; }

# edge_affinity [none|address|cookie]: sets it, or says it.
edge_affinity() {
  local text
  if (($# > 0)); then
    edge_server "$1" && edge_patch "{\"affinity\":\"$1\"}"
  else
    text=$(edge_get) && awk '$1 == "#" { print $4 }' <<<"$text"
  fi
}

edge_maintenance() {
  case $1 in
    on) edge_patch '{"maintenance":true}' ;;
    off) edge_patch '{"maintenance":false}' ;;
    *) edge_say "expected on or off: $1" && return 1 ;;
  esac
}

# ---- what is waited for -------------------------------------------------------------------------------------------

# edge_drain SERVER SECONDS: no more requests to it, and back when it has none. Else 1, and how many it has left.
# Seen empty twice: a worker that has chosen it may be just about to say so.
edge_drain() {
  edge_server "$1" && edge_number "$2" || return 1
  # shellcheck disable=SC2016
  edge_exec sh -c '
    url=$1/$2?format=text server=$3 end=$(($(date +%s) + $4)) empty=0
    curl -sS --fail-with-body -m 10 -o /dev/null -X PATCH --data "{\"weights\":{\"$server\":0}}" "$url" || exit 2
    while :; do
      left=$(curl -fsS -m 5 "$url" | while read -r name weight flight rest; do
        [ "$name" != "$server" ] || echo "$flight"
      done)
      case $left in 0) empty=$((empty + 1)) ;; *) empty=0 ;; esac
      [ "$empty" -lt 2 ] || exit 0
      [ "$(date +%s)" -lt "$end" ] || { echo "${left:-?}"; exit 1; }
      sleep 0.1
    done' drain "$EDGE_CONTROL" "$GROUP" "$1" "$2"
}

# edge_ready SERVER PATH SECONDS [TIMES]: until it answers 200 so many times in a row, by the address that nginx has.
edge_ready() {
  edge_server "$1" && edge_path "$2" && edge_number "$3" && edge_number "${4:-3}" || return 1
  # shellcheck disable=SC2016
  edge_exec sh -c '
    end=$(($(date +%s) + $2)) good=0
    while :; do
      code=$(curl -gs -m 6 -o /dev/null -w "%{http_code}" "$1")
      if [ "$code" = 200 ]; then good=$((good + 1)); else good=0; fi
      [ "$good" -lt "$3" ] || exit 0
      [ "$(date +%s)" -lt "$end" ] || { echo "$code"; exit 1; }
      [ "$good" -gt 0 ] || sleep 0.1
    done' ready "$EDGE_PROBE/$1$2" "$3" "${4:-3}"
}

# edge_answers SERVICE PORT PATH: by name, for a server that nginx does not know yet.
edge_answers() { edge_server "$1" && edge_number "$2" && edge_path "$3" && edge_exec curl -gfs -m 2 -o /dev/null "http://$1:$2$3"; }

# edge_probe SERVER PATH: the status that this server answers.
edge_probe() { edge_server "$1" && edge_path "$2" && edge_exec curl -gs -m 6 -o /dev/null -w '%{http_code}' "$EDGE_PROBE/$1$2"; }

# edge_warm SERVER [PATH [COUNT]]: so many requests over a few connections; says how many were answered.
edge_warm() {
  local path=${2:-${READY_PATH:-/health}} count=${3:-20}
  edge_server "$1" && edge_path "$path" && edge_number "$count" || return 1
  edge_exec curl -s -m 30 -o /dev/null -w '%{http_code}\n' "$EDGE_PROBE/$1$path#[1-$count]" | grep -c '^[234]'
}

# edge_ask PATH: the status that a visitor would get, all the way through this nginx.
edge_ask() {
  edge_path "$1" && edge_server "${DOMAIN:-localhost}" || return 1
  # shellcheck disable=SC2016
  edge_exec sh -c '
    if grep -q "listen 8443 ssl" /etc/nginx/plimsoll/nginx.conf; then set -- "https://$1$2" 8443; else set -- "http://$1$2" 8080; fi
    exec curl -gsk -m 10 -o /dev/null -w "%{http_code}" --connect-to "::127.0.0.1:$2" "$1"' ask "${DOMAIN:-localhost}" "$1"
}
