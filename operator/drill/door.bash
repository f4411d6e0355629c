# What the stack says on the drill's host. Arguments: PROJECT DOMAIN PATH OUTSIDE (host:port that the host itself reaches).
# stdout: `door STATUS`, through the published port and by the stack's own name; `cut NAME yes|no`, for each network and for
#   the door itself: whether the way to OUTSIDE is shut from there.
set -euo pipefail
PROJECT=$1 domain=$2 path=$3 outside=$4
id=$(container_of nginx)
[[ -n $id ]] || stop "nginx is not there"
image=$(image_of "$id")
curl=(--rm --read-only --cap-drop ALL --security-opt no-new-privileges --memory 64m --pids-limit 16 --log-driver none
  --label "com.docker.compose.project=$PROJECT" --label com.docker.compose.service=drill-probe
  --label com.docker.compose.oneoff=True --entrypoint curl)
port() { docker container inspect --format "{{with index .NetworkSettings.Ports \"$1/tcp\"}}{{(index . 0).HostPort}}{{end}}" "$id"; }
scheme=https port=$(port 8443)
[[ -n $port ]] || { scheme=http && port=$(port 8080); }
[[ -n $port ]] || stop "nginx publishes no port"
for tries in 1 2 3 4 5; do
  status=$(docker run "${curl[@]}" --network host "$image" -gsk -m 10 -o /dev/null -w '%{http_code}' \
    --resolve "$domain:$port:127.0.0.1" "$scheme://$domain:$port$path" </dev/null 2>/dev/null) || true
  [[ $status != 200 && $tries != 5 ]] || break
  sleep 0.5
done
say "door ${status:-000}"

# A connection came to be, whatever was said on it: curl's codes from the handshake on.
reached() { [[ $1 =~ ^(0|35|52|56|60)$ ]]; }
cut() {
  local name=$1 code=0
  shift
  "$@" -gsk -m 4 -o /dev/null "https://$outside/" </dev/null >/dev/null 2>&1 || code=$?
  say "cut $name $(if reached "$code"; then echo no; else echo yes; fi)"
}
# The same from the host, or a bucket that is away would be taken for a door that is shut.
cut host docker run "${curl[@]}" --network host "$image"
while read -r container; do
  docker container inspect --format '{{range $name, $_ := .NetworkSettings.Networks}}{{println $name}}{{end}}' "$container"
done < <(docker ps -q --filter "label=com.docker.compose.project=$PROJECT" --filter label=com.docker.compose.oneoff=False) |
  grep . | sort -u |
  while read -r network; do cut "$network" docker run "${curl[@]}" --network "$network" "$image"; done
cut nginx docker exec "$id" curl
