# How a node whose volume is lost gets the cluster out of the repository. The volume's files say it:
#   recover    asked for (plimsoll dr activate puts it into an empty volume), and not done yet
#   recovered  done: the backup that it came from

must_recover() { [[ -e $volume/recover ]]; }

# To the end of the archive: recovery itself is the server's work, which then takes writes on a new timeline. May be
# killed at any moment: what is whole is not fetched again.
recover_cluster() {
  local what="the cluster is there already"
  if ! has_cluster || [[ -e $PGDATA/backup.manifest ]]; then
    [[ -e $PGDATA/backup.manifest || -e $PGDATA/PG_VERSION ]] || rm -rf "$PGDATA"
    log "restoring the newest backup from the repository"
    PGBACKREST_LOG_LEVEL_CONSOLE=info PGBACKREST_PROCESS_MAX=$(nproc) \
      pgbackrest --delta --type=default restore >"$run/restore.log" 2>&1 ||
      fail "the restore failed: $(grep -m 1 -oE 'ERROR: .*' "$run/restore.log" || tail -n 1 "$run/restore.log")"
    what=$(sed -nE 's/.*restore backup set ([^,]+),.*/\1/p' "$run/restore.log" | head -n 1)
    log "the backup ${what:-of an unknown name} is restored; the archive is replayed to its end"
  fi
  sync -f "$volume"
  printf '%s\n' "$what" >"$volume/recovered.new"
  mv "$volume/recovered.new" "$volume/recovered"
  sync -f "$volume"
  rm -f "$volume/recover"
}
