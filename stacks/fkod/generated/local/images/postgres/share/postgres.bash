# The steps of plimsoll-postgres.

# One line with the keys of PostgreSQL's own jsonlog.
log() {
  local severity=${2-LOG} text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//[[:cntrl:]]/ }
  printf '{"timestamp":"%s","pid":%d,"error_severity":"%s","backend_type":"plimsoll","message":"%s"}\n' \
    "$(date -u '+%F %T.%3N UTC')" "$BASHPID" "$severity" "$text" >&2
}

fail() {
  log "$1" FATAL
  exit 1
}

prepare() {
  exec 9>"$volume/.lock"
  # Held until the last process of this container ends. Process numbers say nothing across containers, so the server's
  # own lock files cannot tell a living neighbour from a stale file; this lock can.
  flock -n 9 || fail "another container is using this volume"
  rm -f "$run/ready" "$PGDATA/postmaster.pid" "$volume"/run/.s.PGSQL.*
  # Left by a start that was cut short. A finished cluster is never here: it got its place by rename.
  rm -rf "$PGDATA.init" "$PGDATA.clone"
  mkdir -p "${PGDATA%/*}" "$volume/run" "$volume/spool" "$run/pgbackrest"
  passfile replication >"$run/replication.pass"
  [[ -z ${PLIMSOLL_TLS-} || -s $volume/tls/server.crt ]] || make_certificate
  if [[ -r /run/secrets/backup_pgbackrest ]]; then
    ln -sf /run/secrets/backup_pgbackrest "$run/pgbackrest/secrets.conf"
  fi
}

# Of no authority, since none is asked: who connects binds his password to it. Never made anew, and nobody renews it.
make_certificate() {
  rm -rf "$volume/tls.new"
  mkdir "$volume/tls.new"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -sha256 -nodes -days 36500 -subj "/CN=$node" \
    -keyout "$volume/tls.new/server.key" -out "$volume/tls.new/server.crt" >"$run/tls.log" 2>&1 ||
    fail "no certificate can be made: $(tail -n 1 "$run/tls.log")"
  rm -rf "$volume/tls"
  mv -T "$volume/tls.new" "$volume/tls"
}

# libpq reads passwords only from a file that is its user's alone; a secret's file is not.
passfile() {
  local password
  password=$(<"/run/secrets/postgres_$1_password")
  password=${password//\\/\\\\}
  printf '*:*:*:%s:%s\n' "$1" "${password//:/\\:}"
}

has_cluster() { [[ -s $PGDATA/global/pg_control ]]; }

is_standby() { [[ -e $PGDATA/standby.signal ]]; }

refuse_strange_volume() {
  local other
  for other in "$volume"/*/docker/PG_VERSION; do
    [[ ! -e $other || $other == "$PGDATA/PG_VERSION" ]] ||
      fail "this volume holds a cluster of PostgreSQL $(<"$other") and the image is $PG_MAJOR: upgrade it, or set postgres.version back"
  done
  if has_cluster || [[ ! -e $PGDATA ]]; then return; fi
  rmdir "$PGDATA" 2>/dev/null ||
    fail "$PGDATA is neither empty nor a finished cluster (a restore that was cut short?): finish it, or empty the folder by hand"
}

# Answered by whichever peer takes writes; a standby or a dead peer does not count.
to_primary() {
  printf 'host=%s port=5432 user=replication passfile=%s replication=true target_session_attrs=read-write connect_timeout=3 application_name=%s' \
    "$peers" "$run/replication.pass" "$node"
}

ask_primary() {
  [[ -n $peers ]] || return 1
  psql -XqAt -w -d "$(to_primary)" -c "$1" 2>/dev/null
}

primary_answers() { ask_primary IDENTIFY_SYSTEM >/dev/null; }

wait_for_primary() {
  local tries=0
  until primary_answers; do
    if ((tries++ % 60 == 0)); then log "${1-this node is empty and waits for a primary} ($peers)"; fi
    sleep 1
  done
}

refuse_second_primary() {
  ! primary_answers ||
    fail "this node holds a primary's data, and $peers takes writes already: two primaries would part ways. Empty this node's volume to let it follow"
}

# An empty volume beside a repository full of backups is a volume that was lost.
refuse_lost_volume() {
  [[ ${PLIMSOLL_ARCHIVE-} == true ]] || return 0
  local backups
  backups=$(pgbackrest info --output=json 2>/dev/null | jq '[.[].backup[]?] | length' 2>/dev/null) || return 0
  [[ ${backups:-0} -eq 0 ]] ||
    fail "this node is empty, and the repository holds $backups backups: restore one instead of starting over (or point backup.repository elsewhere)"
}

initialise() {
  log "initialising a new cluster"
  initdb --pgdata="$PGDATA.init" --username=postgres --auth=reject --data-checksums \
    --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C.UTF-8 \
    >"$run/initdb.log" 2>&1 || fail "initdb: $(tail -n 5 "$run/initdb.log")"
  finish "$PGDATA.init"
}

clone() {
  until copy_primary; do
    rm -rf "$PGDATA.clone"
    log "the copy of the primary failed: $(tail -n 1 "$run/clone.log")" WARNING
    sleep 2
  done
  rm -f "$PGDATA.clone/plimsoll.target"
  touch "$PGDATA.clone/standby.signal"
  finish "$PGDATA.clone"
}

copy_primary() {
  log "copying the primary"
  # A slot of this name can only be what an earlier life of this node left.
  ask_primary "DROP_REPLICATION_SLOT $slot" >/dev/null || true
  pg_basebackup --pgdata="$PGDATA.clone" --dbname="$(to_primary)" --no-password \
    --slot="$slot" --create-slot --wal-method=stream --checkpoint=fast >"$run/clone.log" 2>&1
}

finish() {
  sync -f "$1"
  mv -T "$1" "$PGDATA"
  sync -f "${PGDATA%/*}"
}

# A slot that is gone or was given up (max_slot_wal_keep_size) never comes back by itself; what it lost is in the archive.
keep_slot() {
  local state
  state=$(ask_primary "READ_REPLICATION_SLOT $slot") || { log "the primary does not answer yet"; return 0; }
  [[ $state == physical\|?*\|* ]] && return 0
  log "making the replication slot $slot anew"
  [[ $state != physical* ]] || ask_primary "DROP_REPLICATION_SLOT $slot" >/dev/null || true
  ask_primary "CREATE_REPLICATION_SLOT $slot PHYSICAL RESERVE_WAL" >/dev/null || true
}

# After each start, in the background; the healthcheck does the same, should this process be killed.
after_start() {
  exec 9>&-
  until make_ready; do sleep 0.5; done
}

make_ready() {
  [[ ! -e $run/ready ]] || return 0
  pg_isready -q -t 3 -h 127.0.0.1 -U postgres -d postgres || return 1
  (
    flock -n 8 || exit 1
    # One that comes out of the repository and does not follow anybody is ready when it takes writes.
    if [[ $(superuser -c 'select pg_is_in_recovery()') == t ]]; then
      is_standby || exit 1
    else
      rm -f "$PGDATA/plimsoll.target"
      apply_roles || exit 1
    fi
    touch "$run/ready"
  ) 8>"$run/ready.lock"
}

superuser() { psql -XqAt -w -h 127.0.0.1 -U postgres -d postgres "$@"; }

# A promotion or a restore let commits wait for nobody while there was no replica. With one that follows again they wait
# again, also where the command that brought it back was cut short. Asked by the healthcheck.
wait_for_replica_again() {
  [[ -e $volume/alone.conf ]] || return 0
  [[ $(superuser -c "select 1 from pg_stat_replication where state = 'streaming' and application_name = any (string_to_array('${PLIMSOLL_PEERS-}', ',')) limit 1") == 1 ]] || return 0
  rm -f "$volume/alone.conf"
  superuser -c 'select pg_reload_conf()' >/dev/null
  log "commits wait for the replica again"
}

# Passwords are read anew at every start, so a changed secret takes effect with a restart.
apply_roles() {
  superuser -v ON_ERROR_STOP=1 -v "database=${PLIMSOLL_DATABASE:?}" -f /usr/local/share/plimsoll/roles.sql \
    >/dev/null 2>"$run/roles.log" && return
  log "roles could not be brought up to date: $(head -n 1 "$run/roles.log")" ERROR
  return 1
}
