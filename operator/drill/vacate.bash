# Takes away what disaster drills kept, or left, on this host. Arguments: ABOVE, the folder of all stacks.
# stdout: `gone PROJECT MARK` for each. Exit 96: a drill is held here; 1: not all could be taken away.
set -euo pipefail
above=$1
[[ -d $above ]] || exit 0
exec 8<"$above"
flock -n 8 || exit 96
for file in "$above"/*/drill-site; do
  [[ -f $file ]] || continue
  root=${file%/drill-site}
  # shellcheck disable=SC2034
  PROJECT=${root##*/}
  mark=$(mark_of "$root")
  empty_host "$root" || stop "not all of $root could be taken away: $(strangers "$root" | paste -sd ';')"
  say "gone $PROJECT $mark"
done
