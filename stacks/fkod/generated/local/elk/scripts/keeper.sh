#!/bin/bash
# Where age and disk disagree, size wins: a data stream's lifecycle knows only age. Each round rolls the write index
# over once it holds a tenth of what the logs may take, and deletes the oldest indices while all together hold more.
# Beside that it gives Kibana its saved objects, since Kibana starts after the setup has ended.
# LOG_BYTES: what the logs may take. `keeper.sh check` is the healthcheck.
. "$(dirname "$0")/lib.sh"
EVERY=${EVERY:-300}
LAST=${LAST:-/tmp/last-round}

if [[ ${1:-} == check ]]; then
  (($(printf '%(%s)T') - $(<"$LAST") < 3 * EVERY))
  exit
fi

keeper() { # METHOD path
  call log_keeper elastic_keeper_password "$1" "$ELASTICSEARCH_URL/$2"
}

# One round is a process of its own: bash ignores `set -e` within the condition of an `if`.
if [[ ${1:-} == round ]]; then
  total=0
  write=''
  largest=$((LOG_BYTES / 10))
  list=$(keeper GET '_cat/indices/.ds-logs-plimsoll-*?h=index,store.size&bytes=b&s=creation.date,index&expand_wildcards=all')
  while read -r index size; do
    [[ -z $index ]] || total=$((total + ${size:-0}))
    # The newest index of the stream: the one that is written to.
    write="$index ${size:-0}"
  done <<<"$list"
  while read -r index size && ((total > LOG_BYTES)); do
    [[ -n $index && $index != "${write% *}" ]] || continue
    keeper DELETE "$index" >/dev/null || continue
    total=$((total - size))
    say warn "size wins over age: deleted $index ($size bytes) to keep the logs below $LOG_BYTES bytes"
  done <<<"$list"
  read -r index size <<<"$write"
  if [[ $index =~ ^\.ds-(.*)-[0-9.]{10}-[0-9]{6,}$ ]] && ((size > largest)); then
    stream=${BASH_REMATCH[1]}
    keeper POST "$stream/_rollover" >/dev/null
    say info "rolled $stream over at $size bytes"
  fi
  exit
fi

trap 'exit 0' TERM INT
objects=missing
while :; do
  if bash "$0" round; then printf '%(%s)T' >"$LAST"; fi
  if [[ $objects == missing ]] && bash "${0%/*}/kibana-objects.sh"; then objects=there; fi
  [[ ${1:-} != once ]] || exit 0
  # Sooner while Kibana is still to come.
  if [[ $objects == missing ]]; then sleep 15 & else sleep "$EVERY" & fi
  wait $!
done
