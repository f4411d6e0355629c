# A site that was closed for a failback serves again. Arguments: STATE PROJECT GROUP
# The new one must not serve, and must not come to: whoever calls this has seen to it.
# stdout: `begin STEP`, `note WORDS`, `done STEP WORDS`, `seconds N` of the outage. Exit 97: another is at work.
set -euo pipefail
trap '' HUP PIPE
trap 'exit 143' TERM INT
# shellcheck disable=SC2034
group=$3
hold restore "the way back of a failback"
hold rejoin "the way back of a failback"
hold work "the way back of a failback"
read_note
[[ -n $phase ]] || stop "no failback was begun here: there is nothing to undo"
[[ $phase != gone ]] || stop "$to serves: there is nothing to undo"
find_nodes
write_note returning
reopen
say "seconds $(since "$began")"
rm -f -- "$note"
# The chain of backups goes on with the new timeline; it is no part of the outage.
if [[ $anew == anew && -n $sidecar_id ]]; then
  docker exec --detach "$sidecar_id" plimsoll-backup now || say "note a new backup could not be begun: make one"
fi
