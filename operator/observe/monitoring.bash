# What a stack's monitoring says, asked from within its containers: lines of "key value". Prometheus and Alertmanager
# are asked side by side. `KEY_failed WORDS` where one is there and does not answer; nothing where there is none.
# $1: the Compose project. $2: a PromQL expression, encoded for a URL; Prometheus is not asked if empty.
set -euo pipefail
project=$1 promql=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# container_of SERVICE: "STATE ID" of the newest.
container_of() {
  timeout 20 docker ps -a --filter "label=com.docker.compose.project=$project" \
    --filter "label=com.docker.compose.service=$1" --filter label=com.docker.compose.oneoff=False \
    --format '{{.State}} {{.ID}}' | head -n 1
}
# ask KEY ID URL [wget's options]: its JSON in one line.
ask() {
  local key=$1 id=$2 url=$3 said
  shift 3
  if timeout 20 docker exec "$id" wget -q -T 10 -O - "$@" "$url" >"$work/$key.said" 2>"$work/$key.error"; then
    printf '%s %s\n' "$key" "$(tr -d '\n' <"$work/$key.said")"
  else
    said=$(tail -n 1 "$work/$key.error")
    printf '%s_failed %s\n' "$key" "${said:-it does not answer}"
  fi
}

prometheus() {
  local state id
  read -r state id <<<"$(container_of prometheus)"
  [[ -n $state ]] || return 0
  if [[ $state != running ]]; then
    printf 'prometheus_failed its container is %s\n' "$state"
    return 0
  fi
  ask prometheus "$id" http://127.0.0.1:9090/api/v1/query --post-data "query=$promql"
}

alertmanager() {
  local state id api=http://127.0.0.1:9093/api/v2
  read -r state id <<<"$(container_of alertmanager)"
  [[ -n $state ]] || return 0
  if [[ $state != running ]]; then
    printf 'alerts_failed its container is %s\n' "$state"
    return 0
  fi
  ask alerts "$id" "$api/alerts"
  ask silences "$id" "$api/silences"
  ask receivers "$id" "$api/receivers"
}

if [[ -n $promql ]]; then prometheus >"$work/prometheus" & fi
alertmanager >"$work/alertmanager" &
wait
printf 'containers %d\n' "$(timeout 20 docker ps -aq --filter "label=com.docker.compose.project=$project" | wc -l)"
cat "$work"/prometheus "$work/alertmanager" 2>/dev/null || true
