# The steps of plimsoll-ahead.

prepare_ahead() {
  # Held until the last process of this container ends.
  exec 9>"$volume/.restore.lock"
  flock -n 9 || fail "another restore is at work in this volume"
  claim_reserve
  [[ -z $(ls -A "$home/pg_tblspc") ]] || fail "the database has tablespaces: a restore in place knows of none"
  rm -rf "$PGDATA" "$PGBACKREST_SPOOL_PATH"
  rm -f "$volume/restored"
  prepare_copy
  mkdir -p "$PGBACKREST_SPOOL_PATH"
  settings+=(-c "data_directory=$PGDATA")
}

# restore_ahead TYPE TARGET TIMELINE SET…: as recover_one_of does it, but to the target and no step further.
restore_ahead() {
  local type=$1 target=$2 timeline=$3 set
  shift 3
  settings+=(
    -c "recovery_target_timeline=$timeline" -c "recovery_target_$type=$target" -c recovery_target_action=shutdown
  )
  for set in "$@"; do
    rm -rf "$PGDATA"
    log "restoring the backup $set"
    pgbackrest --stanza="$PGBACKREST_STANZA" --pg1-path="$PGDATA" --set="$set" --type=default \
      --target-timeline="$timeline" --archive-mode=off restore >"$run/restore.log" 2>&1 ||
      fail "the restore of $set failed: $(tail -n 1 "$run/restore.log")"
    # What pgBackRest wrote for a recovery of its own; a setting that was made with ALTER SYSTEM rules here no more.
    : >"$PGDATA/postgresql.auto.conf"
    log "recovering"
    if recover_to_target; then
      printf '%s\n' "recovery_target_timeline=$timeline" "recovery_target_$type=$target" >"$PGDATA/plimsoll.new"
      printf '%s %s\n' "$set" "$(reached)" >"$volume/restored.new"
      sync -f "$volume"
      mv "$volume/restored.new" "$volume/restored"
      # The last: what lacks it was not finished, and is swapped in by nobody.
      mv "$PGDATA/plimsoll.new" "$PGDATA/plimsoll.target"
      sync -f "$volume"
      rm -rf "$PGBACKREST_SPOOL_PATH"
      log "recovered ahead: $(<"$volume/restored")"
      return
    fi
    grep -q 'before configured recovery target was reached' "$run/recovery.log" || break
    log "$set does not lead there"
  done
  local fault
  fault=$(first_fault)
  rm -rf "$PGDATA" "$PGBACKREST_SPOOL_PATH"
  fail "the recovery failed: $fault"
}

recover_to_target() {
  local server
  postgres -D "$PGDATA" "${settings[@]}" >"$run/recovery.log" 2>&1 &
  server=$!
  # shellcheck disable=SC2064
  trap "kill -INT $server; exit 143" INT TERM
  wait "$server" || { trap - INT TERM && return 1; }
  trap - INT TERM
  [[ $(pg_controldata "$PGDATA" | sed -n 's/^Database cluster state: *//p') == 'shut down in recovery' ]]
}
