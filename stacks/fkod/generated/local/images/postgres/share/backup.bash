# The steps of plimsoll-backup.

# One line as the scheduler writes its own.
log() {
  local level=${2-info} text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//[[:cntrl:]]/ }
  printf '{"level":"%s","msg":"%s","time":"%s"}\n' "$level" "$text" "$(date -u +%FT%TZ)"
}

prepare() {
  rm -f "$metrics"/.backup-postgres*
  mkdir -p "$run/pgbackrest"
  if [[ -r /run/secrets/backup_pgbackrest ]]; then
    ln -sf /run/secrets/backup_pgbackrest "$run/pgbackrest/secrets.conf"
  fi
  local password
  password=$(<"/run/secrets/postgres_backup_password")
  password=${password//\\/\\\\}
  (umask 0077 && printf '*:*:*:backup:%s\n' "${password//:/\\:}" >"$PGPASSFILE")
  clear_left_over
}

# pgBackRest wants the primary's data directory under the name by which the server knows it, in every node the same.
# So that name is a link here, and follows the role.
point_at_primary() {
  local node
  for node in $PLIMSOLL_NODES; do
    [[ $(ask "$node" 'select pg_is_in_recovery()') == f ]] || continue
    ln -sfn "/nodes/$node/$PG_MAJOR" "$home/$PG_MAJOR"
    ln -sfn "/nodes/$node/run" "$home/run"
    primary=$node
    return
  done
  return 1
}

ask() {
  psql -XqAtw "host=/nodes/$1/run user=backup dbname=postgres connect_timeout=3" -c "$2" 2>/dev/null
}

pgbr() { pgbackrest --stanza="$stanza" "$@"; }

# pgBackRest's lines as lines of the log: "P00   INFO: backup begins".
told() {
  local line level
  "$@" 2>&1 | while IFS= read -r line; do
    line=$(sed -E 's/^[0-9-]+ [0-9:.]+ (P[0-9]+) +/\1 /' <<<"$line")
    case $line in *" ERROR:"* | *" ASSERT:"*) level=error ;; *" WARN:"*) level=warning ;; *) level=info ;; esac
    log "$line" "$level"
  done
}

# After the first start, and after every other one: proves that the archive works before anybody relies on it.
first_backup() {
  until point_at_primary; do sleep 1; done
  until told pgbr stanza-create && told pgbr check; do
    log "the repository is not usable yet: trying again in 5 seconds" warning
    mend_stanza
    sleep 5
  done
  if [[ $(backups_in_repository) -eq 0 ]]; then
    until backup full; do sleep 15; done
  fi
  write_metrics || true
  touch "$run/ready"
}

# A stanza whose making was cut short has its archive's half only, and pgBackRest will not go on from there. Without a
# single file of a backup there is nothing to lose: the archived segments lead to no backup.
mend_stanza() {
  [[ $(pgbackrest repo-ls "archive/$stanza" 2>/dev/null) == *archive.info* ]] || return 0
  local backups
  backups=$(pgbackrest repo-ls "backup/$stanza" 2>/dev/null) && [[ -z $backups ]] || return 0
  log "the stanza was half made: making it anew" warning
  pgbr stop && told pgbr stanza-delete --force || true
  pgbr start || true
}

info() { pgbr info --output=json; }

backups_in_repository() { info | jq '[.[].backup[]? | select(.error != true)] | length'; }

backup() {
  # The scheduler does not overlap a job with itself; this keeps the first backup and one by hand apart from it too.
  exec 8>"$run/backup.lock"
  flock -w 2 8 || { log "another backup is running: this one is left out" warning; return "$busy"; }
  local type=${1:-$(due_type)} result=0
  if point_at_primary; then
    log "backup of $primary begins ($type)"
    told pgbr --type="$type" backup || result=$?
  else
    log "no primary answers" error
    result=1
  fi
  write_result "$result"
  write_metrics || true
  exec 8>&-
  return "$result"
}

# By age, not by weekday: a full backup that was missed is made up for the next day.
due_type() {
  local full
  full=$(info | jq '[.[].backup[]? | select(.type == "full" and .error != true) | .timestamp.stop] | max // 0') || full=0
  if (($(date +%s) - full > PLIMSOLL_FULL_EVERY - 7200)); then echo full; else echo diff; fi
}

# Written whole and then renamed: a reader never sees half a file.
publish() {
  local whole
  whole=$(mktemp "$metrics/.$1.XXXXXX")
  cat >"$whole"
  chmod 0644 "$whole"
  mv "$whole" "$metrics/$1"
}

write_result() {
  publish backup-postgres-result.prom <<END
# HELP plimsoll_backup_last_run_timestamp_seconds When a backup was last tried.
# TYPE plimsoll_backup_last_run_timestamp_seconds gauge
plimsoll_backup_last_run_timestamp_seconds{what="postgres"} $(date +%s)
# HELP plimsoll_backup_last_run_failed 1 where the last try failed.
# TYPE plimsoll_backup_last_run_failed gauge
plimsoll_backup_last_run_failed{what="postgres"} $(($1 == 0 ? 0 : 1))
END
}

write_metrics() {
  clear_left_over || true
  # Set whatever happens: a primary that goes away between two questions must not end who asks.
  local archived="" oldest="" waiting=""
  if point_at_primary; then
    archived=$(ask "$primary" 'select extract(epoch from last_archived_time)::bigint from pg_stat_archiver') || archived=""
    # Segments that are done and not archived. Counted on disk: an archiver that hangs counts no failure.
    waiting=$(find "$home/$PG_MAJOR/docker/pg_wal/archive_status/" -name '*.ready' -printf '%T@\n' 2>/dev/null | sort -n)
    oldest=$(head -n 1 <<<"$waiting")
  fi
  {
    backup_figures
    verify_figures
    drill_figures
    if [[ -n $archived ]]; then
      echo '# HELP plimsoll_archive_last_timestamp_seconds When a WAL segment last reached the repository.'
      echo '# TYPE plimsoll_archive_last_timestamp_seconds gauge'
      echo "plimsoll_archive_last_timestamp_seconds $archived"
    fi
    if [[ -n ${primary-} ]]; then
      echo '# HELP plimsoll_archive_waiting_segments WAL segments that are finished and not in the repository.'
      echo '# TYPE plimsoll_archive_waiting_segments gauge'
      echo "plimsoll_archive_waiting_segments $(grep -c . <<<"$waiting" || true)"
      echo '# HELP plimsoll_archive_waiting_seconds How long the oldest of them has waited; 0 without any.'
      echo '# TYPE plimsoll_archive_waiting_seconds gauge'
      if [[ -n $oldest ]]; then oldest=$(($(date +%s) - ${oldest%.*})); fi
      echo "plimsoll_archive_waiting_seconds ${oldest:-0}"
    fi
  } | publish backup-postgres.prom
}

backup_figures() {
  info | jq -r '
    [.[].backup[]? | select(.error != true)] as $all
    | ($all | group_by(.type) | map(max_by(.timestamp.stop))) as $last
    | "# HELP plimsoll_backup_last_success_timestamp_seconds End of the newest good backup.",
      "# TYPE plimsoll_backup_last_success_timestamp_seconds gauge",
      ($last[] | "plimsoll_backup_last_success_timestamp_seconds{what=\"postgres\",type=\"\(.type)\"} \(.timestamp.stop)"),
      "# HELP plimsoll_backup_duration_seconds How long the newest good backup took.",
      "# TYPE plimsoll_backup_duration_seconds gauge",
      ($last[] | "plimsoll_backup_duration_seconds{what=\"postgres\",type=\"\(.type)\"} \(.timestamp.stop - .timestamp.start)"),
      "# HELP plimsoll_backup_size_bytes What the newest good backup restores to.",
      "# TYPE plimsoll_backup_size_bytes gauge",
      ($last[] | "plimsoll_backup_size_bytes{what=\"postgres\",type=\"\(.type)\"} \(.info.size)"),
      "# HELP plimsoll_backup_count Good backups in the repository.",
      "# TYPE plimsoll_backup_count gauge",
      "plimsoll_backup_count{what=\"postgres\"} \($all | length)",
      "# HELP plimsoll_backup_oldest_timestamp_seconds How far back a restore can reach.",
      "# TYPE plimsoll_backup_oldest_timestamp_seconds gauge",
      (if ($all | length) > 0 then "plimsoll_backup_oldest_timestamp_seconds{what=\"postgres\"} \($all | map(.timestamp.stop) | min)" else empty end)
  '
  if [[ -d /var/lib/pgbackrest/archive ]]; then
    echo '# HELP plimsoll_backup_repository_bytes Disk that the repository uses.'
    echo '# TYPE plimsoll_backup_repository_bytes gauge'
    echo "plimsoll_backup_repository_bytes{what=\"postgres\"} $(du -sb /var/lib/pgbackrest | cut -f 1)"
  fi
}
