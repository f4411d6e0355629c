# Held as long as a restore drill: no other drill begins, and its copy goes when it ends, however it ends. Arguments:
#   STATE PROJECT BY. stdin stays open as long as the drill, and has a line every 15 s. On it: `made`, where nothing is
#   being restored any more; `theirs`, where the copy is somebody else's, and stays.
# stdout: `ready`. Exit 96: another drill; 95: somebody's copy is there.
set -euo pipefail
# The laptop that goes away closes stdin, or nothing comes any more: that is the end that is waited for.
trap '' HUP PIPE INT
# shellcheck disable=SC2034
state=$1 PROJECT=$2 by=$3
one_drill "$state"
if [[ -f $state/copy && -n $(copies) ]]; then exit 95; fi
begun "$state" restore "$by"

theirs=no
# Seconds that a restore which was begun may take until its container is there.
wait=5
end() {
  [[ $theirs == yes ]] || drop_copy "$wait"
  kill "$guard" 2>/dev/null || true
}
# Killed so that nothing of it is heard: a second process sees this one end.
# shellcheck disable=SC2016
setsid bash -c "$(declare -f copies copy_there remove_copy drop_copy)"'
  PROJECT=$1 state=$2
  tail --pid="$3" -f /dev/null
  # The next drill may have begun, whose copy it is then.
  exec 8>>"$state/drill.lock" && flock -n 8 || exit 0
  [[ $(cat -- "$state/drill" 2>/dev/null) != "$4" ]] || drop_copy 5' \
  plimsoll-drill-guard "$PROJECT" "$state" $$ "$(<"$state/drill")" </dev/null >/dev/null 2>&1 8>&- &
guard=$!
trap end EXIT
trap 'exit 143' TERM
say ready
while IFS= read -r -t "${SILENCE:-60}" line; do
  case $line in
    theirs) theirs=yes ;;
    made) wait=0 ;;
  esac
done
