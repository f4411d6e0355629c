#!/bin/bash
# Groups of errors, asked by one who may read logs and nothing else. stdin: two searches in JSON, a line each; "@KEYS@" in
# the second are the groups that the first has found. stdout: `groups JSON`, and `details JSON` where there are any.
. "$(dirname "$0")/lib.sh"

search() {
  call grafana_reader elk_grafana_password POST \
    "$ELASTICSEARCH_URL/logs-plimsoll-*/_search?filter_path=timed_out,_shards.failed,aggregations" \
    --header 'Content-Type: application/json' --data-binary @-
}

IFS= read -r first
IFS= read -r second
found=$(printf '%s' "$first" | search)
printf 'groups %s\n' "$found"
keys=''
while [[ $found =~ \"key\":\"([0-9a-f]{16})\" ]]; do
  keys+=",\"${BASH_REMATCH[1]}\""
  found=${found#*"${BASH_REMATCH[0]}"}
done
[[ -n $keys ]] || exit 0
second=${second/'"@KEYS@"'/"${keys#,}"}
details=$(printf '%s' "$second" | search)
printf 'details %s\n' "$details"
