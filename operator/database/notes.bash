# What of the database waits for a person. Arguments: STATE PROJECT NODE…
#   `kept BYTES WHEN; WORDS`  for the undo of a restore in place      `restoring PHASE`  one that did not end
#   `unfinished OLD NEW`      a promotion that did not end            `alone NODE`       its commits wait for no replica
set -uo pipefail
# shellcheck disable=SC2034
state=$1 PROJECT=$2
shift 2
if [[ -f $state/restored ]]; then say "kept $(sed -n 4p "$state/restored") $(sed -n 2p "$state/restored"); $(sed -n 1p "$state/restored")"; fi
if [[ -f $state/restoring ]]; then say "restoring $(head -n 1 "$state/restoring")"; fi
if [[ -f $state/promotion ]]; then say "unfinished $(head -n 1 "$state/promotion")"; fi
for node in "$@"; do
  id=$(container_of "$node")
  if [[ -n $id ]] && has "$id" "$VOLUME/alone.conf"; then say "alone $node"; fi
done
exit 0
