# The next phase of a failback, written down. Arguments: STATE PROJECT PHASE (away, gone).
# stdout: `seconds N` since the maintenance began. Exit 97: another is at work.
set -euo pipefail
trap '' HUP PIPE
hold work "a failback"
read_note
case $phase:$3 in
  closed:away | away:away) anew=anew ;;
  away:gone | gone:gone) ;;
  *) stop "this site is ${phase:-open}, and cannot be $3" ;;
esac
write_note "$3"
say "seconds $(since "$began")"
