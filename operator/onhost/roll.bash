# shellcheck shell=bash
# Servers, one at a time, beside a spare that runs the new version first: what nginx counts as in flight is waited for,
# and nothing is sent to a server before nginx itself has had an answer of it.

weight_of() { printf '%s' "${WEIGHTS[$1]:-100}"; }

# The names and addresses that the running nginx balances over, by its own word.
read_edge() {
  local name address
  EDGE=()
  while read -r name address; do EDGE[$name]=$address; done < <(edge_servers)
  ((${#EDGE[@]} > 0))
}
declare -A EDGE

# ---- the spare ----------------------------------------------------------------------------------------------------

# The spare of the release at hand, started and ready but without requests. 2 where there can be none.
spare_up() {
  local port options=()
  [[ -n $SPARE && -n ${W_HASH[$SPARE]-} ]] || return 2
  [[ -n ${EDGE[$SPARE]-} ]] || return 2
  # nginx as it runs may know it by another port (a server more or less moves it): there it must listen.
  port=${EDGE[$SPARE]##*:}
  if [[ $port != "${PORTS[$SPARE]-$port}" ]]; then
    printf 'services:\n  %s:\n    environment:\n      PORT: "%s"\n' "$SPARE" "$port" >"$TMP/spare.yaml"
    options=(-f "$TMP/spare.yaml")
  fi
  # One that an engine left, or that is to be of another release: it may be at work.
  [[ -z ${C_ID[$SPARE]-} ]] || drain "$SPARE"
  d "${COMPOSE[@]}" "${options[@]}" up -d --no-deps --no-build --quiet-pull --timeout "$STOP" "$SPARE" >/dev/null ||
    fault "$SPARE cannot be started: $(said)" || return 1
  await_ready "$SPARE" 0
}

step_spare() {
  local code=0 path expected got
  spare_up || code=$?
  if ((code == 2)); then
    HAS_SPARE=0
    DETAIL="nginx knows no spare yet: the servers are replaced without one"
    return 0
  fi
  ((code == 0)) || return 1
  HAS_SPARE=1
  for path in "${SMOKE[@]}"; do
    read -r path expected <<<"$path"
    got=$(edge_probe "$SPARE" "$path" || true)
    fits "$got" "${expected:-<400}" || fault "$path of the new version answers $got, expected ${expected:-below 400}"$'\n'"$(logs_of "$SPARE")" || return 1
  done
}

# fits CODE 200|<400
fits() {
  [[ $1 =~ ^[0-9]+$ ]] || return 1
  if [[ $2 == '<'* ]]; then (($1 > 0 && $1 < ${2#<})); else [[ $1 == "$2" ]]; fi
}

# Nothing is sent to it any more, what it has is waited for, and it goes. In the background, where others can go on.
spare_down() {
  local name=$1
  drain "$name"
  remove "$name" "$STOP"
}

# ---- one server ---------------------------------------------------------------------------------------------------

# await_ready SERVER WEIGHT: until nginx has its 200, or it is plain that it will not come; then it is let in.
await_ready() {
  local deadline=$((SECONDS + READY_FOR)) state exit restarts
  until admit "$1" "$2" >/dev/null; do
    read -r state exit restarts < <(docker container inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' "$(container_of "$1")" 2>/dev/null) || state=gone exit=0 restarts=0
    if ((restarts >= 2)) || [[ $state == exited ]]; then
      fault "$1 ends as soon as it starts, exit code $(last_exit "$1" "$exit")"$'\n'"$(logs_of "$1")"
      return 1
    fi
    ((SECONDS < deadline)) || fault "$1 runs, but $READY_PATH was not 200 within $READY_FOR s"$'\n'"$(logs_of "$1")" || return 1
  done
}

# The engine says 0 of a container that it has just started again: what it said at its end is in its events.
last_exit() {
  local code
  code=$(timeout 5 docker events --since 10m --until "$(date +%s)" --filter "container=$(container_of "$1")" \
    --filter event=die --format '{{index .Actor.Attributes "exitCode"}}' 2>/dev/null | tail -n 1) || true
  printf '%s' "${code:-$2}"
}

# admit SERVER WEIGHT: ready three times in a row, warmed, given its release's name and its weight, all in one call into
# nginx's container, since each costs a server's turn a tenth of a second. 1 where it is not ready within 2 s.
admit() {
  edge_server "$1" && edge_server "$VERSION" && edge_path "$READY_PATH" && edge_number "$2" || return 1
  # shellcheck disable=SC2016
  edge_exec sh -c '
    end=$(($(date +%s) + 2)) good=0
    while :; do
      code=$(curl -gs -m 6 -o /dev/null -w "%{http_code}" "$1")
      if [ "$code" = 200 ]; then good=$((good + 1)); else good=0; fi
      [ "$good" -lt 3 ] || break
      [ "$(date +%s)" -lt "$end" ] || exit 1
      [ "$good" -gt 0 ] || sleep 0.1
    done
    curl -gs -m 30 -o /dev/null "$1#[1-20]" || true
    exec curl -sS --fail-with-body -m 10 -X PATCH --data "$3" "$2?format=text"' admit \
    "$EDGE_PROBE/$1$READY_PATH" "$EDGE_CONTROL/$GROUP" "{\"weights\":{\"$1\":$2},\"releases\":{\"$1\":\"$VERSION\"}}"
}

# drain SERVER: it is told of what is cut off at the deadline, and what follows goes on.
drain() {
  local left code=0
  left=$(edge_drain "$1" "$DRAIN") || code=$?
  case $code in
    0) ;;
    1) note "$1 still had ${left:-some} requests open after $DRAIN s: they are cut off" ;;
    *) note "$1 could not be drained: $(said)" ;;
  esac
}

roll_one() {
  drain "$1"
  replace "$1" --timeout "$STOP" || return 1
  await_ready "$1" "$(weight_of "$1")"
}

# A server that nginx does not know yet: its readiness is asked by name, and its requests begin with nginx's new files.
start_new() {
  local deadline=$((SECONDS + READY_FOR)) port=${PORTS[$1]}
  replace "$1" --timeout "$STOP" || return 1
  until edge_answers "$1" "$port" "$READY_PATH"; do
    ((SECONDS < deadline)) || fault "$1 runs, but $READY_PATH was not 200 within $READY_FOR s"$'\n'"$(logs_of "$1")" || return 1
    sleep 0.2
  done
}

# All servers of the release at hand, those that differ alone. Ends with every one ready.
roll_servers() {
  local name
  for name in "${SERVERS[@]}"; do
    if ! differs "$name"; then
      edge_release "$name" "$VERSION" || true
    elif [[ -n ${EDGE[$name]-} ]]; then
      step "roll $name" roll_one "$name" || return 1
    else
      step "start $name" start_new "$name" || return 1
    fi
  done
}

# ---- the door -----------------------------------------------------------------------------------------------------

# nginx's files, and nginx itself where a reload is not enough. Servers that leave are drained before it forgets them.
# step_nginx [reload] [settle]: `reload` even where no file differs; `settle` asks every server, whatever was done to it.
step_nginx() {
  local name leaving=() weights=() files
  for name in "${!EDGE[@]}"; do
    has "$name" "${SERVERS[@]}" "$SPARE" || ! is_server "$name" || leaving+=("$name")
  done
  for name in "${leaving[@]}"; do drain "$name"; done
  files_like "$FILES" -path './nginx/*' || return 1
  files=${#PLACED[@]}
  DETAIL=unchanged
  if differs "$NGINX"; then
    edge_handover || fault "nginx could not be handed over: $(said)" || return 1
    DETAIL='made anew'
  elif ((files > 0)) || has reload "$@"; then
    edge_reload || fault "nginx does not reload: $(said)" || return 1
    DETAIL="$files files, reloaded"
  fi
  read_edge || fault "nginx does not say its servers: $(said)" || return 1
  for name in "${SERVERS[@]}"; do
    [[ -n ${EDGE[$name]-} ]] || fault "nginx does not know $name" || return 1
    weights+=("$name=$(weight_of "$name")")
    [[ $DETAIL != unchanged ]] || has settle "$@" || continue
    await_ready "$name" "$(weight_of "$name")" || return 1
  done
  edge_weights "${weights[@]}" || fault "nginx does not take the weights: $(said)" || return 1
  for name in "${leaving[@]}"; do remove "$name" "$STOP" || true; done
}

step_test() { edge_test "$FILES/nginx" || fault "nginx refuses the new files"$'\n'"$(said)"; }

# The whole way of a request, from inside nginx's container.
step_smoke() {
  local path expected got tries
  # It answers 503 to everybody then; the servers themselves were asked one by one.
  if [[ $(edge_get 2>/dev/null | awk '$1 == "#" { print $3 }') == on ]]; then
    DETAIL='in maintenance: not asked'
    return 0
  fi
  for path in "${SMOKE[@]}"; do
    read -r path expected <<<"$path"
    for tries in 1 2 3; do
      got=$(edge_ask "$path" || true)
      ! fits "$got" "${expected:-<400}" || continue 2
      ((tries == 3)) || sleep 0.5
    done
    fault "$path answers $got at the edge, expected ${expected:-below 400}"$'\n'"$(logs_of "$NGINX" 5)"
    return 1
  done
  DETAIL="${#SMOKE[@]} paths"
}

# ---- the share of a canary ----------------------------------------------------------------------------------------

gcd() {
  local a=$1 b=$2
  while ((b)); do ((a = a % b, a ^= b, b ^= a, a ^= b)); done
  printf '%d' "$a"
}

# share_weights PER-MILLE SERVERS: "SPARE OLD", so that the spare has exactly that share, or as near as nginx can count.
share_weights() {
  local share=$1 count=$2 spare old divisor step
  for step in 1 5 10 50 100; do
    share=$((($1 + step / 2) / step * step))
    ((share > 0 && share < 1000)) || continue
    spare=$((share * count)) old=$((1000 - share))
    divisor=$(gcd "$spare" "$old")
    spare=$((spare / divisor)) old=$((old / divisor))
    if ((spare <= 1000 && old <= 1000 && spare + old * count <= 10000)); then
      printf '%d %d %d\n' "$spare" "$old" "$share"
      return 0
    fi
  done
  return 1
}

step_canary() {
  local spare old share name
  DETAIL='no share was asked for'
  ((CANARY_SHARE > 0)) || return 0
  [[ -n $PREVIOUS ]] || { DETAIL='nothing was released before it' && return 0; }
  ((HAS_SPARE)) || { DETAIL='no spare, so no canary' && return 0; }
  read -r spare old share < <(share_weights "$CANARY_SHARE" "${#OLD_SERVERS[@]}") || fault "no weights give $CANARY_SHARE per mille" || return 1
  put "$WORK/affinity" "$(edge_affinity)"
  put "$WORK/state" canary
  SHARE="$((share / 10)).$((share % 10))%"
  local weights=("$SPARE=$spare")
  for name in "${OLD_SERVERS[@]}"; do
    weights+=("$name=$old")
    edge_release "$name" "$PREVIOUS" || true
  done
  edge_affinity cookie && edge_weights "${weights[@]}" || fault "nginx does not take the share: $(said)" || return 1
  note "$SHARE of the requests for ${CANARY_FOR} s"
  REASON_FILE=$WORK/reason judge_watch "$CANARY_FOR" canary "$SPARE" -- "${OLD_SERVERS[@]}" || { ROLLED_BACK=1 && fault "$(cat "$WORK/reason")" || return 1; }
  edge_affinity "$(word_of "$WORK/affinity")" || true
  put "$WORK/state" running
  DETAIL='promoted'
}
