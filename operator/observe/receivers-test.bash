# One alert through each receiver of a stack's Alertmanager, and what becomes of it.
# $1: the Compose project. $2: seconds to wait. $3, $4: the stack and its environment. $5: who asks. Then names of
# receivers; all if none.
#   `receiver NAME INTEGRATION`             there is such a one
#   `result NAME OUTCOME MILLISECONDS ATTEMPTS`   OUTCOME: delivered, failed, waiting (nobody answered in time)
#   `log LINE`                              what Alertmanager wrote of it, `alerts JSON` how the alerts stand
set -euo pipefail
project=$1 wait=$2 stack=$3 environment=$4 by=$5
shift 5
api=http://127.0.0.1:9093
id=$(timeout 60 docker ps -q --filter "label=com.docker.compose.project=$project" \
  --filter label=com.docker.compose.service=alertmanager --filter label=com.docker.compose.oneoff=False | head -n 1)
if [[ -z $id ]]; then
  echo 'Alertmanager does not run' >&2
  exit 1
fi
get() { timeout 60 docker exec "$id" wget -q -T 10 -O - "$api$1"; }
now() { date +%s%3N; }
at() { date -u -d "@$1" +%FT%TZ; }

# An answer that does not come is no list without names.
if ! answer=$(get /api/v2/receivers); then
  echo 'Alertmanager does not answer' >&2
  exit 1
fi
mapfile -t known < <(grep -oE '"name":"test-[a-z0-9-]+"' <<<"$answer" | sed 's/^"name":"test-//; s/"$//' | sort -u)
names=()
for name in "${known[@]}"; do
  printf 'receiver %s\n' "$name"
  if (($# == 0)) || [[ " $* " == *" $name "* ]]; then names+=("$name"); fi
done
((${#names[@]} > 0)) || exit 0

# figures: `NAME REQUESTS FAILED_REQUESTS GIVEN_UP`, by the receiver's name.
figures() {
  get /metrics | awk '
    match($0, /receiver_name="test-[^"]*"/) {
      name = substr($0, RSTART + 20, RLENGTH - 21)
      if (/^alertmanager_notification_requests_total/) requests[name] += $NF
      if (/^alertmanager_notification_requests_failed_total/) failed[name] += $NF
      if (/^alertmanager_notifications_failed_total/) given_up[name] += $NF
      names[name] = 1
    }
    END { for (name in names) print name, requests[name] + 0, failed[name] + 0, given_up[name] + 0 }'
}
# post UNTIL: begins the alerts, or ends them.
post() {
  local name body=''
  for name in "${names[@]}"; do
    body+=",{\"labels\":{\"alertname\":\"PlimsollTest\",\"plimsoll_test\":\"$name\",\"plimsoll_test_at\":\"$began\",\"stack\":\"$stack\",\"environment\":\"$environment\"},"
    body+="\"annotations\":{\"summary\":\"A test of the receiver $name: nothing is wrong\",\"description\":\"$by asked for it. It ends by itself.\"},"
    body+="\"startsAt\":\"$(at $((began / 1000)))\",\"endsAt\":\"$(at "$1")\"}"
  done
  # shellcheck disable=SC2016
  printf '[%s]' "${body#,}" | timeout 60 docker exec -i "$id" sh -c 'exec wget -q -T 10 -O - \
    --header "Content-Type: application/json" --post-data "$(cat)" http://127.0.0.1:9093/api/v2/alerts' >/dev/null
}

# said: what Alertmanager wrote of these very alerts.
said() {
  timeout 60 docker logs --since "$(at $((began / 1000 - 1)))" "$id" 2>&1 | grep -F "$began" || true
}
# gave_up NAME: after the last attempt. Another's test may be under way, and counts in the same figures.
gave_up() { said | grep -F '"Notify for alerts failed"' | grep -qF "test-$1/"; }

declare -A requests=() failed=() given_up=() result=()
while read -r name a b c; do requests[$name]=$a failed[$name]=$b given_up[$name]=$c; done < <(figures)
began=$(now)
deadline=$((began + wait * 1000))
# Should this be cut short, they end by themselves.
post $((began / 1000 + wait + 60))
trap 'post "$(date +%s)" || true' EXIT
while ((${#result[@]} < ${#names[@]})); do
  sleep 0.5
  while read -r name a b c; do
    [[ -z ${result[$name]-} && " ${names[*]} " == *" $name "* ]] || continue
    a=$((a - ${requests[$name]-0})) b=$((b - ${failed[$name]-0})) c=$((c - ${given_up[$name]-0}))
    if ((a > b)); then
      result[$name]="delivered $(($(now) - began)) $a"
    elif ((c > 0)) && gave_up "$name"; then
      result[$name]="failed $(($(now) - began)) $a"
    elif (($(now) > deadline)); then
      result[$name]="waiting $(($(now) - began)) $a"
    fi
  done < <(figures)
  (($(now) < deadline + 5000)) || break
done
for name in "${names[@]}"; do printf 'result %s %s\n' "$name" "${result[$name]-waiting $((wait * 1000)) 0}"; done
said | sed 's/^/log /'
printf 'alerts %s\n' "$(get /api/v2/alerts | tr -d '\n')"
