# Takes the scratch database away, also one that is being made. Arguments: STATE PROJECT. stdout: `removed yes|no`. Exit 97: a
# restore in place is at work.
set -euo pipefail
trap '' HUP PIPE
# shellcheck disable=SC2034
state=$1 PROJECT=$2
removed=no
drop() {
  local id
  for id in $(copies); do
    docker rm --force --volumes "$id" >/dev/null && removed=yes
  done
}
# Whoever makes it sees its container end, and clears away the rest.
drop
hold restore "a copy is being taken away"
drop
if docker volume inspect "${PROJECT}_postgres-copy" >/dev/null 2>&1; then
  docker volume rm "${PROJECT}_postgres-copy" >/dev/null && removed=yes
fi
rm -f -- "$state/copy"
say "removed $removed"
