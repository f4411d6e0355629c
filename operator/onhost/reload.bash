# shellcheck shell=bash
# nginx's new files: checked beside the running one, and taken in by it. To be sourced by edge.bash.

EDGE_CONF=/etc/nginx/plimsoll/nginx.conf

edge_compose() {
  if declare -p COMPOSE >/dev/null 2>&1; then
    edge_docker "${COMPOSE[@]}" "$@"
  else
    edge_docker compose --progress quiet -p "$PROJECT" --project-directory "$LIVE" -f "$LIVE/compose.yaml" "$@"
  fi
}

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
