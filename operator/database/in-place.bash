# The running database becomes what it was. Arguments:
#   STATE PROJECT WRITER REPLICA TYPE TARGET TIMELINE MEMORY BY WORDS SET…
# REPLICA is `-` where there is none; TYPE as PostgreSQL names its targets, `latest` for all that there is now, `resume` for
# one that did not end.
# Until the outage begins the old data serve, and an end at any moment changes nothing. From then on the writer's own start
# finishes it, and this, run again, what is left.
# stdout: `begin STEP`, `note WORDS`, `done STEP WORDS`, `safety LABEL POINT`, `set LABEL`, `reached TIME`, `seconds N` without
# writes, `taken N` transactions, `timeline N`. Exit 97: another is at work.
set -euo pipefail
# A connection that breaks stops nothing half-way.
trap '' HUP PIPE
trap 'exit 143' TERM INT
# shellcheck disable=SC2034
state=$1 PROJECT=$2 writer=$3 replica=$4 type=$5 target=$6 timeline=$7 memory=$8 by=$9 words=${10}
shift 10

hold restore "a restore in place ($words)"
hold work "a restore in place ($words)"
kind=restored phase='' began='' label='' found='' unchanged='nothing was changed'
find_containers
ahead() { docker ps -aq --no-trunc --filter "label=plimsoll.ahead=$PROJECT"; }
remove_ahead() {
  local old
  for old in $(ahead); do docker rm --force "$old" >/dev/null || true; done
}
# What is restored and not used takes up room, and nothing else.
forget_ahead() {
  remove_ahead
  inside "$writer_id" bash -c "rm -rf '$pgdata.restored' $VOLUME/spool.restored $VOLUME/restored $VOLUME/restored.new" || true
  rm -f -- "$state/restoring"
}

if [[ -f $state/restoring ]]; then
  resume_phase
  if [[ $phase == swap && $kind == before ]]; then stop "an undo did not end: plimsoll restore --undo finishes it"; fi
fi
if [[ $phase != swap ]]; then
  [[ $type != resume ]] || stop "there is no restore in place to go on with: say to which moment, with --to"
  kind=restored began='' label='' found=''
  [[ -z $(ahead) ]] || remove_ahead
  if [[ $type == latest ]]; then type=name target=point; fi
  words=${words:0:300}
  begin_phase ahead
  trap 'code=$?; ((code == 0)) || forget_ahead' EXIT
  # Told before the backup is made: the verification may take long.
  docker exec "$sidecar_id" flock -w 2 /trial/reserve.lock true </dev/null ||
    stop "a backup is being verified, or a copy is there: there is memory for one restored database. Nothing was changed"
  ! has_data undone ||
    stop "$pgdata.undone in the volume of $writer has what an undo took away while no backup could be made: plimsoll restore --drop-undo removes it. Nothing was changed"
  keep_first
  # Of an earlier one: there is room for one.
  if has_data before; then
    say "note what an earlier restore kept for its undo is removed"
    unchanged='the running data are as they were, and the undo of the earlier restore is given up'
  fi
  inside "$writer_id" rm -rf "$pgdata.before"
  rm -f -- "$state/restored"

  say "begin restore"
  since=$SECONDS
  borrow "$writer_id"
  [[ -n $home ]] || stop "$writer has no volume at $VOLUME: $unchanged"
  run_beside postgres-ahead plimsoll.ahead "$memory" "$by" plimsoll-ahead "$home" "$(image_of "$writer_id")" \
    "$type" "$target" "$timeline" "$@"
  while [[ $(state_of "$id") =~ ^(running|created)$ ]]; do
    tell
    enough_room || stop "what is restored grew until $room MB of the disk were free: it was taken away again; $unchanged"
    sleep 0.3
  done
  tell
  [[ $(docker container inspect --format '{{.State.ExitCode}}' "$id" 2>/dev/null) == 0 ]] ||
    stop "${said:-its container ended at once}: $unchanged"
  found=$(inside "$writer_id" cat "$VOLUME/restored")
  remove_ahead
  say "done restore ${found%% *} is recovered beside the running data after $((SECONDS - since)) s"
  trap - EXIT
else
  # Begun before, and its outage with it.
  say "note an earlier one did not end ($words): this does what is left of it"
  has_data restored || has_data before || stop "neither the restored data nor those from before are there: look into the volume of $writer"
fi

swap
await_open
before=$(next_xid "$pgdata.before") || before=''
taken=-
if [[ -n $before && -n $opened ]] && ((before >= opened)); then taken=$((before - opened)); fi
after_swap
size=$(inside "$writer_id" du -sb "$pgdata.before" | cut -f 1) || size=0
put "$state/restored" "$words"$'\n'"$(date -u '+%F %TZ')"$'\n'"$writer"$'\n'"$size"$'\n'"$label"$'\n'"${opened:--}"
rm -f -- "$state/restoring"
say "set ${found%% *}"
say "reached ${reached:--}"
say "safety $label -"
say "kept $size"
say "taken $taken"
