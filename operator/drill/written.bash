# Which of the probe's writes each node holds. Arguments: PROJECT WRITER NODE…
#   `rows NODE N N N…`; then the probe's table goes, with the next drill at the latest
set -uo pipefail
# shellcheck disable=SC2034
PROJECT=$1 writer=$2
shift 2
# shellcheck disable=SC2016
table() {
  timeout 60 docker exec -i "$1" bash -c 'exec psql -h 127.0.0.1 -U postgres -d "$PLIMSOLL_DATABASE" -XqAtw -c "$1"' psql "$2" </dev/null 2>/dev/null
}
for node in "$@"; do
  id=$(container_of "$node")
  [[ -z $id ]] || say "rows $node $(table "$id" "select string_agg(n::text, ' ' order by n) from plimsoll_drill")"
done
id=$(container_of "$writer")
[[ -z $id ]] || table "$id" 'drop table if exists plimsoll_drill'
exit 0
