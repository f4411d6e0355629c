# Takes the scratch database away. Arguments: STATE PROJECT. stdout: `removed yes|no`. Exit 97: one is being made.
set -euo pipefail
trap '' HUP PIPE
# shellcheck disable=SC2034
state=$1 PROJECT=$2
hold "$state"
removed=no
for id in $(docker ps -aq --no-trunc --filter "label=plimsoll.copy=$PROJECT"); do
  docker rm --force --volumes "$id" >/dev/null && removed=yes
done
if docker volume inspect "${PROJECT}_postgres-copy" >/dev/null 2>&1; then
  docker volume rm "${PROJECT}_postgres-copy" >/dev/null && removed=yes
fi
rm -f -- "$state/copy"
say "removed $removed"
