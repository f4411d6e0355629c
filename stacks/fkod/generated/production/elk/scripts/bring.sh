#!/bin/bash
# Logs back out of a copy of the snapshots' repository, beside those that are there. Runs in Elasticsearch's own container.
#   bring.sh back FOLDER   indices that are missing, out of the newest snapshot of each cluster in FOLDER (of path.repo)
#   bring.sh undo          deletes the indices whose names are on stdin
# stdout: `index NAME` before an index is begun, `note WORDS`. Nothing that is there is changed, closed or replaced: an index
# of this cluster has all that its snapshot has. One of another cluster (a lost host's) comes back under its name and the
# cluster's. An index that was brought back is given to the stream, where it is found, counted and ages as before.
ELASTICSEARCH_URL=${ELASTICSEARCH_URL:-http://127.0.0.1:9200}
. "$(dirname "$0")/lib.sh"
SNAPSHOTS=${SNAPSHOTS:-/usr/share/elasticsearch/snapshots}
REPOSITORY=plimsoll-copy
# Seconds until an index is given up that nobody begins to read.
PATIENCE=${PATIENCE:-60}

elastic() { # METHOD path [curl options]
  local method=$1 path=$2
  shift 2
  call elastic elastic_password "$method" "$ELASTICSEARCH_URL/$path" "$@"
}
send() { elastic "$1" "$2" --header 'Content-Type: application/json' --data-binary @-; } # METHOD path <body
note() { printf 'note %s\n' "$*"; }
stop() {
  printf '%s\n' "$*" >&2
  exit 1
}
# With a wildcard, since a name that is not there is an error otherwise.
known() { elastic GET "_resolve/index/$1*?expand_wildcards=all"; }
exists() { [[ $(known "$1") == *"\"name\":\"$1\""* ]]; }
in_stream() { [[ $(known "$1") =~ \"name\":\""$1"\"[^}]*\"data_stream\": ]]; }
tag_of() { # cluster's uuid, or a snapshot's name
  local tag=${1,,}
  tag=${tag//[^a-z0-9]/}
  printf '%s' "${tag:0:12}"
}

# wait_for INDEX: until its one shard runs. Elasticsearch tries a shard five times, and then no more.
wait_for() {
  local state reason details since=$SECONDS
  while :; do
    read -r state reason details <<<"$(elastic GET "_cat/shards/$1?h=state,unassigned.reason,unassigned.details")"
    case $state in
      STARTED) return 0 ;;
      INITIALIZING) since=$SECONDS ;;
    esac
    if [[ $reason == ALLOCATION_FAILED && $state == UNASSIGNED ]] || ((SECONDS - since > PATIENCE)); then
      printf '%s' "${details:-nobody begins to read it: is the disk full, or did the keeper delete it since size wins over age?}"
      return 1
    fi
    sleep 0.5
  done
}

# back INDEX SNAPSHOT SUFFIX STREAM
back() {
  local index=$1 snapshot=$2 name=$1$3 stream=$4 why
  if in_stream "$name"; then
    there=$((there + 1))
    return 0
  fi
  printf 'index %s\n' "$name"
  if ! exists "$name"; then
    # shellcheck disable=SC2016 # $1 is Elasticsearch's to expand
    printf '{"indices":"%s","include_global_state":false,"include_aliases":false,"rename_pattern":"^(.+)$","rename_replacement":"$1%s"}' "$index" "$3" |
      send POST "_snapshot/$REPOSITORY/$snapshot/_restore" >/dev/null || { failed+=("$name"); return 0; }
  fi
  # One of a run that was killed is waited for and given to the stream, too.
  if ! why=$(wait_for "$name"); then
    note "$name is not whole in the backup: ${why:0:400}"
    elastic DELETE "$name" >/dev/null || true
    failed+=("$name")
    return 0
  fi
  if ! printf '{"actions":[{"add_backing_index":{"data_stream":"%s","index":"%s"}}]}' "$stream" "$name" |
    send POST _data_stream/_modify >/dev/null; then
    elastic DELETE "$name" >/dev/null || true
    failed+=("$name")
    return 0
  fi
  brought=$((brought + 1))
}

if [[ ${1-} == undo ]]; then
  while read -r name; do
    [[ -n $name ]] || continue
    if exists "$name"; then elastic DELETE "$name" >/dev/null; else note "$name is gone already"; fi
  done
  exit
fi

[[ ${1-} == back && -n ${2-} ]] || stop "bring.sh back FOLDER, or bring.sh undo"
uuid=$(elastic GET '_cluster/state/metadata?filter_path=cluster_uuid')
[[ $uuid =~ \"cluster_uuid\":\"([A-Za-z0-9_-]+)\" ]] || stop "Elasticsearch does not say which cluster it is"
here=$(tag_of "${BASH_REMATCH[1]}")
trap 'elastic DELETE "_snapshot/$REPOSITORY" >/dev/null 2>&1 || true' EXIT
printf '{"type":"fs","settings":{"location":"%s","readonly":true}}' "$SNAPSHOTS/$2" |
  send PUT "_snapshot/$REPOSITORY?verify=false" >/dev/null || stop "the copy of the snapshots cannot be opened"
list=$(elastic GET "_cat/snapshots/$REPOSITORY?h=id,status,start_epoch&s=start_epoch") ||
  stop "the copy of the snapshots cannot be read: it is damaged. Another backup may be whole"
declare -A newest=()
while read -r name status _; do
  [[ $status == SUCCESS || $status == PARTIAL ]] || continue
  newest[${name##*-}]=$name
done <<<"$list"
((${#newest[@]} > 0)) || stop "the backup holds no snapshot of the logs: none was made before it"

there=0
brought=0
failed=()
for cluster in "${!newest[@]}"; do
  snapshot=${newest[$cluster]}
  note "the logs as they were on ${snapshot%%-*}"
  suffix=''
  [[ $cluster == "$here" ]] || suffix=-$cluster
  text=$(elastic GET "_snapshot/$REPOSITORY/$snapshot?filter_path=snapshots.indices") ||
    stop "snapshot $snapshot cannot be read: it is damaged. Another backup may be whole"
  while [[ $text =~ \"(\.ds-([a-z0-9-]+)-[0-9]{4}\.[0-9]{2}\.[0-9]{2}-[0-9]{6,}[a-z0-9-]*)\" ]]; do
    index=${BASH_REMATCH[1]} stream=${BASH_REMATCH[2]}
    text=${text/"\"$index\""/}
    exists "$stream" || stop "there is no stream $stream yet: it comes with the first line of any log. Run it again then"
    back "$index" "$snapshot" "$suffix" "$stream"
  done
done
note "$brought indices were brought back, $there are there as they were"
((${#failed[@]} == 0)) || stop "not brought back: ${failed[*]}"
