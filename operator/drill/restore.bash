# The newest data into a copy, timed, looked into, and thrown away. Arguments:
#   STATE PROJECT BY NODE OWNER, then those of restore.bash from its third on. NODE: whose rows are counted, `-`: none.
# stdin: a line for each check: NAME and its query in base64.
# stdout: what restore.bash says, between `begin restore` and `end restore`; `running ROWS TABLE`, `copy ROWS TABLE`;
#   `check NAME yes|no ANSWER`; `size BYTES`; `postgres VERSION`; `pgbackrest VERSION`; `started SECONDS` of the stack's
#   first start, where it is known. Exit 96: another drill; 97: another is at work on the stack.
set -euo pipefail
# A connection that breaks stops nothing half-way.
trap '' HUP PIPE
# shellcheck disable=SC2034
state=$1 PROJECT=$2 by=$3 node=$4 owner=$5
shift 5

one_drill "$state"
hold "$state"
HELD=1
[[ ! -f $state/copy || -z $(copies) ]] || stop "there is a copy already ($(head -n 1 -- "$state/copy"))"
begun "$state" restore "$by"

child=''
end() {
  local code=$?
  trap '' TERM INT
  # Its own children go with it: a client of Docker that waits would keep it.
  if [[ -n $child ]]; then kill -TERM "$child" 2>/dev/null && wait "$child" 2>/dev/null || true; fi
  drop_copy "$state" || say "note the copy cannot be taken away"
  kill "$guard" 2>/dev/null || true
  exit "$code"
}
# Whoever ends this, the copy goes: a second process sees this one end, and waits for what it had begun.
# shellcheck disable=SC2016
setsid bash -c "$(declare -f copies drop_copy)"'
  PROJECT=$1 state=$2 mark=$3
  tail --pid="$4" -f /dev/null
  exec 9>>"$state/work.lock" && flock -w 3600 9 || exit 0
  [[ $(cat -- "$state/drill" 2>/dev/null) != "$mark" ]] || drop_copy "$state"' \
  plimsoll-drill-guard "$PROJECT" "$state" "$(<"$state/drill")" $$ </dev/null >/dev/null 2>&1 8>&- 9>&- &
guard=$!
trap end EXIT
trap 'exit 143' TERM INT

# rows KEY CONTAINER: exactly, one table after the other; one that takes longer than 30 s is left out.
rows() {
  # shellcheck disable=SC2016
  timeout --kill-after=5 600 docker exec -i "$2" bash -c 'exec psql -h 127.0.0.1 -U postgres -d "$PLIMSOLL_DATABASE" -XqAtw -v key="$1"' psql "$1" 2>/dev/null <<'SQL' || true
set statement_timeout = '30s';
select format('select %L || count(*) || %L from %I.%I', :'key' || ' ', ' ' || nspname || '.' || relname, nspname, relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and nspname || relname !~ '[[:cntrl:]]'
 order by pg_relation_size(c.oid) desc limit 200
\gexec
SQL
}

# ask CONTAINER NAME SQL: as the role of the application, which may not write, and with an end.
ask() {
  local said
  # shellcheck disable=SC2016
  said=$(timeout --kill-after=5 610 docker exec --env PGOPTIONS='-c default_transaction_read_only=on -c statement_timeout=600s' "$1" \
    bash -c 'exec psql -h 127.0.0.1 -U "$1" -d "$PLIMSOLL_DATABASE" -XAtqw -v ON_ERROR_STOP=1 -c "$2"' psql "$owner" "$3" </dev/null 2>&1) || true
  say "check $2 $(if [[ $said == t ]]; then echo yes; else echo no; fi) $(tr '[:cntrl:]' ' ' <<<"${said:0:200}")"
}

if [[ $node != - ]]; then
  id=$(container_of "$node")
  if [[ -n $id ]]; then rows running "$id"; fi
fi
say "begin restore"
# In the background, so that a signal is heard at once; and with its own `set -e`, which no condition switches off.
restoring "$state" "$PROJECT" "$@" &
child=$!
code=0
wait "$child" || code=$?
child=''
((code == 0)) || exit "$code"
say "end restore"

id=$(copies | head -n 1)
say "size $(sql "$id" 'select sum(pg_database_size(oid)) from pg_database' 60 || true)"
say "postgres $(sql "$id" 'show server_version' || true)"
say "pgbackrest $(docker exec "$id" pgbackrest version 2>/dev/null | awk '{ print $2 }')"
rows copy "$id"
while read -r name query; do
  [[ -z $name ]] || ask "$id" "$name" "$(base64 -d <<<"$query")"
done
cat -- "$state"/releases/v*/events 2>/dev/null |
  sed -nE 's/.*"step":"start","state":"done","seconds":([0-9.]+).*/started \1/p' | tail -n 1 || true
