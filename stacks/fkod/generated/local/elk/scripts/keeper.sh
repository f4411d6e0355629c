#!/bin/bash
# Where age and disk disagree, size wins: a data stream's lifecycle knows only age. Each round rolls the write index
# over once it holds a tenth of what the logs may take, and deletes the oldest indices while all together hold more.
# Beside that it takes the snapshots, and gives Kibana its saved objects, since Kibana starts after the setup has ended.
# LOG_BYTES: what the logs may take. SNAPSHOT_EVERY: seconds between two snapshots, none where absent; OTHERS_FOR: seconds
# that those of a cluster which was here before are kept. METRICS: where node_exporter looks for figures, if it is there.
# `keeper.sh check` is the healthcheck.
. "$(dirname "$0")/lib.sh"
EVERY=${EVERY:-300}
LAST=${LAST:-/tmp/last-round}
METRICS=${METRICS:-/metrics}

if [[ ${1:-} == check ]]; then
  (($(printf '%(%s)T') - $(<"$LAST") < 3 * EVERY))
  exit
fi

keeper() { # METHOD path [curl options]
  local method=$1 path=$2
  shift 2
  call log_keeper elastic_keeper_password "$method" "$ELASTICSEARCH_URL/$path" "$@"
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

# Snapshots are the keeper's and not Elasticsearch's own lifecycle (SLM): it would run them as whoever set it up, with all
# rights, prune by the cluster's clock alone, and know nothing of a cluster that was here before. A name is
# TIME-CLUSTER: by it a restore knows whose indices they are. The newest three of this cluster stay, since what lies
# further back is in the backups. Begun and not waited for: a large one takes longer than a round.
if [[ ${1:-} == snapshot ]]; then
  cluster=$(keeper GET '_cluster/state/metadata?filter_path=cluster_uuid')
  [[ $cluster =~ \"cluster_uuid\":\"([A-Za-z0-9_-]+)\" ]]
  cluster=${BASH_REMATCH[1],,}
  cluster=${cluster//[^a-z0-9]/}
  cluster=${cluster:0:12}
  list=$(keeper GET '_cat/snapshots/plimsoll?h=id,status,start_epoch&s=start_epoch')
  now=$(printf '%(%s)T')
  newest=0
  ours=()
  old=()
  while read -r name status begun; do
    [[ -n $name ]] || continue
    # While one is made nothing is begun or deleted.
    [[ $status != IN_PROGRESS ]] || exit 0
    if [[ $name != *-"$cluster" ]]; then
      ((now - begun <= ${OTHERS_FOR:-0})) || old+=("$name")
    elif [[ $status == SUCCESS || $status == PARTIAL ]]; then
      ours+=("$name")
      newest=$begun
    else
      say warn "snapshot $name is $status"
      old+=("$name")
    fi
  done <<<"$list"
  ((${#ours[@]} <= 3)) || old+=("${ours[@]:0:${#ours[@]}-3}")
  for name in "${old[@]}"; do keeper DELETE "_snapshot/plimsoll/$name" --max-time 240 >/dev/null; done
  ((now - newest >= SNAPSHOT_EVERY)) || exit 0
  printf -v name '%(%Y%m%dt%H%M%Sz)T' "$now"
  # What is there of an index that is damaged is better than nothing of all: the figures tell of it (PARTIAL).
  printf '{"indices":"logs-plimsoll-*","include_global_state":false,"feature_states":["none"],"partial":true}' |
    keeper PUT "_snapshot/plimsoll/$name-$cluster" --header 'Content-Type: application/json' --data-binary @- >/dev/null
  exit
fi

# What waits on the way, and what Elasticsearch's mapping refused: Filebeat and Logstash speak no Prometheus. Of one that
# does not answer there are no figures.
if [[ ${1:-} == figures ]]; then
  figures=''
  ask() { # URL
    answer=$(curl --silent --fail --max-time 10 "$1") || answer=''
    answer=${answer//[[:space:]]/}
  }
  # figure SERIES JSON PART NAME: the first number of that name behind that part
  figure() {
    [[ $2 == *"$3"* && ${2#*"$3"} =~ \"$4\":([0-9]+) ]] || return 0
    figures+="$1 ${BASH_REMATCH[1]}"$'\n'
  }
  ask "${LOGSTASH_URL:-http://logstash:9600}/_node/stats/pipelines/main"
  figure 'plimsoll_logs_queue_events{queue="logstash"}' "$answer" '"queue":{' events_count
  figure 'plimsoll_logs_queue_bytes{queue="logstash"}' "$answer" '"queue":{' queue_size_in_bytes
  figure 'plimsoll_logs_queue_max_bytes{queue="logstash"}' "$answer" '"queue":{' max_queue_size_in_bytes
  figure plimsoll_logs_refused_bytes "$answer" '"dead_letter_queue":{' queue_size_in_bytes
  figure plimsoll_logs_refused_max_bytes "$answer" '"dead_letter_queue":{' max_queue_size_in_bytes
  ask "${FILEBEAT_URL:-http://filebeat:5066}/stats"
  figure 'plimsoll_logs_queue_events{queue="filebeat"}' "$answer" '"filled":{' events
  figure 'plimsoll_logs_queue_bytes{queue="filebeat"}' "$answer" '"filled":{' bytes
  figure 'plimsoll_logs_queue_max_bytes{queue="filebeat"}' "$answer" '"filled":{' max_bytes
  # What reads them asks how old they are: the file outlives a keeper that was killed.
  figures+="plimsoll_logs_timestamp_seconds $(printf '%(%s)T')"$'\n'
  printf '%s' "$figures" >"$METRICS/.logging.new"
  mv "$METRICS/.logging.new" "$METRICS/logging.prom"
  exit
fi

trap 'exit 0' TERM INT
trap 'rm -f "$METRICS/logging.prom" || true' EXIT
if [[ -d $METRICS && ! -w $METRICS ]]; then say warn "$METRICS cannot be written: of the queues there are no figures"; fi
objects=missing
while :; do
  if bash "$0" round; then printf '%(%s)T' >"$LAST"; fi
  # A snapshot that fails has an alert, and is no reason to call the keeper ill.
  [[ -z ${SNAPSHOT_EVERY-} ]] || bash "$0" snapshot || true
  [[ ! -w $METRICS ]] || bash "$0" figures || true
  if [[ $objects == missing ]] && bash "${0%/*}/kibana-objects.sh"; then objects=there; fi
  [[ ${1:-} != once ]] || exit 0
  # Sooner while Kibana is still to come.
  if [[ $objects == missing ]]; then sleep 15 & else sleep "$EVERY" & fi
  wait $!
done
