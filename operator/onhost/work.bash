# shellcheck shell=bash
# The judge reads SERVERS in shells of its own.
# shellcheck disable=SC2030,SC2031
# The order of things, from a prepared release to a current one.

work() {
  # One place for each site, so that a killed engine leaves no more than this behind.
  TMP=$STATE/work.tmp
  rm -rf -- "$TMP"
  mkdir -m 0700 -- "$TMP" 2>/dev/null || TMP=$(mktemp -d)
  ERR=$TMP/said
  : >"$ERR"
  REASON='' STEP='' FAULT='' FINISHED='' ROLLED_BACK=0 HAS_SPARE=0 BACKGROUND=()
  trap on_exit EXIT
  trap 'REASON="ended by a signal"; exit 143' TERM INT HUP
  if [[ $1 != --recover ]]; then
    # What an earlier engine left half done is brought back first.
    ! has_unfinished || recover || true
    REASON='' ROLLED_BACK=0
    begin_work "$1" || { echo "the settings of $1 cannot be read" >&2 && FINISHED=1 && exit 2; }
    put "$WORK/state" running
    put "$WORK/from" "$PREVIOUS"
    rm -f -- "$WORK/reason" "$STATE/work.promote" "$STATE/work.abort"
    # Room that can be had back when the disk is full in the middle of it.
    { head -c 8388608 /dev/zero >"$STATE/ballast"; } 2>/dev/null || true
    release || exit 1
    FINISHED=1
    if [[ -s $WORK/follow ]]; then
      event end 'done' "$VERSION follows"
    else
      for_recovery
      event end 'done' "$VERSION is current"
    fi
    rm -f -- "$STATE/work" "$STATE/ballast"
    if [[ -s $WORK/follow ]]; then audit follows ''; else audit current ''; fi
  else
    recover || true
    FINISHED=1
  fi
}

begin_work() {
  WORKING=$1 WORK=$STATE/releases/$1 UNDOING=''
  use_release "$1" || return 1
  stamp
  put "$STATE/work" "version $1"$'\n'"pid $$"$'\n'"by $BY"$'\n'"since $STAMP"
  NGINX_STARTED=$(started_at "$NGINX")
}

release() {
  local current
  current=$(word_of "$STATE/current")
  STEP=plan
  if [[ $PREVIOUS != "$current" ]]; then
    REASON="it was planned on ${PREVIOUS:-nothing}, and ${current:-nothing} is current now"
    UNTOUCHED=1
    return 1
  fi
  remove_leftovers
  if [[ -s $WORK/follow ]]; then
    follow_release
    return
  fi
  # One that comes back is a first one, whatever of it an interrupted try has started.
  if [[ -z $PREVIOUS ]] && { [[ -s $WORK/seed ]] || ! runs_already; }; then
    first_release
  else
    next_release
  fi
}

# What brings this release back on another host. It is current, whatever becomes of this.
for_recovery() {
  if bundle_wanted; then step 'recovery bundle' step_bundle || REASON=''; fi
  keep_images || note "the application's image is not kept with the backups: $FAULT"
}

# Started by hand before there was a history: its servers are to be replaced one by one all the same.
runs_already() {
  local name
  [[ -n $(started_at "$NGINX") ]] && read_edge 2>/dev/null || return 1
  for name in "${SERVERS[@]}"; do [[ -z ${EDGE[$name]-} ]] || return 0; done
  return 1
}

next_release() {
  step images step_images || return 1
  step secrets step_secrets || return 1
  step look step_look || return 1
  count_before begin
  step 'restore point' step_restore_point || return 1
  step 'nginx test' step_test || return 1
  if [[ -n $MIGRATE && $KIND =~ ^(deploy|canary)$ ]]; then step migrate step_migrate || return 1; fi
  step files step_files || return 1
  step services step_services || return 1
  count_before end
  if servers_change; then
    step spare step_spare || return 1
    step canary step_canary || return 1
    wait_for_count
    if ((HAS_SPARE)); then step 'spare in' let_spare_in || return 1; fi
  fi
  roll_servers || return 1
  step nginx step_nginx || return 1
  step 'spare out' step_spare_out || return 1
  step processes step_processes || return 1
  step smoke step_smoke || return 1
  step watch step_watch || return 1
  step finish step_finish || return 1
  # From here on it is current, whatever becomes of the rest.
  wait_for_spare || true
  sweep
}

# What is left to be done when a release is current.
sweep() {
  step orphans step_orphans || true
  edge_handover_clean || true
  step prune step_prune || true
}

step_look() {
  read_hashes && read_running || fault "what runs cannot be compared with the release: $(said)" || return 1
  read_edge 2>/dev/null || true
}

servers_change() {
  local name
  for name in "${SERVERS[@]}"; do ! differs "$name" || return 0; done
  return 1
}

# Figures of the servers before they go, for the watch afterwards to compare with. Takes seconds, so beside the work.
count_before() {
  ((WATCH > 0)) || return 0
  if [[ $1 == end ]]; then
    [[ -z ${COUNTING-} ]] || wait "$COUNTING" 2>/dev/null || true
    (SERVERS=("${OLD_SERVERS[@]}") && judge_baseline "$WORK/before") >/dev/null 2>&1 &
  else
    (SERVERS=("${OLD_SERVERS[@]}") && judge_baseline "$WORK/before" begin) >/dev/null 2>&1 &
  fi
  COUNTING=$!
  BACKGROUND+=("$COUNTING")
}

wait_for_count() { [[ -z ${COUNTING-} ]] || wait "$COUNTING" 2>/dev/null || true; }

step_files() {
  files_like "$FILES" -not -path './nginx/*' -not -path ./compose.yaml -not -path ./plan.json -not -path ./manifest.json || return 1
  DETAIL="${#PLACED[@]} changed"
}

let_spare_in() {
  local name weights=("$SPARE=100")
  for name in "${OLD_SERVERS[@]}"; do [[ -z ${EDGE[$name]-} ]] || weights+=("$name=$(weight_of "$name")"); done
  edge_weights "${weights[@]}" || fault "nginx does not take its weight: $(said)"
}

# Beside what follows: the drain and the stop of the spare hold nobody up.
step_spare_out() {
  LEAVING=''
  [[ -n $SPARE && -n $(container_of "$SPARE") ]] || return 0
  edge_weight "$SPARE" 0 || fault "nginx does not take its weight: $(said)" || return 1
  (ERR=$TMP/said.spare && spare_down "$SPARE") >/dev/null &
  LEAVING=$!
  BACKGROUND+=("$LEAVING")
}

wait_for_spare() { [[ -z ${LEAVING-} ]] || wait "$LEAVING"; }

step_watch() {
  DETAIL='not asked for'
  ((WATCH > 0)) && servers_changed_here || return 0
  [[ ! -s $WORK/before ]] || export JUDGE_BASELINE=$WORK/before
  FROM=$PREVIOUS
  REASON_FILE=$WORK/reason judge_watch "$WATCH" after "${SERVERS[@]}" -- || { ROLLED_BACK=1 && fault "$(cat "$WORK/reason")" || return 1; }
  DETAIL="$WATCH s"
}

servers_changed_here() { [[ -n ${COUNTING-} ]]; }

step_finish() {
  place "$FILES" "${LAST[@]}" || return 1
  if [[ -n $PREVIOUS ]]; then remove_gone "$STATE/releases/$PREVIOUS/files/manifest.json" "$FILES"; fi
  settle_migrate
  put "$STATE/current" "$VERSION"
  settle_states
}

# After `current` is written, nothing is undone any more.
settle_states() {
  local before file
  before=$(word_of "$WORK/from")
  put "$WORK/state" current
  [[ -z $before || $(state_of "$before") != current ]] || put "$STATE/releases/$before/state" superseded
  # What an earlier one could not undo is as this one wants it now.
  for file in $(cd -- "$STATE/releases" && grep -lxF half v*/state 2>/dev/null); do
    put "$STATE/releases/$file" failed
  done
}

audit() {
  local line
  stamp
  line="{\"at\":\"$STAMP\",\"by\":"
  json "$BY" && line+="$JSON,\"command\":"
  json "${KIND:-deploy}" && line+="$JSON,\"release\":\"$WORKING\",\"what\":"
  json "${2:-${PREVIOUS:-nothing} -> $WORKING${WHAT:+: $WHAT}}" && line+="$JSON,\"outcome\":\"$1\"}"
  { printf '%s\n' "$line" >>"$STATE/audit.log"; } 2>/dev/null || true
}

on_exit() {
  local code=$?
  set +e
  trap - EXIT
  trap '' TERM INT HUP
  if [[ -z $FINISHED && -n ${WORK-} ]]; then
    ((${#BACKGROUND[@]} == 0)) || kill -TERM "${BACKGROUND[@]}" 2>/dev/null
    [[ -n $REASON ]] || REASON="$STEP: ended with $code"
    finish_badly
    code=1
  fi
  rm -rf -- "$TMP"
  exit "$code"
}
