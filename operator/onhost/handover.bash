# shellcheck shell=bash
# nginx itself made anew without losing a request. To be sourced by edge.bash.
#
# A stand-in of the new release starts beside the old container. Rules in front of Docker's own send new connections
# to it; those that stand stay where they are. Then Compose makes the service anew: the old one ends when its last
# connection has, the new one gets its published ports, and the rules go. Whatever fails, the rules never lead to nothing
# while nginx itself serves.

edge_mark() { printf 'plimsoll-%s-handover' "$PROJECT"; }
edge_stand_ins() { docker ps -aq --no-trunc --filter "label=plimsoll.handover=$PROJECT"; }
edge_note() { [[ -z ${STATE-} ]] || { : >"$STATE/handover"; } 2>/dev/null || true; }

edge_handover() {
  local service stand_in from ports='' before servers='' code=0
  service=$(docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$PROJECT" \
    --filter "label=com.docker.compose.service=$NGINX" --filter label=com.docker.compose.oneoff=False | head -n 1)
  [[ -z $service ]] || ports=$(edge_ports "$service")
  if [[ -z $ports ]]; then
    # Nobody comes in by it: there is nothing to hand over.
    edge_compose up -d --no-deps --no-build "$NGINX" >/dev/null && edge_serves "" 60
    return
  fi
  from=$(edge_running "$service") || from=$(edge_stand_ins | head -n 1)
  before=$(edge_read "$from") || before=''
  [[ -z $before ]] || servers=$(edge_reached "$from" "$(awk '$1 != "#" && $2 > 0 { print $1 }' <<<"$before")")
  edge_note
  stand_in=$(edge_stand "$ports") || { edge_retreat; return 1; }
  if ! { edge_serves "$stand_in" 30 && edge_copy "$before" "$stand_in" && edge_serves "$stand_in" 30 "$servers"; }; then
    docker rm -f "$stand_in" >/dev/null 2>&1 || true
    edge_retreat
    return 1
  fi
  edge_rules add "$stand_in" "$ports" || { edge_retreat; return 1; }
  # Connections that were half made still reach the old one.
  sleep 1
  edge_compose up -d --no-deps --no-build "$NGINX" >/dev/null || code=1
  service=$(edge_container) || code=1
  ((code != 0)) || { edge_serves "$service" 60 "$servers" && edge_copy "$before" "$service"; } || code=1
  if ((code != 0)); then
    # Where the service serves as before, it goes on; else its stand-in does, until the next try.
    service=$(edge_container 2>/dev/null) && edge_serves "$service" 2 "$servers" || return 1
  fi
  edge_leave && ((code == 0))
}

# Rules and stand-ins of a handover that was cut short. The door is opened by the service itself first.
edge_handover_clean() {
  local service
  [[ -z ${STATE-} || -e $STATE/handover || -n $(edge_stand_ins) ]] || return 0
  service=$(edge_container 2>/dev/null) && edge_serves "$service" 5 ||
    { edge_compose up -d --no-deps --no-build "$NGINX" >/dev/null && service=$(edge_container) && edge_serves "$service" 60; } ||
    { edge_say "$NGINX does not come back; its stand-in serves" && return 1; }
  edge_leave
}

# Before the service was touched: back to it where it serves. Where it does not, an earlier stand-in goes on. What went
# wrong stays what was said last.
edge_retreat() {
  local service words=''
  [[ -z ${ERR-} ]] || words=$(<"$ERR")
  if service=$(edge_container 2>/dev/null) && edge_serves "$service" 2; then edge_leave || true; fi
  [[ -z ${ERR-} ]] || printf '%s\n' "$words" >"$ERR"
}

# No rules any more; stand-ins end when their last connection has.
edge_leave() {
  local id
  edge_rules release || return 1
  # As above, for the other way.
  sleep 1
  for id in $(edge_stand_ins); do
    docker stop "$id" >/dev/null 2>&1 || true
    docker rm -f "$id" >/dev/null 2>&1 || true
  done
  edge_rules clear || return 1
  [[ -z ${STATE-} ]] || rm -f -- "$STATE/handover"
}

# edge_rules release, clear, or add STAND-IN PORTS: see handover-rules.sh. The one who deploys need not be root: whoever may use
# Docker may do this by way of a container.
edge_rules() {
  local action=$1 image text target address port stand args=()
  if [[ $action == add ]]; then
    while read -r target address port; do
      stand=$(docker inspect --type container --format "{{range (index .NetworkSettings.Ports \"$target/tcp\")}}{{.HostIp}} {{.HostPort}}{{println}}{{end}}" "$2" |
        awk -v six="$([[ $address != *:* ]] || echo 1)" '(index($1, ":") > 0) == (six == 1) { print $2; exit }')
      [[ -n $stand ]] || { edge_say "the stand-in publishes no $target" && return 1; }
      args+=("$address $port $stand")
    done <<<"$3"
  fi
  image=$(docker ps -a --filter "label=com.docker.compose.project=$PROJECT" --filter "label=com.docker.compose.service=$NGINX" \
    --format '{{.Image}}' | head -n 1)
  text=$(docker run --rm -i --pull never --log-driver none --privileged --userns host --network host --user 0:0 \
    --volume /:/host --entrypoint chroot "$image" /host /bin/sh -s -- "$(edge_mark)" "$action" "${args[@]}" \
    <"$EDGE_FOLDER/handover-rules.sh" 2>&1) || { edge_say "no rules for the handover: $text" && return 1; }
}

edge_running() {
  [[ $(docker inspect --type container --format '{{.State.Status}}' "$1" 2>/dev/null) == running ]] && printf '%s' "$1"
}

# What a container publishes: `8443 0.0.0.0 443` a line.
edge_ports() {
  docker inspect --type container --format \
    '{{range $port, $all := .HostConfig.PortBindings}}{{range $all}}{{$port}} {{or .HostIp "0.0.0.0"}} {{.HostPort}}{{println}}{{end}}{{end}}' "$1" |
    awk '$1 ~ /\/tcp$/ && $3 > 0 { sub(/\/tcp$/, "", $1); print }'
}

# The stand-in, with ports of Docker's choice on loopback (and where IPv6 is published, on all of it: see the rules).
edge_stand() {
  local target address _ options=() seen=' '
  while read -r target address _; do
    [[ $address == *:* ]] && address='[::]' || address=127.0.0.1
    [[ $seen == *" $address::$target "* ]] || options+=(-p "$address::$target")
    seen+="$address::$target "
  done <<<"$1"
  edge_compose run -d -T --rm --no-deps --quiet-pull --name "$PROJECT-$NGINX-handover-$(date +%s)" \
    -l "plimsoll.handover=$PROJECT" "${options[@]}" "$NGINX" | tail -n 1 || return 1
}

# ---- whether it serves --------------------------------------------------------------------------------------------

# edge_reached CONTAINER SERVERS: those that this nginx has an answer of.
edge_reached() {
  # shellcheck disable=SC2016,SC2086
  docker exec "$1" sh -c '
    url=$1 path=$2
    shift 2
    for server; do
      case $(curl -gs -m 3 -o /dev/null -w "%{http_code}" "$url/$server$path") in 000 | 502 | 504) ;; *) echo "$server" ;; esac
    done' reached "$EDGE_PROBE" "${READY_PATH:-/health}" $2 2>/dev/null || true
}

# edge_serves CONTAINER SECONDS [SERVERS]: until nginx answers there, and reaches each of the servers that it knows.
edge_serves() {
  local id=$1
  [[ -n $id ]] || id=$(edge_container) || return 1
  # shellcheck disable=SC2016,SC2086
  docker exec "$id" sh -c '
    end=$(($(date +%s) + $1)) control=$2 probe=$3 path=$4
    shift 4
    while :; do
      missing=health
      if curl -fs -m 2 -o /dev/null http://127.0.0.1:8081/nginx-health; then
        missing="" known=" $(curl -fs -m 2 "$control?format=text" | while read -r name rest; do printf "%s " "$name"; done)"
        for server; do
          case $known in *" $server "*) ;; *) continue ;; esac
          case $(curl -gs -m 3 -o /dev/null -w "%{http_code}" "$probe/$server$path") in 000 | 502 | 504) missing="$missing $server" ;; esac
        done
      fi
      [ -n "$missing" ] || exit 0
      [ "$(date +%s)" -lt "$end" ] || { echo "no answer:$missing"; exit 1; }
      sleep 0.1
    done' serves "$2" "$EDGE_CONTROL" "$EDGE_PROBE" "${READY_PATH:-/health}" ${3-} >/dev/null 2>&1 && return 0
  edge_say "$NGINX does not serve within $2 s: $(docker logs --tail 10 "$id" 2>&1 | grep -v '^{' | tail -n 3)"
  return 1
}

edge_settings() { awk '{ print $1, $2, $1 == "#" ? $3 " " $4 : $5 }' <<<"$1"; }

# edge_copy TEXT CONTAINER: weights, releases, affinity and maintenance as TEXT has them, of servers that it knows too.
edge_copy() {
  local now group change
  [[ -n $1 ]] || return 0
  now=$(edge_read "$2") || return 1
  # What a new nginx read from its volume is what it should have, as a rule.
  [[ $(edge_settings "$1") != $(edge_settings "$now") ]] || return 0
  while read -r group change; do
    docker exec "$2" curl -fsS -m 10 -o /dev/null -X PATCH --data "$change" "$EDGE_CONTROL/$group" || return 1
  done < <(awk '
    function flush() {
      if (group == "" || !(group in known)) return
      printf "%s {\"weights\":{%s},\"releases\":{%s},\"affinity\":\"%s\",\"maintenance\":%s}\n", group, weights, releases, affinity, maintenance
    }
    FNR == NR { if ($1 == "#") { own = $2; known[own] = 1 } else if (NF) there[own " " $1] = 1; next }
    $1 == "#" { flush(); group = $2; maintenance = $3 == "on" ? "true" : "false"; affinity = $4; weights = releases = ""; next }
    (group " " $1) in there {
      weights = weights (weights == "" ? "" : ",") "\"" $1 "\":" $2
      if ($5 != "-") releases = releases (releases == "" ? "" : ",") "\"" $1 "\":\"" $5 "\""
    }
    END { flush() }' <(printf '%s\n' "$now") <(printf '%s\n' "$1"))
}
