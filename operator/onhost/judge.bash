# shellcheck shell=bash
# The judge of a new version: reads nginx's metrics and the engine's figures every few seconds, compares the servers of
# the new version with the old one's at the same time, and says fine or roll back. To be sourced.
# Needs bash, awk (mawk will do), coreutils and docker on the host, and curl in nginx's container; nothing else.
#
# Settings, as variables:
#   PROJECT STATE      Compose's project, the site's state folder; JUDGE_FOLDER where judge-*.awk are (default: here)
#   NGINX              nginx's service (nginx); or NGINX_CONTAINER, a container's name or id, which then counts
#   VERSION FROM       names of the new version and of the old one (PREVIOUS), for people to read
#   TRIGGER_ERRORS     share of requests (0.05); 0 switches a trigger off
#   TRIGGER_P95        seconds (1)
#   TRIGGER_DATABASE   1 or 0
#   TRIGGER_MEMORY     share of the container's limit (0.9), without the page cache, as `docker stats` counts
#   TRIGGER_CPU        share of one core, or of the limit where that is less (0.9): a Node server's loop has one core
#   WINDOW             seconds a trigger must hold (15); SAMPLES requests it takes to judge (20); INTERVAL of looks (3)
#   READY_PATH         the servers' readiness path; empty: not asked
#   METRICS_PORTS      associative array: a server's port of metrics, where it counts failed database connections
#   DATABASE_SERVICES  array: the stack's own databases (POSTGRES_NODES): while one is unhealthy no release is blamed
#   SHARE              text for the status; HOLD_MAX seconds a canary may wait for enough requests (86400)
#   REASON_FILE        gets one line on a rollback
# judge_watch calls `event STEP STATE TEXT` where the caller has such a function.

# shellcheck disable=SC2153
judge_settings() {
  JUDGE_FOLDER=${JUDGE_FOLDER:-$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)}
  : "${NGINX:=nginx}" "${VERSION:=new}" "${FROM:=${PREVIOUS:-before}}" "${TRIGGER_ERRORS:=0.05}" "${TRIGGER_P95:=1}"
  : "${TRIGGER_DATABASE:=1}" "${TRIGGER_MEMORY:=0.9}" "${TRIGGER_CPU:=0.9}" "${WINDOW:=15}" "${SAMPLES:=20}"
  : "${INTERVAL:=3}" "${HOLD_MAX:=86400}" "${READY_PATH:=}" "${SHARE:=}" "${NGINX_CONTAINER:=}" "${REASON_FILE:=}"
  declare -p METRICS_PORTS >/dev/null 2>&1 || declare -gA METRICS_PORTS=()
  declare -p DATABASE_SERVICES >/dev/null 2>&1 || declare -ga DATABASE_SERVICES=("${POSTGRES_NODES[@]}")
}

judge_say() { if declare -F event >/dev/null; then event "$@"; else printf '%s %s: %s\n' "$@" >&2; fi; }

# Since the machine started: a clock that is set in the middle of a watch changes nothing.
judge_now() {
  local up _
  read -r up _ </proc/uptime
  printf '%s' "$up"
}

# The running containers' ids by service. Read again after a look in which one was gone.
judge_containers() {
  local id service
  JUDGE_IDS=()
  JUDGE_EDGE=$NGINX_CONTAINER
  while read -r id service; do
    if [[ $service == "$NGINX" ]]; then
      [[ -n $JUDGE_EDGE ]] || JUDGE_EDGE=$id
      [[ -n $NGINX_CONTAINER ]] || JUDGE_IDS+=("$id")
    elif [[ " ${JUDGE_NEW[*]} ${JUDGE_OLD[*]} ${DATABASE_SERVICES[*]} " == *" $service "* ]]; then
      JUDGE_IDS+=("$id")
    fi
  done < <(timeout 10 docker ps --all --no-trunc --filter "label=com.docker.compose.project=$PROJECT" \
    --filter label=com.docker.compose.oneoff=False --format '{{.ID}} {{.Label "com.docker.compose.service"}}' 2>/dev/null)
}

# All that nginx's container can tell, in one call: its metrics, every server's readiness and its own count of failures.
judge_ask() {
  local server words=(-s -m 3 http://127.0.0.1:9145/metrics -w "\n$JUDGE_MARK edge %{http_code}\n")
  for server in "${JUDGE_NEW[@]}" "${JUDGE_OLD[@]}"; do
    if [[ -n $READY_PATH && $TRIGGER_DATABASE != 0 ]]; then
      words+=(--next -s -m 3 -o /dev/null -w "$JUDGE_MARK ready $server %{http_code}\n"
        "http://127.0.0.1:8081/probe/$server/${READY_PATH#/}")
    fi
    if [[ -n ${METRICS_PORTS[$server]:-} && $TRIGGER_DATABASE != 0 ]]; then
      words+=(--next -s -m 3 -w "\n$JUDGE_MARK app $server %{http_code}\n"
        "http://$server:${METRICS_PORTS[$server]}/metrics")
    fi
  done
  timeout 30 docker exec "$JUDGE_EDGE" curl "${words[@]}" 2>/dev/null || true
}

# One look into FILE.
judge_read() {
  local file=$1 stats wall server=com.docker.compose.service
  judge_cents "$(judge_now)"
  JUDGE_LOOKED=$CENTS
  wall=$EPOCHREALTIME
  wall=${wall/,/.}
  if ((${#JUDGE_IDS[@]} == 0)) || [[ -z $JUDGE_EDGE ]]; then judge_containers; fi
  # Takes two seconds, asleep: the engine compares two readings of its own.
  timeout 15 docker stats --no-stream --no-trunc --format \
    "$JUDGE_MARK use {{.ID}} {{.CPUPerc}} {{.MemPerc}} {{.MemUsage}}" "${JUDGE_IDS[@]}" >"$file.use" 2>/dev/null &
  stats=$!
  {
    printf '%s time %s\n' "$JUDGE_MARK" "$(judge_now)"
    judge_ask
    printf '\n'
    timeout 10 docker inspect --format "$JUDGE_MARK box {{.Id}} {{index .Config.Labels \"$server\"}} {{.HostConfig.NanoCpus}} \
{{.RestartCount}} {{.State.Status}} {{.State.StartedAt}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}}" \
      "${JUDGE_IDS[@]}" 2>/dev/null || JUDGE_STALE=1
    # A restart wipes out what the engine notes of the one before: only the event tells that the kernel ended it.
    timeout 10 docker events --since "$JUDGE_SINCE" --until "$wall" --filter event=oom \
      --filter "label=com.docker.compose.project=$PROJECT" \
      --format "$JUDGE_MARK oom {{index .Actor.Attributes \"$server\"}}" 2>/dev/null || true
  } >"$file"
  JUDGE_SINCE=$wall
  wait "$stats" || JUDGE_STALE=1
  # After the boxes, which say whose container it is.
  cat "$file.use" >>"$file"
  if ((JUDGE_STALE)); then JUDGE_IDS=(); fi
  JUDGE_STALE=0
}

# Makes of a look and the one before it a verdict.
judge_weigh() {
  local task=$1 folder=$2
  awk -f "$JUDGE_FOLDER/judge-read.awk" -f "$JUDGE_FOLDER/judge-figures.awk" -f "$JUDGE_FOLDER/judge-verdict.awk" \
    -v task="$task" -v mark="$JUDGE_MARK" -v before="$folder/before" -v after="$folder/after" \
    -v news="${JUDGE_NEW[*]}" -v olds="${JUDGE_OLD[*]}" -v helpers="${DATABASE_SERVICES[*]}" -v nginx_name="$NGINX" \
    -v old_name="$FROM" -v window="$WINDOW" -v samples="$SAMPLES" -v errors="$TRIGGER_ERRORS" -v p95="$TRIGGER_P95" \
    -v memory="$TRIGGER_MEMORY" -v cpu="$TRIGGER_CPU" -v database="$TRIGGER_DATABASE" \
    -v baseline="${JUDGE_BASELINE:-}" "$folder/look" || return
  if [[ -e $folder/after ]]; then mv -f -- "$folder/after" "$folder/before"; fi
}

# judge_begin FOLDER NEW... -- OLD...: the first look, from which the others count.
judge_begin() {
  local folder=$1
  shift
  JUDGE_NEW=() JUDGE_OLD=() JUDGE_IDS=() JUDGE_EDGE='' JUDGE_STALE=0
  # Not to be guessed by what an application prints; and not @, which curl takes for a file.
  JUDGE_MARK="~$RANDOM$RANDOM"
  JUDGE_SINCE=$EPOCHREALTIME
  JUDGE_SINCE=${JUDGE_SINCE/,/.}
  while (($#)) && [[ $1 != -- ]]; do
    JUDGE_NEW+=("$1")
    shift
  done
  shift || true
  JUDGE_OLD=("$@")
  rm -rf -- "$folder"
  mkdir -- "$folder"
  judge_read "$folder/look"
  judge_weigh begin "$folder"
}

# judge_baseline FILE [begin]: the figures of SERVERS, which soon run no more. `begin` notes where counting starts (as
# early in a deploy as can be); a later call without it writes FILE. Without a `begin`: all since nginx started.
judge_baseline() {
  local file=$1 what=${2:-end} folder=$1.counting
  judge_settings
  if [[ $what == begin ]]; then
    judge_begin "$folder" "${SERVERS[@]}" --
    printf '%s\n' "$JUDGE_MARK" >"$folder/mark"
    return
  fi
  if [[ -e $folder/mark && -e $folder/before ]]; then
    read -r JUDGE_MARK <"$folder/mark"
    JUDGE_NEW=("${SERVERS[@]}") JUDGE_OLD=() JUDGE_IDS=() JUDGE_EDGE='' JUDGE_STALE=0
    JUDGE_SINCE=$EPOCHREALTIME
    JUDGE_SINCE=${JUDGE_SINCE/,/.}
    judge_read "$folder/look"
  else
    judge_begin "$folder" "${SERVERS[@]}" --
    rm -f -- "$folder/before"
  fi
  judge_weigh baseline "$folder" >"$file.aside"
  mv -f -- "$file.aside" "$file"
  rm -rf -- "$folder"
}

# shellcheck disable=SC2153
judge_status() {
  local state=$1 elapsed=$2 left=$3 folder=$4
  {
    printf 'release %s\nfrom %s\nmode %s\nshare %s\nstate %s\nelapsed %s\nleft %s\nneeded %s\n' \
      "$VERSION" "$FROM" "$JUDGE_MODE" "${SHARE:--}" "$state" "$elapsed" "$left" "$SAMPLES"
    sed -n 's/^count //p; s/^row /trigger /p; /^note /p; /^reason /p' "$folder/verdict" 2>/dev/null || true
  } >"$STATE/work.status.aside"
  mv -f -- "$STATE/work.status.aside" "$STATE/work.status"
}

judge_reason() {
  if [[ -n $REASON_FILE ]]; then
    printf '%s\n' "$1" >"$REASON_FILE.aside"
    mv -f -- "$REASON_FILE.aside" "$REASON_FILE"
  fi
  judge_say watch failed "$1"
}

# judge_watch SECONDS canary|after NEW... -- [OLD...]
# 0: fine until the end. 1: to be rolled back, and REASON_FILE says why. The caller acts on it.
# `canary` waits beyond SECONDS until enough requests came, until a trigger that is not sure is, or for STATE/work.promote
# or STATE/work.abort (with a line that says who). `after` (all servers replaced; JUDGE_BASELINE names judge_baseline's
# file) ends at SECONDS also where too few requests came (a stack without visitors must not wait for them), and four
# windows later where it is still not sure.
judge_watch() {
  local for_seconds=$1 folder began elapsed left state word rest reason note told='' samples blind blind_since=-1
  JUDGE_MODE=$2
  shift 2
  judge_settings
  folder=$STATE/work.judge
  judge_begin "$folder" "$@"
  began=$(judge_now)
  : >"$folder/verdict"
  judge_status watching 0 "$for_seconds" "$folder"
  while :; do
    judge_pause
    if judge_told "$folder" "$began"; then return "$JUDGE_ANSWER"; fi
    judge_read "$folder/look"
    judge_weigh watch "$folder" >"$folder/verdict" || judge_say watch note "a look could not be weighed"
    state=ok reason='' note='' samples=0 blind=0
    while read -r word rest; do
      case $word in
        state) state=$rest ;;
        reason) reason=$rest ;;
        note) note=$rest ;;
        count)
          case $rest in
            samples*) samples=${rest#samples } ;;
            blind*) blind=${rest#blind } ;;
          esac
          ;;
      esac
    done <"$folder/verdict"
    elapsed=$(judge_since "$began")
    left=$((for_seconds > elapsed ? for_seconds - elapsed : 0))
    if [[ $state == fired ]]; then
      judge_status rolled-back "$elapsed" "$left" "$folder"
      judge_reason "$reason"
      return 1
    fi
    if [[ $blind == 1 ]]; then
      ((blind_since >= 0)) || blind_since=$elapsed
      note="nginx's metrics cannot be read for $((elapsed - blind_since)) s"
    else
      blind_since=-1
    fi
    if ((elapsed < for_seconds)); then
      judge_status watching "$elapsed" "$left" "$folder"
    elif [[ $state == ok && $blind == 0 ]] || [[ $JUDGE_MODE == after && $state == few ]]; then
      if [[ $state == few ]]; then note="only $samples of $SAMPLES requests came: judged by readiness, memory and CPU alone"; else note=''; fi
      [[ -z $note ]] || judge_say watch note "$note"
      judge_status promoted "$elapsed" 0 "$folder"
      return 0
    else
      [[ $state != few ]] || note="$samples of $SAMPLES requests"
      judge_status held "$elapsed" 0 "$folder"
      if [[ $JUDGE_MODE == after ]] && ((elapsed >= for_seconds + 4 * ${WINDOW%.*})); then
        judge_say watch note "nothing that is surely the release's doing: ${note:-nothing could be read}"
        judge_status promoted "$elapsed" 0 "$folder"
        return 0
      fi
      if ((elapsed >= for_seconds + HOLD_MAX)); then
        judge_reason "held for $HOLD_MAX s and still not sure: ${note:-nothing could be read}"
        return 1
      fi
      note="held: ${note:-not sure}"
    fi
    # Once for each kind of thing to say, not once a look with other numbers in it.
    if [[ -n $note && $told != *"|${note//[0-9.]/}|"* ]]; then
      told+="|${note//[0-9.]/}|"
      judge_say watch note "$note"
    fi
  done
}

# Hundredths of a second, into CENTS.
judge_cents() {
  local whole=${1%%.*} part=
  [[ $1 != *.* ]] || part=${1#*.}
  part=${part}00
  CENTS=$((10#${whole:-0} * 100 + 10#${part:0:2}))
}

# Whole seconds since then.
judge_since() {
  judge_cents "$1"
  local then=$CENTS
  judge_cents "$(judge_now)"
  printf '%d' "$(((CENTS - then) / 100))"
}

# Until the next look is due; a person's word ends it at once.
judge_pause() {
  local due up _
  judge_cents "$INTERVAL"
  due=$((CENTS + JUDGE_LOOKED))
  while [[ ! -e $STATE/work.promote && ! -e $STATE/work.abort ]]; do
    read -r up _ </proc/uptime
    judge_cents "$up"
    ((CENTS < due)) || break
    sleep 0.2
  done
}

# Whether a person decided; JUDGE_ANSWER is what judge_watch then returns.
judge_told() {
  local folder=$1 who='' elapsed
  elapsed=$(judge_since "$2")
  if [[ -e $STATE/work.abort ]]; then
    who=$(head -c 200 -- "$STATE/work.abort" | tr -d '\000-\037')
    rm -f -- "$STATE/work.abort"
    JUDGE_ANSWER=1
    judge_status rolled-back "$elapsed" 0 "$folder"
    judge_reason "aborted${who:+ by $who}"
  elif [[ -e $STATE/work.promote ]]; then
    who=$(head -c 200 -- "$STATE/work.promote" | tr -d '\000-\037')
    rm -f -- "$STATE/work.promote"
    JUDGE_ANSWER=0
    judge_status promoted "$elapsed" 0 "$folder"
    judge_say watch note "promoted${who:+ by $who}"
  else
    return 1
  fi
}

# judge_alert NAME page|warn SUMMARY: to the stack's Alertmanager, if there is one. Ends by itself after ALERT_FOR (1 h).
judge_alert() {
  local now summary labels
  judge_settings
  now=$(date +%s)
  summary=$(judge_json "$3")
  labels="\"alertname\":$(judge_json "$1"),\"severity\":$(judge_json "$2"),\"release\":$(judge_json "$VERSION")"
  labels+=",\"stack\":$(judge_json "${STACK:-$PROJECT}"),\"environment\":$(judge_json "${ENVIRONMENT:-}")"
  printf '[{"labels":{%s},"annotations":{"summary":%s},"startsAt":"%s","endsAt":"%s"}]' "$labels" "$summary" \
    "$(date -u -d "@$now" +%FT%TZ)" "$(date -u -d "@$((now + ${ALERT_FOR:-3600}))" +%FT%TZ)" |
    timeout 10 docker exec -i "${NGINX_CONTAINER:-$(judge_edge)}" curl -sf -m 5 -o /dev/null -H 'Content-Type: application/json' \
      --data-binary @- http://alertmanager:9093/api/v2/alerts 2>/dev/null || true
}

judge_edge() {
  timeout 10 docker ps --quiet --filter "label=com.docker.compose.project=$PROJECT" \
    --filter "label=com.docker.compose.service=$NGINX" 2>/dev/null | head -n 1
}

judge_json() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  # What is left of control characters has no place in a line.
  printf '"%s"' "$(printf '%s' "$text" | tr '\000-\037' ' ')"
}
