# What a database holds. Arguments: STATE PROJECT KEY NODE OWNER. stdin: a line for each check: NAME and its query in
# base64. KEY: `running`, of a node; `copy`, of the copy, or of a drill's node where NODE is not `-`.
# stdout: `KEY ROWS TABLE`; and of the copy: `check NAME yes|no ANSWER`, `size BYTES`, `postgres VERSION`,
#   `pgbackrest VERSION`, `started SECONDS` of the stack's first start, where it is known.
set -euo pipefail
trap '' HUP PIPE
# shellcheck disable=SC2034
state=$1 PROJECT=$2 key=$3 node=$4 owner=$5

# Each table exactly, one after the other; one that takes longer than 30 s is left out.
rows() {
  # shellcheck disable=SC2016
  timeout --kill-after=5 600 docker exec -i "$1" bash -c 'exec psql -h 127.0.0.1 -U postgres -d "$PLIMSOLL_DATABASE" -XqAtw -v key="$1"' psql "$key" 2>/dev/null <<'SQL' || true
set statement_timeout = '30s';
select format('select %L || count(*) || %L from %I.%I', :'key' || ' ', ' ' || nspname || '.' || relname, nspname, relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and nspname || relname !~ '[[:cntrl:]]'
 order by pg_relation_size(c.oid) desc limit 200
\gexec
SQL
}

# ask NAME SQL: as the role of the application, which may not write, and with an end.
ask() {
  local said
  # shellcheck disable=SC2016
  said=$(timeout --kill-after=5 610 docker exec --env "PGOPTIONS=${role}-c default_transaction_read_only=on -c statement_timeout=600s" "$id" \
    bash -c 'exec psql -h 127.0.0.1 -U "$1" -d "$PLIMSOLL_DATABASE" -XAtqw -v ON_ERROR_STOP=1 -c "$2"' psql "$user" "$2" </dev/null 2>&1) || true
  say "check $1 $(if [[ $said == t ]]; then echo yes; else echo no; fi) $(tr '[:cntrl:]' ' ' <<<"${said:0:200}")"
}

if [[ $key == running ]]; then
  id=$(container_of "$node")
  if [[ -n $id ]]; then rows "$id"; fi
  exit 0
fi
# A copy lets the application in without its password; a node only its superuser, who takes that role.
user=$owner role=''
if [[ $node == - ]]; then
  id=$(copies | head -n 1)
  [[ -n $id ]] || stop "the copy was taken away before it was looked into"
else
  user=postgres role="-c role=$owner "
  id=$(container_of "$node")
  [[ -n $id ]] || stop "$node has no container"
fi
say "size $(sql "$id" 'select sum(pg_database_size(oid)) from pg_database' 60 || true)"
say "postgres $(sql "$id" 'show server_version' || true)"
say "pgbackrest $(docker exec "$id" pgbackrest version 2>/dev/null | awk '{ print $2 }')"
rows "$id"
while read -r name query; do
  if [[ -n $name ]]; then ask "$name" "$(base64 -d <<<"$query")"; fi
done
cat -- "$state"/releases/v*/events 2>/dev/null |
  sed -nE 's/.*"step":"start","state":"done","seconds":([0-9.]+).*/started \1/p' | tail -n 1 || true
