# The data from before the last restore in place come back; one that did not end is forgotten, where the old data serve still.
# Arguments: STATE PROJECT WRITER REPLICA BY
# stdout: as in-place; `taken N`: transactions since the restore; `forgotten` where there was nothing to bring back. Exit 97:
# another is at work.
set -euo pipefail
# A connection that breaks stops nothing half-way.
trap '' HUP PIPE
trap 'exit 143' TERM INT
# shellcheck disable=SC2034
state=$1 PROJECT=$2 writer=$3 replica=$4 by=$5

hold restore "the undo of a restore"
hold work "the undo of a restore"
kind=before phase='' began='' label='' found='' words='the undo of a restore' target=''
find_containers
if [[ -f $state/restoring ]]; then resume_phase; fi

if [[ $kind == restored ]] && { [[ $phase == ahead ]] || has_data restored; }; then
  for old in $(docker ps -aq --no-trunc --filter "label=plimsoll.ahead=$PROJECT"); do docker rm --force "$old" >/dev/null || true; done
  # The mark first: from here on no start swaps anything in.
  inside "$writer_id" rm -f "$VOLUME/adopt"
  if ! has "$writer_id" "$pgdata/PG_VERSION"; then
    # Cut short between the two renames.
    inside "$writer_id" mv -T "$pgdata.before" "$pgdata"
  fi
  inside "$writer_id" rm -rf "$pgdata.restored" "$VOLUME/spool.restored" "$VOLUME/restored"
  [[ $(state_of "$writer_id") == running ]] || docker start "$writer_id" >/dev/null
  unfence_replica
  rm -f -- "$state/restoring"
  say forgotten
  exit
fi

lines=()
[[ ! -f $state/restored ]] || mapfile -t lines <"$state/restored"
# Of a restore that did not end the restored data are in, and it did not get further: this undo is a new one.
if [[ $phase != swap || $kind == restored ]]; then
  # A label that a restore left names a backup of what was there before it.
  kind=before began='' label='' words='the undo of a restore'
  has_data before || stop "nothing is kept that could be brought back: there was no restore in place on $writer, or its data were dropped"
  if [[ $(sql "$writer_id" 'select pg_is_in_recovery()' 30 || true) == f ]]; then keep_first
  else say "note $writer does not answer within 30 s: no backup of it can be made first"; fi
fi
swap
await_open
since=$(next_xid "$pgdata.undone") || since=''
taken=-
if [[ -n $since && ${lines[5]-} =~ ^[0-9]+$ ]] && ((since >= lines[5])); then taken=$((since - lines[5])); fi
after_swap
if [[ $label =~ ^[0-9]{8}-[0-9]{6}F ]]; then inside "$writer_id" rm -rf "$pgdata.undone"
else say "note what was written since the restore is in no backup: it is kept in $pgdata.undone of $writer's volume, until plimsoll restore --drop-undo"; fi
rm -f -- "$state/restored" "$state/restoring"
say "safety ${label:--} -"
say "taken $taken"
