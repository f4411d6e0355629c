# shellcheck shell=bash
# nginx's files checked and taken in, and nginx itself made anew without losing a request. To be sourced by edge.bash.

EDGE_CONF=/etc/nginx/plimsoll/nginx.conf

edge_compose() {
  if declare -p COMPOSE >/dev/null 2>&1; then
    edge_docker "${COMPOSE[@]}" "$@"
  else
    edge_docker compose --progress quiet -p "$PROJECT" --project-directory "$LIVE" -f "$LIVE/compose.yaml" "$@"
  fi
}

# ---- new files ----------------------------------------------------------------------------------------------------

# edge_test FILES: nginx's own word on a release's files, in a container of the release's image that is thrown away.
edge_test() {
  local files image text
  files=$(cd -- "${1%/nginx}" && pwd) || return 1
  image=$(edge_compose_of "$files" config --no-env-resolution --images "$NGINX" | head -n 1)
  [[ -n $image ]] || { edge_say "no image of $NGINX in $files/compose.yaml" && return 1; }
  text=$(docker run --rm --pull never --log-driver none --network none --read-only --cap-drop ALL \
    --security-opt no-new-privileges --memory 128m --user 101:101 --tmpfs /tmp:uid=101,gid=101 \
    --tmpfs /var/cache/nginx:uid=101,gid=101 --tmpfs /var/lib/nginx:uid=101,gid=101 \
    --volume "$files/nginx:/etc/nginx/plimsoll:ro" --entrypoint nginx "$image" -t -q -c "$EDGE_CONF" 2>&1) ||
    { edge_say "$text" && return 1; }
}

edge_compose_of() {
  local files=$1
  shift
  edge_docker compose --progress quiet -p "$PROJECT" --project-directory "$LIVE" -f "$files/compose.yaml" "$@"
}

# edge_reload: takes in the files that lie in place, and comes back when new workers serve and none of the old takes a
# new connection. What the old ones serve goes on.
edge_reload() {
  local id since
  id=$(edge_container) || return 1
  since=$(date +%s)
  # shellcheck disable=SC2016
  edge_docker exec "$id" sh -c '
    text=$(nginx -t -q -c "$1" 2>&1) || { echo "$text" >&2; exit 1; }
    master=$(cat /tmp/nginx.pid)
    before=" $(cat "/proc/$master/task/$master/children") "
    kill -HUP "$master"
    end=$(($(date +%s) + 15))
    while :; do
      fresh=0 old=0
      for pid in $(cat "/proc/$master/task/$master/children"); do
        case $(tr "\0" " " 2>/dev/null <"/proc/$pid/cmdline") in
          *"shutting down"*) ;;
          "nginx: worker"*) case $before in *" $pid "*) old=1 ;; *) fresh=1 ;; esac ;;
        esac
      done
      [ "$fresh$old" != 10 ] || exit 0
      [ "$(date +%s)" -lt "$end" ] || exit 3
      sleep 0.05
    done' reload "$EDGE_CONF" && return 0
  if [[ $? == 3 ]]; then
    edge_say "nginx keeps its old files: $(docker logs --since "$since" "$id" 2>&1 | grep -E '\[(emerg|alert)\]' | tail -n 5)"
  fi
  return 1
}

# ---- made anew ----------------------------------------------------------------------------------------------------
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
  stand_in=$(edge_stand "$ports") || { edge_leave '' || true; return 1; }
  if ! { edge_serves "$stand_in" 30 && edge_copy "$before" "$stand_in" && edge_serves "$stand_in" 30 "$servers" &&
    edge_rules add "$stand_in" "$ports"; }; then
    docker rm -f "$stand_in" >/dev/null 2>&1 || true
    edge_leave ''
    return 1
  fi
  # Connections that were half made still reach the old one.
  sleep 1
  edge_compose up -d --no-deps --no-build "$NGINX" >/dev/null || code=1
  service=$(edge_container) || code=1
  ((code != 0)) || { edge_serves "$service" 60 "$servers" && edge_copy "$before" "$service"; } || code=1
  if ((code != 0)); then
    # Where the service serves as before, it goes on; else its stand-in does, until the next try.
    service=$(edge_container 2>/dev/null) && edge_serves "$service" 2 "$servers" || return 1
  fi
  edge_leave "$stand_in" && ((code == 0))
}

# Rules and stand-ins of a handover that was cut short. The door is opened by the service itself first.
edge_handover_clean() {
  local service
  [[ -z ${STATE-} || -e $STATE/handover || -n $(edge_stand_ins) ]] || return 0
  service=$(edge_container 2>/dev/null) && edge_serves "$service" 5 ||
    { edge_compose up -d --no-deps --no-build "$NGINX" >/dev/null && service=$(edge_container) && edge_serves "$service" 60; } ||
    { edge_say "$NGINX does not come back; its stand-in serves" && return 1; }
  edge_leave ''
}

# No rules any more; stand-ins end when their last connection has.
edge_leave() {
  local id
  edge_rules clear || return 1
  # As above, for the other way.
  [[ -z $1 ]] || sleep 1
  for id in $(edge_stand_ins); do edge_away "$id"; done
  [[ -z ${STATE-} ]] || rm -f -- "$STATE/handover"
}

# edge_rules clear, or add STAND-IN PORTS: see handover-rules.sh. The one who deploys need not be root: whoever may use
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

edge_away() { docker stop "$1" >/dev/null 2>&1 || true; docker rm -f "$1" >/dev/null 2>&1 || true; }

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

# edge_copy TEXT CONTAINER: weights, releases, affinity and maintenance as TEXT has them, of servers that it knows too.
edge_copy() {
  local now group change
  [[ -n $1 ]] || return 0
  now=$(edge_read "$2") || return 1
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
