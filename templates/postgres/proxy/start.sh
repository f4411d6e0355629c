#!/bin/bash
# The pointer is state: it outlives the container in a volume. Without one, the node that initialises is the primary.
set -euo pipefail
map=/var/lib/haproxy/pointer.map
[[ -s $map ]] || { printf 'primary %s\n' "${PLIMSOLL_FIRST:?}" >"$map.new" && mv "$map.new" "$map"; }
# One process; -q: changes of a server's state are logged once, not on stderr as well.
exec haproxy -db -q -f /usr/local/etc/haproxy/haproxy.cfg
