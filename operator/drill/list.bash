# What is known of drills. Arguments: STATE PROJECT.
#   `report BASE64` of each here; `scheduled BASE64` of a line of JSON each, from the sidecar; `silent WORDS` where it does
#   not say; `now SECONDS`; `running KIND SINCE BY`, or `unfinished KIND SINCE BY` of one that was cut short
set -uo pipefail
# shellcheck disable=SC2034
state=$1 PROJECT=$2
say "now $(date +%s)"
for file in "$state"/drills/*.json; do
  if [[ -f $file ]]; then say "report $(base64 -w 0 <"$file")"; fi
done
sidecar=$(container_of backup-postgres)
if [[ -n $sidecar ]]; then
  if said=$(timeout 30 docker exec "$sidecar" plimsoll-backup drills 2>&1 </dev/null); then
    say "scheduled $(base64 -w 0 <<<"$said")"
  else
    say "silent ${said##*$'\n'}"
  fi
fi
if [[ -f $state/drill ]]; then
  word=unfinished
  if ! (flock -n 8) 8>>"$state/drill.lock"; then word=running; fi
  say "$word $(head -n 1 -- "$state/drill")"
fi
exit 0
