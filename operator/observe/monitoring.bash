# What a stack's monitoring says, asked from within its containers: lines of "key value". Prometheus and Alertmanager
# are asked side by side. `KEY_failed WORDS` where one is there and does not answer; nothing where there is none.
# $1: the Compose project. $2: a PromQL expression, encoded for a URL; Prometheus is not asked if empty.
# shellcheck disable=SC2154 # $found and $all are of newest.bash, which stands before it
promql=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

prometheus() {
  local state id
  read -r state id <<<"${found[prometheus]-}"
  [[ -n $state ]] || return 0
  if [[ $state != running ]]; then
    printf 'prometheus_failed its container is %s\n' "$state"
    return 0
  fi
  if timeout 60 docker exec "$id" wget -q -T 10 -O - --post-data "query=$promql" \
    http://127.0.0.1:9090/api/v1/query >"$work/prometheus.said" 2>"$work/prometheus.error"; then
    printf 'prometheus %s\n' "$(tr -d '\n' <"$work/prometheus.said")"
  else
    printf 'prometheus_failed %s\n' "$(tail -n 1 "$work/prometheus.error" | grep . || echo 'no answer in time')"
  fi
}

alertmanager() {
  local state id api=http://127.0.0.1:9093/api/v2
  read -r state id <<<"${found[alertmanager]-}"
  [[ -n $state ]] || return 0
  if [[ $state != running ]]; then
    printf 'alerts_failed its container is %s\n' "$state"
    return 0
  fi
  # All of it in one command in the container: each costs the engine more than the answers do.
  # shellcheck disable=SC2016
  if timeout 60 docker exec "$id" sh -c 'for what in alerts silences status; do
      answer=$(wget -q -T 10 -O - "$0/$what") || exit 1
      printf "%s %s\n" "$what" "$answer"
    done' "$api" >"$work/alertmanager.said" 2>"$work/alertmanager.error"; then
    cat "$work/alertmanager.said"
  else
    printf 'alerts_failed %s\n' "$(tail -n 1 "$work/alertmanager.error" | grep . || echo 'no answer in time')"
  fi
}

if [[ -n $promql ]]; then prometheus >"$work/prometheus" & fi
alertmanager >"$work/alertmanager" &
wait
printf 'containers %d\n' "$all"
cat "$work"/prometheus "$work/alertmanager" 2>/dev/null || true
