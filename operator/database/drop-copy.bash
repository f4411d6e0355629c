# Takes the scratch database away, also one that is being made. Arguments: STATE PROJECT. stdout: `removed yes|no`. Exit 97: a
# restore in place is at work.
set -euo pipefail
trap '' HUP PIPE
# shellcheck disable=SC2034
state=$1 PROJECT=$2
removed=no
drop() {
  if copy_there; then removed=yes; fi
  remove_copy
}
# Whoever makes it sees its container end, and clears away the rest.
drop
hold restore "a copy is being taken away"
drop
! copy_there || stop "the copy does not go: docker ps -a --filter label=plimsoll.copy=$PROJECT"
say "removed $removed"
