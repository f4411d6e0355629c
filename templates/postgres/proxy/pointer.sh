#!/bin/bash
# pointer.sh show | set NODE: which node takes the writes. Fence the old primary first: it loses its clients here, but
# nothing keeps it from taking writes over another way.
set -euo pipefail
map=/var/lib/haproxy/pointer.map
nodes=" ${PLIMSOLL_NODES:?} "

tell() {
  exec 3<>/dev/tcp/127.0.0.1/9999
  printf '%s\n' "$1" >&3
  cat <&3
  exec 3>&-
}

# Clients of a node that gets no more writes: those that have a connection to it, and those that still wait for one, who
# would go on waiting for it until their time is over.
send_away() {
  tell "shutdown sessions server writer-$1/$1" >/dev/null
  local session
  for session in $(tell "show sess" | sed -n "s/^\(0x[0-9a-f]*\): .* be=writer-$1 .*/\1/p"); do
    tell "shutdown session $session" >/dev/null
  done
}

case "${1-}" in
  show)
    awk '$1 == "primary" { print $2 }' "$map"
    ;;
  set)
    node=${2-}
    [[ -n $node && $nodes == *" $node "* ]] || { echo "not a node: '$node' (one of$nodes)" >&2; exit 2; }
    # The file first: a proxy that dies in between comes back with the new pointer.
    printf 'primary %s\n' "$node" >"$map.new"
    sync "$map.new"
    mv "$map.new" "$map"
    tell "set map $map primary $node" >/dev/null
    for other in $nodes; do
      [[ $other == "$node" ]] || send_away "$other"
    done
    [[ $(tell "get map $map primary") == *"value=\"$node\""* ]] || { echo "the proxy did not take the pointer" >&2; exit 1; }
    echo "$node"
    ;;
  *)
    echo "usage: pointer.sh show | set NODE" >&2
    exit 2
    ;;
esac
