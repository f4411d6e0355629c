# shellcheck shell=bash
# The first release of a host: everything at once, as plain Compose would start it, and watched until all is well.

first_release() {
  # One that comes back from its backups: their sidecar reads files of the live folder.
  if [[ -s $WORK/seed ]]; then
    # Of a bundle that followed here before.
    remove_gone "$LIVE/manifest.json" "$FILES"
    step files step_all_files || return 1
    step 'kept images' with_seed step_kept_images || return 1
  fi
  step images step_images || return 1
  step secrets step_secrets || return 1
  step look step_look || return 1
  step files step_all_files || return 1
  if [[ -s $WORK/seed ]]; then step seed with_seed step_seed || return 1; fi
  step start step_start || return 1
  step smoke step_smoke || return 1
  step finish step_finish
}

step_all_files() {
  files_like "$FILES" || return 1
  DETAIL="${#PLACED[@]} files"
}

step_start() {
  local starting code=0 name deadline=$((SECONDS + ${SERVICE_FOR:-600})) waiting told=() hopeless restarts
  declare -A before
  docker "${COMPOSE[@]}" up -d --no-build --quiet-pull "${WANTED[@]}" >"$TMP/up" 2>&1 &
  starting=$!
  BACKGROUND+=("$starting")
  while :; do
    if [[ -n $starting ]] && ! kill -0 "$starting" 2>/dev/null; then
      wait "$starting" || code=$?
      starting=''
    fi
    read_running || return 1
    waiting=() hopeless=''
    for name in "${WANTED[@]}"; do
      if has_arrived "$name"; then
        has "$name" "${told[@]}" || note "$name is ${C_HEALTH[$name]/#-/${C_STATE[$name]}}"
        told+=("$name")
      else
        waiting+=("$name")
        # One that waits for another may end a few times; nothing waits five times for what Compose starts in order.
        restarts=${C_RESTARTS[$name]-0}
        : "${before[$name]:=$restarts}"
        ((restarts - before[$name] < 5)) || hopeless=$name
      fi
    done
    ((${#waiting[@]} > 0)) || [[ -n $starting ]] || break
    if [[ -n $hopeless ]] || ((code != 0 || SECONDS >= deadline)); then
      fault "$(report "$code" "${waiting[@]}")"
      return 1
    fi
    sleep 0.4
  done
  ((code == 0)) || fault "$(ERR=$TMP/up said)" || return 1
  read_edge || true
  for name in "${SERVERS[@]}"; do edge_release "$name" "$VERSION" || true; done
  DETAIL="${#WANTED[@]} services"
}

has_arrived() {
  case ${C_STATE[$1]-}:${C_HEALTH[$1]-} in
    running:healthy) return 0 ;;
    running:-) [[ ${W_ONCE[$1]} != 1 ]] ;;
    exited:*) [[ ${W_ONCE[$1]} == 1 && ${C_EXIT[$1]} == 0 ]] ;;
    *) return 1 ;;
  esac
}

# report CODE SERVICES…: who did not come, and their last words; those first that are not merely waiting for others.
report() {
  local name code=$1
  shift
  ((code == 0)) || printf '%s\n' "$(ERR=$TMP/up said)"
  for name in "$@"; do
    [[ ${C_STATE[$name]-created} != created ]] || continue
    printf '%s is %s %s, ended %s times\n' "$name" "${C_STATE[$name]}" "${C_HEALTH[$name]/#-/}" "${C_RESTARTS[$name]}"
    logs_of "$name" 12
  done
  printf 'not there: %s\n' "$*"
}
