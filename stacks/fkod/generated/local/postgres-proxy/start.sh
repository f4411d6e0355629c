#!/bin/bash
# The pointer is state: it outlives the container in a volume. Without one, the node that initialises is the primary.
set -euo pipefail
map=/var/lib/haproxy/pointer.map
[[ -s $map ]] || { printf 'primary %s\n' "${PLIMSOLL_FIRST:?}" >"$map.new" && mv "$map.new" "$map"; }
haproxy -c -f /usr/local/etc/haproxy/haproxy.cfg >/dev/null # says on stderr what -q below would keep quiet
# One process. -q: it would say each change of a server's state on stderr too, beside the log; since it then closes what
# stdout was, the log goes to a descriptor of its own.
exec 3>&1
exec haproxy -db -q -f /usr/local/etc/haproxy/haproxy.cfg
