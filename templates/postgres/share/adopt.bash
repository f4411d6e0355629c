# What lies beside the data takes their place, at a start of the node: between two starts there is nobody who writes.
#   $volume/adopt     `restored SECONDS` what plimsoll-ahead made; `before SECONDS` what lay here before the last restore.
#                     Until SECONDS of the epoch: what was asked for and never came takes nothing back hours later
#   $PGDATA.restored  what plimsoll-ahead made      $PGDATA.before  what a restore took away, for the undo
#   $PGDATA.undone    what an undo took away, until the operator has removed it
# Each step is a rename, so that the next start goes on wherever this one was cut short.

adopt() {
  local which='' until='' from away
  [[ -e $volume/adopt ]] || return 0
  read -r which until <"$volume/adopt" || true
  case $which in
    restored) from=$PGDATA.restored away=$PGDATA.before ;;
    before) from=$PGDATA.before away=$PGDATA.undone ;;
    *) rm -f "$volume/adopt" && return ;;
  esac
  # With the data gone from their place it was begun, and is finished whatever the clock says.
  if has_cluster && [[ -e $from ]]; then
    if [[ ! $until =~ ^[0-9]+$ ]] || (($(date +%s) > until)) || ! is_complete "$which" "$from"; then
      log "a restore was asked for and not carried out in time: the data stay as they are" WARNING
      rm -f "$volume/adopt"
      return
    fi
    [[ $which != before ]] || follow_itself "$from"
    # Which timelines there are is known here first, and from the archive only a moment later.
    cp -n "$PGDATA"/pg_wal/*.history "$from/pg_wal/" 2>/dev/null || true
    sync -f "$volume"
    rm -rf "$away"
    mv -T "$PGDATA" "$away"
    sync -f "$volume"
  fi
  if [[ -e $from ]]; then
    mv -T "$from" "$PGDATA"
    log "the data of $([[ $which == before ]] && echo 'before the restore' || echo 'the restore') take their place"
  fi
  sync -f "$volume"
  rm -f "$volume/adopt" "$volume/restored"
  sync -f "$volume"
}

is_complete() {
  [[ -s $2/global/pg_control ]] && [[ $1 == before || -e $2/plimsoll.target ]]
}

# On the timeline that it was on, to its end, and then on one that is above all others.
follow_itself() {
  echo recovery_target_timeline=current >"$1/plimsoll.target"
  touch "$1/recovery.signal"
}

# What this start is told beside its configuration until PostgreSQL itself takes recovery.signal away: the target, and
# that a bucket which does not answer is not the end of the log.
# shellcheck disable=SC2034
read_target() {
  local line end=-
  recovery=()
  if [[ -e $volume/fetch.said ]]; then
    log "the recovery was ended: $(<"$volume/fetch.said")" WARNING
    rm -f "$volume/fetch.said"
  fi
  [[ -e $PGDATA/recovery.signal ]] || return 0
  [[ -e $PGDATA/plimsoll.target || ! -e $volume/recovered ]] || end=$volume/recovered.end
  # Not for an undo: a server that was shut down has all of its log itself, and shall not wait for a bucket.
  grep -qsx recovery_target_timeline=current "$PGDATA/plimsoll.target" ||
    recovery+=(-c "restore_command=plimsoll-fetch $end --stanza=main archive-get %f \"%p\"")
  [[ -e $PGDATA/plimsoll.target ]] || return 0
  while IFS= read -r line; do recovery+=(-c "$line"); done <"$PGDATA/plimsoll.target"
  # hot_standby: fewer connections now than then would stop the recovery.
  recovery+=(-c recovery_target_action=promote -c hot_standby=off)
}
