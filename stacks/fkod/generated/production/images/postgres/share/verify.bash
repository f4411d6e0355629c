# The daily proof: a backup is restored beside the servers, recovered to the end of the archive, read in full, asked
# what a person wants to know, and thrown away. Whatever ends it half way, nothing of it stays.
#   /trial/running.json    what is being tried, as long as it is
#   /trial/data            its files, with logs beside them
#   /trial/results         what came of each backup, by label
#   /trial/newest.json     what came of the newest, and when one was last proven

# $1: a label; the newest of each repository if empty.
verify() {
  local outcome guard number passed=0
  exec 7>"$run/verify.lock"
  flock -w 2 7 || { log "another verification is running: this one is left out" warning; return "$busy"; }
  # Memory for one restored cluster at a time: see claim_reserve.
  exec 6>>"$trial/reserve.lock"
  flock -w 2 6 || {
    log "a copy of the database is there, or a restore is at work, in the memory that a verification uses: this one is left out" warning
    exec 6>&- 7>&-
    return "$reserved"
  }
  throw_away
  # Ends a moment after this process, whatever ends that, and throws away what it left.
  bound TERM "$0" verify-guard 8>&- &
  guard=$!
  while read -r number _ <&5; do
    prove "$1" "$number" || true
    outcome=$(jq -r .outcome "$trial/running.json")
    throw_away
    [[ $outcome == passed ]] || passed=1
  done 5< <(if [[ -z $1 ]]; then repositories; else holder_of "$1"; fi)
  kill "$guard" 2>/dev/null || true
  wait "$guard" 2>/dev/null || true
  write_metrics || true
  exec 6>&- 7>&-
  return "$passed"
}

# The number of the repository that has it; of the first where none does, which then says so.
holder_of() {
  local all
  all=$(words info --output=json 2>/dev/null) || all='[]'
  jq -r --arg wanted "$1" '[.[].backup[]? | select(.label == $wanted) | .database."repo-key" // 1][0] // 1' <<<"$all"
}

# Becomes a command that is told when its parent ends, even by a kill that nobody hears: for a subshell.
bound() {
  local signal=$1
  shift
  exec setpriv --pdeathsig "$signal" -- "$@"
}

guard() {
  trap throw_away EXIT
  trap 'exit 0' TERM INT HUP
  bound KILL sleep infinity 6>&- 7>&- &
  wait
}

# $1: a label or nothing. $2: number of the repository, from which alone it is restored and recovered.
prove() {
  local label=$1 all chosen newest end said
  # The kind, too: another stack.yaml gives the number to another repository.
  printf '{"label":null,"repository":%d,"kind":"%s","newest":true,"started":%d,"outcome":"unfinished","said":"it was ended half way"}\n' \
    "$2" "$(repositories | awk -v number="$2" '$1 == number { print $2 }')" "$(date +%s)" >"$trial/running.json"
  all=$(words info --output=json 2>"$trial/info.log") ||
    { untold "the repository does not open: $(tail -n 1 "$trial/info.log")"; return 1; }
  said=$(jq -r --argjson number "$2" '[.[].repo[]? | select(.key == $number and .status.code == 99) | .status.message][0] // empty' <<<"$all")
  [[ -z $said ]] || { untold "the repository does not open: $said"; return 1; }
  all=$(jq -c --argjson number "$2" '[.[].backup[]? | select((.database."repo-key" // 1) == $number)]' <<<"$all")
  newest=$(jq -r 'max_by(.timestamp.stop) | .label // empty' <<<"$all")
  label=${label:-$newest}
  [[ -n $label ]] || { failed "there is no backup yet"; return 1; }
  chosen=$(jq -c --arg wanted "$label" '.[] | select(.label == $wanted)' <<<"$all")
  [[ -n $chosen ]] || { failed "there is no backup $label"; return 1; }
  note --arg wanted "$label" --arg newest "$newest" '.label = $wanted | .newest = ($wanted == $newest)'
  log "verification of $label begins"
  # Before anything else happens: what would be lost if this were no drill.
  note --argjson risk "$(at_risk 2>/dev/null || echo null)" '.risk = $risk'
  # Read before the restore: what the archive has by now must be in the copy.
  end=$(archive_end "$2" 2>/dev/null) || { failed "the archive cannot be listed"; still_opens "$2"; return 1; }
  room_for "$(jq -r .info.size <<<"$chosen")" && timed restore restore "$label" "$2" && timed recovery recover "$end" "$2" &&
    timed reading read_all && timed checks ask_all || { still_opens "$2"; return 1; }
  note '.outcome = "passed" | .said = ""'
  log "$label is proven"
}

# What failed for want of a repository that went away meanwhile says nothing about the backup.
still_opens() {
  local all
  all=$(words info --output=json 2>/dev/null) || all=""
  if ! jq -e --argjson number "$1" 'any(.[].repo[]?; .key == $number and .status.code != 99)' <<<"$all" >/dev/null; then
    log "the repository does not open any more: this verification says nothing" warning
    note '.outcome = "unfinished"'
  fi
}

# The server first: it must not write into what is being removed.
throw_away() {
  local tries pid
  conclude || true
  for ((tries = 0; tries < 100; tries++)); do
    pid=$(head -n 1 "$trial/data/postmaster.pid" 2>/dev/null) || pid=""
    # A number alone may be anybody's by now.
    if [[ $pid =~ ^[0-9]+$ ]] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$trial/data"; then
      kill "-$( ((tries < 50)) && echo QUIT || echo KILL)" "$pid" 2>/dev/null || true
    else
      rm -rf "$trial/data" "$trial/tablespaces" "$trial"/*.log "$trial"/.[a-z]*.?????? "$run/trial" 2>/dev/null || true
      [[ -e $trial/data ]] || return 0
    fi
    sleep 0.1
  done
  log "what was restored for a verification cannot be removed" error
}

# What is left where nothing could throw it away: both processes killed, or the container.
clear_left_over() {
  [[ -e $trial/running.json || -e $trial/data ]] || return 0
  (flock -n 7 || exit 0; throw_away) 7>>"$run/verify.lock"
}
