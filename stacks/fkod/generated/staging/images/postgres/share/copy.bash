# The steps of plimsoll-copy.

# The memory that the budget keeps for one restored cluster is the daily verification's too: whoever holds this lock has
# it, until the last process of the container ends.
claim_reserve() {
  [[ -d /trial && -w /trial ]] || return 0
  exec 6>>/trial/reserve.lock
  flock -w 2 6 || fail "a backup is being verified, or another restore is at work: there is memory for one at a time"
}

prepare_copy() {
  mkdir -p "${PGDATA%/*}" "$volume/spool" "$run/pgbackrest"
  rm -f "$PGDATA/postmaster.pid"
  if [[ -r /run/secrets/backup_pgbackrest ]]; then
    ln -sf /run/secrets/backup_pgbackrest "$run/pgbackrest/secrets.conf"
  fi
  # Whoever is inside may ask, as any role: the passwords are those of then.
  echo 'host all all 127.0.0.1/32 trust' >"$run/copy_hba.conf"
  settings=(
    -c config_file=/etc/postgresql/postgresql.conf -c "hba_file=$run/copy_hba.conf"
    -c ssl=off -c cluster_name=copy -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$run"
    # Nothing goes out: no segment into the stack's archive, no call to its nodes.
    -c archive_mode=off -c primary_conninfo= -c primary_slot_name= -c synchronous_standby_names=
    # Nobody asks before it is what it shall be; and more connections then than now do not stop the recovery.
    -c hot_standby=off
    # A bucket that does not answer ends the recovery, and not the log.
    -c "restore_command=plimsoll-fetch - --stanza=$PGBACKREST_STANZA --pg1-path=$PGDATA archive-get %f \"%p\""
    # As much memory as the budget keeps for it.
    -c shared_buffers=48MB -c work_mem=4MB -c maintenance_work_mem=16MB -c max_parallel_workers_per_gather=0
    -c max_wal_size=256MB -c autovacuum=off
    -c logging_collector=off -c log_destination=stderr -c log_min_duration_statement=-1
  )
}

# recover_one_of TYPE TARGET TIMELINE SET…: a transaction's number does not say which backup came before it, so older ones are
# tried where the recovery from a younger one never met it.
recover_one_of() {
  local type=$1 target=$2 timeline=$3 set
  shift 3
  for set in "$@"; do
    rm -rf "$PGDATA"
    log "restoring the backup $set"
    restore_set "$set" "$type" "$target" "$timeline" || fail "the restore of $set failed: $(tail -n 1 "$run/restore.log")"
    log "recovering"
    if recover; then
      printf '%s %s\n' "$set" "$(reached)" >"$volume/copied.new"
      sync -f "$volume"
      mv "$volume/copied.new" "$volume/copied"
      return
    fi
    grep -q 'before configured recovery target was reached' "$run/recovery.log" || break
    log "$set does not lead there"
  done
  fail "the recovery failed: $(first_fault)"
}

# Those who ask whether it is there yet are told off as FATAL too.
first_fault() {
  grep -E '(FATAL|PANIC):' "$run/recovery.log" | grep -m 1 -v 'the database system is' || tail -n 1 "$run/recovery.log"
}

restore_set() {
  local options=(--set="$1" --type="$2" --target-timeline="$4" --archive-mode=off)
  [[ $3 == - ]] || options+=(--target="$3" --target-action=promote)
  pgbackrest --stanza="$PGBACKREST_STANZA" "${options[@]}" restore >"$run/restore.log" 2>&1
}

# A server of its own for it: what is opened afterwards has its recovery behind it.
recover() {
  local server
  postgres -D "$PGDATA" "${settings[@]}" >"$run/recovery.log" 2>&1 &
  server=$!
  # shellcheck disable=SC2064
  trap "kill -INT $server; exit 143" INT TERM
  until superuser -c 'select 1' >/dev/null 2>&1; do
    kill -0 "$server" 2>/dev/null || { trap - INT TERM && return 1; }
    sleep 0.2
  done
  kill -INT "$server"
  wait "$server" || return 1
  trap - INT TERM
}

# The last transaction that it holds; nothing where it met none.
reached() {
  grep -oE 'last completed transaction was at log time .*' "$run/recovery.log" | tail -n 1 | sed 's/.*log time //' || true
}
