# shellcheck shell=bash
# Is what restic keeps whole? Its structure every time, and every pack of data once in a week; by hand all of it.
# shellcheck disable=SC2154 # $run, $metrics, log, rst and publish are of plimsoll-backup-files

verified=$metrics/files-verified.json
PARTS=7

# verify [all]: 0 good, 1 not good, $busy where another is at it. What it finds is kept, whatever it is.
verify() {
  local part one began=$SECONDS outcome=passed said='' what=("--read-data-subset=$(($(date +%s) / 86400 % PARTS + 1))/$PARTS")
  part="a $PARTS"th
  if [[ ${1-} == all ]]; then what=(--read-data) part=all; fi
  exec 5>"$run/verify.lock"
  # Others hold it for a moment only, to see whether one runs.
  flock -w 2 5 || { log "another verification is running: this one is left out" warning; return "$busy"; }
  log "verification of files begins ($part of the data is read)"
  while read -r RESTIC_REPOSITORY <&6; do
    one=0
    rst check --quiet "${what[@]}" >"$run/verify.log" 2>&1 || one=$?
    # One that does not open is not known to be damaged: no network, a wrong key. That has an alert of its own.
    case $one in 0 | 10 | 11 | 130 | 137 | 143) ;; *) opens || one=closed ;; esac
    case $one in
      0) ;;
      # 130 and the like: ended by a signal; 11: another held the repository; 10: there is none yet.
      10 | 11 | 130 | 137 | 143) [[ $outcome == failed ]] || outcome=unfinished ;;
      closed)
        [[ $outcome == failed ]] || outcome=unfinished
        said+="${said:+; }$(kind_of "$RESTIC_REPOSITORY"): it does not open: $(tail -n 1 "$run/open.log")"
        ;;
      *) outcome=failed said+="${said:+; }$(kind_of "$RESTIC_REPOSITORY"): $(why_bad)" ;;
    esac
  done 6< <(repositories)
  conclude "$outcome" "$said" "$part" $((SECONDS - began))
  exec 5>&-
  if [[ $outcome == failed ]]; then log "files are NOT good: $said" error; return 1; fi
  log "verification of files: $outcome${said:+: $said}"
  [[ $outcome == passed ]]
}

opens() { ask cat config >/dev/null 2>"$run/open.log"; }

# restic's first words of a fault, which go over two lines; its last are only that there were some.
why_bad() {
  { grep -vE '^(using|load|check|read|create|\[|$)|^Fatal: repository contains errors' "$run/verify.log" || tail -n 1 "$run/verify.log"; } |
    head -n 2 | tr -s '\n\t ' ' ' | sed 's/ $//' | cut -c 1-300
}

conclude() {
  local succeeded
  succeeded=$(jq -r '.succeeded // 0' "$verified" 2>/dev/null || echo 0)
  [[ $1 != passed ]] || succeeded=$(date +%s)
  jq -cn --arg outcome "$1" --arg said "$2" --arg part "$3" --argjson seconds "$4" --argjson succeeded "$succeeded" \
    '{outcome: $outcome, said: $said, part: $part, seconds: $seconds, finished: (now | floor), succeeded: $succeeded}' >"$verified.new"
  mv -f "$verified.new" "$verified"
  verify_metrics
}

verify_metrics() {
  [[ -s $verified ]] || return 0
  # One that was cut short says nothing about the backups. The same words of help as the database's: node_exporter takes
  # two for a broken file, and an alert fires.
  jq -r '
    (if .outcome != "unfinished" then
      "# HELP plimsoll_backup_verify_last_run_failed 1 where that failed.",
      "# TYPE plimsoll_backup_verify_last_run_failed gauge",
      "plimsoll_backup_verify_last_run_failed{what=\"files\"} \(if .outcome == "failed" then 1 else 0 end)"
    else empty end),
    (if .succeeded > 0 then
      "# HELP plimsoll_backup_verify_last_success_timestamp_seconds When a backup was last proven.",
      "# TYPE plimsoll_backup_verify_last_success_timestamp_seconds gauge",
      "plimsoll_backup_verify_last_success_timestamp_seconds{what=\"files\"} \(.succeeded)"
    else empty end)' "$verified" | publish backup-files-verified.prom
}
