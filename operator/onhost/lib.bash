# shellcheck shell=bash
# What every part of the engine stands on: events, small files, the release at hand, docker with patience.

# Seconds that a Docker engine may be away (restarted, upgraded) before a command on it counts as failed.
PATIENCE=${PATIENCE:-90}

# ---- events -------------------------------------------------------------------------------------------------------

micros() { MICROS=${EPOCHREALTIME/[.,]/}; }

stamp() {
  micros
  printf -v STAMP '%(%Y-%m-%dT%H:%M:%S)T.%03dZ' "${MICROS:0:-6}" "$((10#${MICROS: -6:3}))"
}

# Text as a JSON string, into JSON.
json() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  text=${text//[$'\001'-$'\037'$'\177']/ }
  JSON="\"$text\""
}

# event STEP STATE TEXT [MICROSECONDS]: a line for whoever follows. A full disk must not end the work.
event() {
  local line
  stamp
  json "$1"
  line="{\"at\":\"$STAMP\",\"step\":$JSON,\"state\":\"$2\""
  [[ -z ${4-} ]] || line+=",\"seconds\":$(($4 / 1000000)).$(printf %03d $(($4 / 1000 % 1000)))"
  json "${3-}"
  { printf '%s\n' "$line,\"text\":$JSON}" >>"$WORK/events"; } 2>/dev/null || true
}

note() { event "$STEP" note "$1"; }

# step NAME FUNCTION ARGUMENTS…: its begin, its end, and how long it took. What failed is in FAULT then. A step that an
# engine's restart cut short is done once more: every step looks at what is there first.
step() {
  local began outer=${STEP-}
  STEP=$1
  shift
  FAULT='' DETAIL=''
  event "$STEP" begin ''
  micros
  began=$MICROS
  if "$@" || { engine_came_back && note "the Docker engine was away: once more" && FAULT='' && "$@"; }; then
    micros
    event "$STEP" 'done' "$DETAIL" $((MICROS - began))
    STEP=$outer
    return 0
  fi
  micros
  [[ -n $FAULT ]] || FAULT=$(said)
  event "$STEP" failed "$FAULT" $((MICROS - began))
  REASON="$STEP: $FAULT"
  STEP=$outer
  return 1
}

fault() {
  FAULT=$1
  return 1
}

# ---- small files --------------------------------------------------------------------------------------------------

# put PATH TEXT: whole or not at all; on a full disk over the old content, which needs no new block.
put() {
  local aside="$1.new.$$"
  if { printf '%s\n' "$2" >"$aside"; } 2>/dev/null && mv -fT -- "$aside" "$1" 2>/dev/null; then return 0; fi
  rm -f -- "$aside"
  { printf '%s\n' "$2" >"$1"; } 2>/dev/null || true
}

word_of() {
  local word=''
  [[ ! -f $1 ]] || read -r word <"$1" || true
  printf '%s' "$word"
}

first_line_of() { [[ ! -f $1 ]] || head -n 1 -- "$1"; }

state_of() { word_of "$STATE/releases/$1/state"; }

# ---- the release at hand ------------------------------------------------------------------------------------------

SETTINGS=(
  PROJECT ROOT LIVE STATE SECRETS VERSION PREVIOUS KIND GROUP NGINX SERVERS OLD_SERVERS SPARE PROCESSES MIGRATE
  MIGRATE_STATUS PORTS METRICS_PORTS DATABASE_SERVICES READY_PATH HEALTH_PATH READY_FOR DRAIN STOP SMOKE CANARY_SHARE CANARY_FOR WATCH WINDOW SAMPLES
  KEEP POSTGRES_NODES BY DOMAIN WEIGHTS SECRETS_FROM APP_SECRETS CACHE_KEEP SUPPLY STACK ENVIRONMENT WHAT
)

# use_release VERSION: its settings, and COMPOSE to act with its files. A shell of its own reads the settings, so that
# `declare` in them is global here, and nothing of the release before stays.
use_release() {
  local text state=$STATE
  RELEASE=$STATE/releases/$1
  FILES=$RELEASE/files
  [[ -f $RELEASE/settings.env ]] || return 1
  unset "${SETTINGS[@]}"
  STATE=$state
  text=$(
    # shellcheck disable=SC2016
    env -i PATH="$PATH" LC_ALL=C bash -c '
      set -e
      source "$1"
      shift
      for name in "$@" $(compgen -v TRIGGER_ || true); do
        [[ ! -v $name && -z $(declare -p "$name" 2>/dev/null) ]] || declare -p "$name"
      done' settings "$RELEASE/settings.env" "${SETTINGS[@]}"
  ) || return 1
  eval "$(sed -E 's/^declare -(-|[A-Za-z]+)/declare -g -\1/' <<<"$text")"
  : "${PREVIOUS:=}" "${KIND:=deploy}" "${GROUP:=api}" "${NGINX:=nginx}" "${SPARE:=}" "${MIGRATE:=}" "${BY:=}"
  : "${READY_PATH:=/health}" "${READY_FOR:=60}" "${DRAIN:=30}" "${STOP:=30}" "${CANARY_SHARE:=0}" "${CANARY_FOR:=600}"
  : "${WATCH:=0}" "${KEEP:=5}" "${DOMAIN:=}" "${SECRETS_FROM:=}" "${CACHE_KEEP:=}" "${HEALTH_PATH:=/health}"
  declare -ga SERVERS OLD_SERVERS PROCESSES MIGRATE_STATUS SMOKE POSTGRES_NODES APP_SECRETS
  # While one of these is unwell, no release is blamed for it.
  [[ -v DATABASE_SERVICES ]] || declare -ga DATABASE_SERVICES=("${POSTGRES_NODES[@]}")
  declare -gA PORTS METRICS_PORTS WEIGHTS
  STATE=$state
  # The live folder is where relative paths start, so that a container is the same one that plain Compose would make.
  COMPOSE=(compose --ansi never --progress quiet --profile deploy -p "$PROJECT" --project-directory "$LIVE" -f "$FILES/compose.yaml")
}

# ---- docker -------------------------------------------------------------------------------------------------------

AWAY='Cannot connect to the Docker daemon|error during connect|dial unix [^ ]*: connect: |daemon is shutting down|unexpected EOF$|: EOF$'

# docker, asked again where the engine was away. Its words of failure are in the file ERR.
d() {
  local code deadline=$((SECONDS + PATIENCE))
  while :; do
    code=0
    docker "$@" 2>"$ERR" || code=$?
    ((code != 0)) || return 0
    { ((SECONDS < deadline)) && grep -Eq "$AWAY" "$ERR"; } || return "$code"
    AWAY_SEEN=1
    engine_answers $((deadline - SECONDS)) || return "$code"
  done
}

c() { d "${COMPOSE[@]}" "$@"; }

engine_answers() {
  local deadline=$((SECONDS + $1))
  until timeout 5 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.3
  done
}

# The last words of the command that failed, without Compose's own progress.
said() { grep -vE '^ (Container|Network|Volume|Image) |^time=.*level=warning|^ *$' "$ERR" 2>/dev/null | tail -n 12; }

# True where the engine was restarted since the work began, once it and what it held answer again.
engine_came_back() {
  local now
  [[ -n ${NGINX_STARTED-} ]] || return 1
  engine_answers "$PATIENCE" || return 1
  now=$(started_at "$NGINX")
  [[ $now != "$NGINX_STARTED" || -n ${AWAY_SEEN-} ]] || return 1
  AWAY_SEEN=''
  await_old "$PATIENCE" || true
  NGINX_STARTED=$(started_at "$NGINX")
}

started_at() {
  local id
  id=$(container_of "$1")
  [[ -z $id ]] || docker container inspect --format '{{.State.StartedAt}}' "$id" 2>/dev/null || true
}

# Until the front door answers and nothing that should run is still starting.
await_old() {
  local deadline=$((SECONDS + $1)) left
  while ((SECONDS < deadline)); do
    left=$(docker ps -a --filter "label=com.docker.compose.project=$PROJECT" --format '{{.State}} {{.Status}}' 2>/dev/null |
      grep -cE '^restarting|health: starting' || true)
    [[ $left != 0 ]] || return 0
    sleep 0.5
  done
  return 1
}

container_of() {
  docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$PROJECT" \
    --filter "label=com.docker.compose.service=$1" --filter label=com.docker.compose.oneoff=False 2>/dev/null | head -n 1
}

# logs_of SERVICE [LINES]: for the report of a failure.
logs_of() {
  local id
  id=$(container_of "$1")
  [[ -z $id ]] || docker logs --tail "${2:-15}" "$id" 2>&1 | cut -c 1-600 || true
}
