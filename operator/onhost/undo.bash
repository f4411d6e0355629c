# shellcheck shell=bash
# `a && b || c`: c is meant where either fails.
# shellcheck disable=SC2015
# Back to the release before: led by what runs, not by what was done, so that it serves a failed step and a killed
# engine alike, and doing it twice does no harm. What serves is not stopped before something else does.

undo() {
  local new_servers=("${SERVERS[@]}") new_spare=$SPARE name bad=() nginx=(settle)
  UNDOING=1
  rm -f -- "$STATE/ballast"
  [[ -z ${UNTOUCHED-} ]] || return 0
  remove_leftovers
  if [[ -z $PREVIOUS ]]; then
    # There is nothing to go back to.
    ROLLED_BACK=0
    note "a first release: what runs is left to be looked at"
    return 0
  fi
  use_release "$PREVIOUS" || fault "the settings of $PREVIOUS cannot be read" || return 1
  # The last that was touched comes first: it may be the one that does not serve.
  mapfile -t SERVERS < <(printf '%s\n' "${SERVERS[@]}" | tac)
  # Servers and processes that only the release at work has are theirs too while it is undone.
  OLD_SERVERS=("${new_servers[@]}")
  : "${SPARE:=$new_spare}"
  restore_secrets || return 1
  read_services && read_hashes && read_running || fault "what runs cannot be compared: $(said)" || return 1
  restore_files || return 1
  hold_the_door || return 1
  away_from_new || true
  if ! step_services; then note "left as they are: $FAULT"; fi
  read_running || return 1
  for name in "${SERVERS[@]}"; do ! differs "$name" || bad+=("$name"); done
  HAS_SPARE=0
  if ((${#bad[@]} > 0)); then
    note "back to $VERSION: ${bad[*]}"
    if spare_up; then
      HAS_SPARE=1
      edge_weight "$SPARE" 100 || true
    else
      note "without a spare: ${FAULT:-nginx knows none}"
      [[ -z $SPARE ]] || spare_down "$SPARE" || true
    fi
    roll_servers || return 1
  fi
  # Which files the running nginx took in is not to be seen: it takes in the right ones.
  diff -rq -- "$WORK/files/nginx" "$FILES/nginx" >/dev/null 2>&1 || nginx+=(reload)
  step_nginx "${nginx[@]}" || return 1
  edge_handover_clean || true
  [[ -z $SPARE ]] || spare_down "$SPARE" || true
  [[ ! -s $WORK/affinity ]] || edge_affinity "$(word_of "$WORK/affinity")" || true
  step_processes || return 1
  settle_migrate
  # Services that only the release at work has.
  step_orphans || true
}

# The live folder as the release before left it; only what the release at work brought is taken away.
restore_files() {
  local folder=$FILES
  files_like "$folder" -not -path './nginx/*' || return 1
  remove_gone "$WORK/files/manifest.json" "$folder"
}

# nginx itself may be what went wrong: then it comes first.
hold_the_door() {
  [[ ${C_STATE[$NGINX]-} == running ]] && read_edge && return 0
  note "nginx does not answer: started with the files of $VERSION"
  files_like "$FILES" -path './nginx/*' || return 1
  replace "$NGINX" || return 1
  arrive "$NGINX" "$READY_FOR" && read_edge || fault "nginx does not answer"$'\n'"$(logs_of "$NGINX")"
}

# At once: requests to those that still run the release before, if any do and they answer.
away_from_new() {
  local name weights=()
  [[ -n $SPARE && -n ${EDGE[$SPARE]-} && -n ${C_ID[$SPARE]-} ]] || return 0
  for name in "${SERVERS[@]}"; do
    [[ -n ${EDGE[$name]-} ]] || continue
    ! differs "$name" && edge_ready "$name" "$READY_PATH" 1 1 >/dev/null || continue
    weights+=("$name=$(weight_of "$name")")
  done
  ((${#weights[@]} == 0)) || edge_weights "$SPARE=0" "${weights[@]}"
}

# So that plain `docker compose up` in the live folder finds the job as it wants it. One that still runs is not ended in
# the middle: what of it is in no transaction would stay half.
settle_migrate() {
  [[ -n $MIGRATE ]] && differs "$MIGRATE" || return 0
  ended "$MIGRATE" "${SERVICE_FOR:-600}" || { note "$MIGRATE still runs, and is left to end" && return 0; }
  c up --no-start --no-deps --no-build "$MIGRATE" >/dev/null || true
}

# recover: every release that an engine left at work, and is no more.
recover() {
  local version
  while read -r version; do
    if [[ $(word_of "$STATE/current") == "$version" ]]; then
      finish_current "$version"
      continue
    fi
    [[ $(state_of "$version") =~ ^(running|canary|half)$ ]] || continue
    REASON=interrupted
    [[ $(state_of "$version") != half ]] || REASON=$(first_line_of "$STATE/releases/$version/reason")
    begin_work "$version" || continue
    STEP=recover
    event recover begin "the engine ended in the middle of it"
    finish_badly
  done < <(find "$STATE/releases" -mindepth 1 -maxdepth 1 -name 'v*' -printf '%f\n' | sort -V)
}

# The engine was killed after its release had become the current one: nothing to go back from, something to sweep.
finish_current() {
  [[ $(tail -n 1 "$STATE/releases/$1/events" 2>/dev/null) != *'"step":"end"'* ]] || return 0
  begin_work "$1" || return 0
  settle_states
  if [[ -n $SPARE ]] && read_edge; then spare_down "$SPARE" || true; fi
  # What is wanted must be known before anything is taken away for not being wanted.
  if read_services && read_hashes; then sweep; else note "what is left over stays: $(said)"; fi
  for_recovery
  audit current ''
  event end 'done' "$1 is current"
  rm -f -- "$STATE/work" "$STATE/ballast"
}

# finish_badly: undoes, says why, and leaves nothing behind that the next deploy would stumble on.
finish_badly() {
  local word=failed because=$REASON by=$BY kind=$KIND what=${WHAT-}
  if ! step undo undo; then
    because+=$'\n'"and not all of it could be undone: $REASON"
    word=half
  elif ((ROLLED_BACK)); then
    word=rolled-back
  fi
  # Undoing read the settings of the release before.
  BY=$by KIND=$kind WHAT=$what
  put "$WORK/reason" "$because"
  put "$WORK/state" "$word"
  rm -f -- "$WORK/images"
  REMOVED=()
  prune_images || true
  audit "$word" "${because%%$'\n'*}"
  if ((ROLLED_BACK)); then
    VERSION=$WORKING
    judge_alert ReleaseRolledBack page "$WORKING was rolled back: ${because%%$'\n'*}" || true
  fi
  event end "$word" "$because"
  rm -f -- "$STATE/work"
  REASON=$because
}
