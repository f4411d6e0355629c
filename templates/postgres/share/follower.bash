# How far the disaster site is (plimsoll dr init), as it says in the bucket, beside what is written here. Only where
# stack.yaml says that there is one (dr.follow).
#
# A database that nobody writes to has no lag, though its last transaction is old. So what counts is since when there is
# log that the copy lacks: each look notes how far the log is, and the oldest note that the copy has not reached is the age.
# shellcheck disable=SC2154 # $metrics, $primary and ask are of plimsoll-backup

follower_figures() {
  [[ -n ${PLIMSOLL_FOLLOW-} ]] || return 0
  local said known=$metrics/.follower.json notes=$metrics/.follower-notes written='' reached='' lsn mode seen replayed failed oldest now
  now=$(date +%s)
  # Where the bucket does not answer, what it said last stands: it grows old by itself.
  if said=$(bucket_get follower.json) && jq -e '.format == 1 and (.at | type == "number")' <<<"$said" >/dev/null 2>&1; then
    printf '%s\n' "$said" >"$known.new" && mv "$known.new" "$known"
  fi
  said=$(cat "$known" 2>/dev/null) || said='{}'
  read -r seen mode lsn replayed failed < <(jq -r '"\(.at // 0 | floor) \(.mode // "-") \(.lsn // "-") \(.replayed // "-") \(if .state == "stuck" then 1 else 0 end)"' <<<"$said") || return 0
  echo '# HELP plimsoll_dr_follower_seen_timestamp_seconds When the copy on the disaster site last said how far it is; 0 for never.'
  echo '# TYPE plimsoll_dr_follower_seen_timestamp_seconds gauge'
  echo "plimsoll_dr_follower_seen_timestamp_seconds $seen"
  echo '# HELP plimsoll_dr_follower_failed 1 where it says that it cannot go on by itself.'
  echo '# TYPE plimsoll_dr_follower_failed gauge'
  echo "plimsoll_dr_follower_failed $failed"
  if [[ $replayed != - ]]; then
    echo '# HELP plimsoll_dr_follower_replayed_timestamp_seconds When the last transaction that it has was committed.'
    echo '# TYPE plimsoll_dr_follower_replayed_timestamp_seconds gauge'
    echo "plimsoll_dr_follower_replayed_timestamp_seconds $replayed"
  fi
  # One that is being restored, or does not come up, is where it was last.
  if [[ $lsn == - ]]; then lsn=$(cat "$metrics/.follower-reached" 2>/dev/null) || lsn=0/0; fi
  [[ -n ${primary-} && $lsn =~ ^[0-9A-F]+/[0-9A-F]+$ ]] || return 0
  printf '%s\n' "$lsn" >"$metrics/.follower-reached"
  ((seen > 0)) || return 0
  IFS='|' read -r written reached < <(ask "$primary" "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'), pg_wal_lsn_diff('$lsn', '0/0')") || return 0
  [[ $written =~ ^[0-9]+$ && $reached =~ ^[0-9]+$ ]] || return 0
  # Out of the bucket come whole segments. The last record of one may end in the next, and is replayed with that.
  if [[ $mode == repository ]]; then
    written=$((written / 16777216 * 16777216))
    lsn=$(((reached + 65535) / 16777216 * 16777216))
    if ((lsn > reached)); then reached=$lsn; fi
  fi
  oldest=$(note_written "$notes" "$now" "$written" "$reached")
  echo '# HELP plimsoll_dr_follower_behind_bytes Write-ahead log that it lacks; of one that follows the bucket, without the segment that is being written.'
  echo '# TYPE plimsoll_dr_follower_behind_bytes gauge'
  echo "plimsoll_dr_follower_behind_bytes $((written > reached ? written - reached : 0))"
  echo '# HELP plimsoll_dr_follower_behind_seconds How old the oldest log is that it lacks; 0 where it lacks none.'
  echo '# TYPE plimsoll_dr_follower_behind_seconds gauge'
  echo "plimsoll_dr_follower_behind_seconds $((oldest > 0 ? now - oldest : 0))"
}

# note_written FILE NOW WRITTEN REACHED: says when the oldest that is beyond REACHED was written; 0 for none.
note_written() {
  local last
  last=$(tail -n 1 "$1" 2>/dev/null | cut -d ' ' -f 2) || last=''
  # After a restore in place the log begins anew from before.
  if [[ -n $last ]] && ((last > $3)); then rm -f "$1"; fi
  [[ $last == "$3" ]] || printf '%s %s\n' "$2" "$3" >>"$1"
  # The last note stays, or the next look would take its place for new. For months of silence the oldest is enough.
  awk -v reached="$4" '$2 + 0 > reached + 0 { kept[++count] = $0 } { last = $0 }
    END { for (at = 1; at <= count; at++) if (at == 1 || at > count - 1000) print kept[at]; if (count == 0) print last }' "$1" >"$1.new" && mv "$1.new" "$1"
  awk -v reached="$4" 'NR == 1 { print ($2 + 0 > reached + 0) ? $1 : 0 }' "$1"
}
