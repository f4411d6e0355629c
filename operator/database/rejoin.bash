# A node that writes no more follows the one that does: rewound where its log allows it, else copied anew. Arguments:
#   STATE PROJECT LIVE WRITER NODE PATIENCE FRESH (`fresh`: copied in any case; `wait`: begun already; `-`: as it can)
# The work itself is done by the node's own start, which goes on after any interruption; this asks for it and waits.
# stdout: `note WORDS`, `way rewound|copied|streaming`, `seconds N`. Exit 97: a deploy or another rejoin is at work.
set -euo pipefail
# A connection that breaks stops nothing half-way.
trap '' HUP PIPE
trap 'exit 143' TERM INT
# shellcheck disable=SC2034
state=$1 PROJECT=$2 live=$3 writer=$4 node=$5 patience=$6 fresh=$7

hold rejoin "a rejoin of $node"
hold work "the begin of a rejoin of $node"
began=$SECONDS
writer_id=$(container_of "$writer")
[[ -n $writer_id && $(sql "$writer_id" 'select pg_is_in_recovery()') == f ]] ||
  stop "$writer does not take writes any more: nothing was changed"
streams() {
  [[ $(sql "$writer_id" "select 1 from pg_stat_replication where application_name = '$node' and state = 'streaming' limit 1" || true) == 1 ]]
}

id=$(container_of "$node") way='' since=$(date +%s)
if [[ $fresh == wait ]]; then
  [[ -n $id ]] || stop "$node has no container any more"
elif [[ $fresh != fresh && -n $id ]] && ! has "$id" "$FENCED" && streams; then
  way=streaming
else
  if [[ -z $id ]]; then
    docker compose --ansi never --progress quiet -p "$PROJECT" --project-directory "$live" -f "$live/compose.yaml" \
      up --no-start --no-deps --no-build "$node" >/dev/null
    id=$(container_of "$node")
    [[ -n $id ]] || stop "$node has no container, and Compose makes none"
  fi
  if ! has "$id" "$FENCED"; then
    # Fenced before it ends: between its end and its next start there is no moment in which it could write.
    mark "$id" "$FENCED" || stop "no fence can be put into the volume of $node: nothing was changed"
    docker stop "$id" >/dev/null
  fi
  [[ $fresh != fresh ]] || mark "$id" "$VOLUME/stale" || stop "its volume cannot be written: $node stays fenced"
  mark "$id" "$VOLUME/rejoin" || stop "its volume cannot be written: $node stays fenced"
  docker update --restart=unless-stopped "$id" >/dev/null
  docker start "$id" >/dev/null
fi

# Copying a large database takes hours: a deploy and a promotion need not wait for it.
release work

# What its start says of it, each line once.
told=0
tell() {
  local lines
  mapfile -t lines < <(docker logs --since "$since" "$id" 2>&1 | sed -nE 's/.*"backend_type":"plimsoll","message":"(.*)"\}$/\1/p')
  for (( ; told < ${#lines[@]}; told++)); do say "note ${lines[told]}"; done
}
restarts=$(docker container inspect --format '{{.RestartCount}}' "$id")
until [[ $way == streaming ]] || { streams && ! has "$id" "$FENCED"; }; do
  tell
  ((SECONDS - began < patience)) || stop "$node does not follow after $patience s; it goes on by itself. Run this again: it waits on"
  # A deploy may have made it anew meanwhile.
  id=$(container_of "$node")
  [[ -n $id ]] || stop "$node has no container any more"
  if (($(docker container inspect --format '{{.RestartCount}}' "$id") > restarts + 3)); then
    stop "$node ends again and again: $(docker logs --tail 1 "$id" 2>&1 | cut -c 1-300)"
  fi
  sleep 0.3
done
tell
[[ -n $way ]] || way=$(docker exec "$id" cat /run/postgresql/rejoined 2>/dev/null || echo streaming)

# Commits wait for the replica again, where stack.yaml says so.
if has "$writer_id" "$VOLUME/alone.conf"; then
  docker exec "$writer_id" rm -f "$VOLUME/alone.conf"
  sql "$writer_id" 'select pg_reload_conf()' >/dev/null
  say "note commits on $writer wait for $node again"
fi
rm -f -- "$state/promoted"
say "way $way"
say "seconds $((SECONDS - began))"
