# The steps of a verification. Each says what it found wrong with `failed`.

# $1: bytes. The files, a tenth for what recovery adds, and what the running database must still find free.
room_for() {
  local free wanted=$(($1 + $1 / 10 + 1280 * 1024 * 1024))
  free=$(df -B1 --output=avail "$trial" | tail -n 1)
  ((free >= wanted)) ||
    failed "a copy needs $((wanted / 1024 / 1024)) MB, and $((free / 1024 / 1024)) MB of the disk are free"
}

restore() {
  local result=0
  mkdir -m 0700 "$trial/data" "$trial/tablespaces"
  (bound KILL pgbackrest --stanza="$stanza" --repo="$2" --pg1-path="$trial/data" --set="$1" --archive-mode=off \
    --tablespace-map-all="$trial/tablespaces" restore >"$trial/restore.log" 2>&1) || result=$?
  told cat "$trial/restore.log"
  ((result == 0)) || failed "the restore ended with $result: $(grep -m 1 -oE '(ERROR|ASSERT): .*' "$trial/restore.log" || true)"
}

# $1: position of the last segment of the archive in the repository $2. One that is missing or damaged ends a recovery as if the log ended there:
# so where it ended is compared.
recover() {
  local server recovered memory=$((PLIMSOLL_TRIAL_MEMORY / 1024))
  local get="pgbackrest --stanza=$stanza --pg1-path=$trial/data --repo=$2 --no-archive-async archive-get %f \"%p\""
  (umask 0077 && mkdir -p "$run/trial")
  bound QUIT postgres -D "$trial/data" -c config_file=/usr/local/share/plimsoll/verify.conf \
    -c "unix_socket_directories=$run/trial" -c "shared_buffers=$((memory / 4))kB" \
    -c "maintenance_work_mem=$((memory / 8))kB" -c "restore_command=$get" 7>&- 8>&- >"$trial/server.log" 2>&1 &
  server=$!
  until pg_isready -q -t 3 -h "$run/trial" -U postgres; do
    kill -0 "$server" 2>/dev/null || { failed "the copy does not start: $(complaint)"; return 1; }
    sleep 0.3
  done
  recovered=$(superuser "select json_build_object(
    'lsn', pg_last_wal_replay_lsn(), 'recovered_to', extract(epoch from pg_last_xact_replay_timestamp())::bigint,
    'databases', (select count(*) from pg_database where datallowconn),
    'size', (select sum(pg_database_size(oid)) from pg_database),
    'position', floor((pg_last_wal_replay_lsn() - '0/1'::pg_lsn) / 16777216))") ||
    { failed "the copy does not answer: $(complaint)"; return 1; }
  note --argjson recovered "$recovered" '. + $recovered'
  local missing=$(($1 - $(jq -r .position <<<"$recovered")))
  ((missing <= 0)) ||
    failed "recovery ended at $(jq -r .lsn <<<"$recovered"), before the end of the archive (segments left: $missing): the log there is missing or damaged"
}

superuser() { psql -XqAtw -v ON_ERROR_STOP=1 -h "$run/trial" -U postgres -d postgres -c "$1"; }

complaint() { grep -E 'FATAL|PANIC|ERROR' "$trial/server.log" | tail -n 1 || true; }

# Every table and B-tree index of every database, page by page, and whether each row is in its index.
read_all() {
  local result=0
  (bound TERM pg_amcheck -h "$run/trial" -U postgres --all --install-missing --heapallindexed \
    >"$trial/amcheck.log" 2>&1) || result=$?
  ((result == 0)) || failed "pg_amcheck ended with $result: $(head -n 3 "$trial/amcheck.log" | head -c 800)"
}

# What stack.yaml asks: as the application's own role, which may not write, and with an end.
ask_all() {
  local asked=/etc/plimsoll-backup/checks.json count at name sql said owner database wrong=()
  owner=$(jq -r .owner "$asked") database=$(jq -r .database "$asked") count=$(jq '.checks | length' "$asked")
  for ((at = 0; at < count; at++)); do
    name=$(jq -r --argjson at "$at" '.checks[$at].name' "$asked")
    sql=$(jq -r --argjson at "$at" '.checks[$at].sql' "$asked")
    said=$(PGOPTIONS='-c default_transaction_read_only=on -c statement_timeout=600s' \
      psql -XAtw -v ON_ERROR_STOP=1 -h "$run/trial" -U "$owner" -d "$database" -c "$sql" 2>&1) || true
    [[ $said == t ]] || wrong+=("$name")
    note --arg name "$name" --arg said "${said:0:200}" '.checks += [{name: $name, passed: ($said == "t"), said: $said}]'
  done
  ((${#wrong[@]} == 0)) || failed "not true of the copy: ${wrong[*]}"
}
