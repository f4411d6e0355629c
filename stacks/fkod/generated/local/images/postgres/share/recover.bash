# How a node whose volume is lost gets the cluster out of the repository. The volume's files say it:
#   recover    asked for (plimsoll dr activate puts it into an empty volume), and not done yet: which activation
#   recovered  done: the backup that it came from, and below it which activation, so that a later one knows it for another's
#   recovered.end  the archive's last segment of then; emptied by a person who takes what is there for the end
#   recovered.replayed  of one that followed before (follow.bash): when the last transaction of then was committed

must_recover() { [[ -e $volume/recover ]]; }

# To the end of the archive: recovery itself is the server's work, which then takes writes on a new timeline. May be
# killed at any moment: what is whole is not fetched again.
recover_cluster() {
  local what="the cluster is there already" followed=1 activation
  activation=$(grep -xE -m 1 '[A-Za-z0-9]+' "$volume/recover") || activation=''
  if is_follower && end_following; then what=$(cat "$volume/follow.set" 2>/dev/null || echo "$what"); elif is_follower; then followed=0; fi
  if ! has_whole_copy || ((!followed)); then
    [[ -e $PGDATA/backup.manifest || -e $PGDATA/PG_VERSION ]] || rm -rf "$PGDATA"
    log "restoring the newest backup from the repository"
    restore_newest
    what=$(restored_set)
    log "the backup $what is restored; the archive is replayed to its end"
  fi
  last_archived >"$volume/recovered.end" || fail "the end of the archive cannot be read"
  sync -f "$volume"
  printf '%s\n' "$what" ${activation:+"$activation"} >"$volume/recovered.new"
  mv "$volume/recovered.new" "$volume/recovered"
  sync -f "$volume"
  forget_following
  rm -f "$volume/recover"
}

# pgBackRest takes its manifest away when all is there.
has_whole_copy() { has_cluster && [[ ! -e $PGDATA/backup.manifest ]]; }

restored_set() {
  local set
  set=$(sed -nE 's/.*restore backup set ([^,]+),.*/\1/p' "$run/restore.log" | head -n 1)
  echo "${set:-of an unknown name}"
}

# After a restore in place the newest may be of a timeline that was left, which pgBackRest refuses: then one before it.
restore_newest() {
  local set
  if restore_with; then return; fi
  if refused_timeline; then
    while read -r set; do
      log "the backup is of a timeline that was left: trying $set"
      if restore_with --set="$set"; then return; fi
      refused_timeline || break
    done < <(archive_info | jq -r '[.[].backup[]? | select(.error != true)] | sort_by(-.timestamp.stop)[] | .label' | uniq)
  fi
  fail "the restore failed: $(grep -m 1 -oE 'ERROR: .*' "$run/restore.log" || tail -n 1 "$run/restore.log")"
}

restore_with() {
  PGBACKREST_LOG_LEVEL_CONSOLE=info PGBACKREST_PROCESS_MAX=$(nproc) \
    pgbackrest --delta --type=default "$@" restore >"$run/restore.log" 2>&1 </dev/null
}

refused_timeline() { grep -qE 'ERROR: .*timeline' "$run/restore.log"; }

archive_info() { pgbackrest --output=json info 2>/dev/null; }

# Of the newest timeline, in whichever repository it goes further.
last_archived() {
  archive_info | jq -er '.[0] | ([.db[].id] | max) as $now
    | [.archive[]? | select(.database.id == $now) | .max // empty] | max // empty'
}
