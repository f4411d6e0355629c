# Says what happens to a release until it has ended. Arguments: STATE VERSION FROM (lines that were said before).
# Exits 0 after its end, 4 where nobody is at work on it any more.
set -uo pipefail
export LC_ALL=C
state=$1 version=$2 said=$3 quiet=0
events=$state/releases/$version/events
at_work() {
  local pid
  pid=$(sed -n 's/^pid //p' "$state/work" 2>/dev/null)
  [[ -n $pid && -d /proc/$pid ]]
}
while :; do
  if [[ -f $events ]]; then
    mapfile -t -s "$said" lines <"$events"
    for line in "${lines[@]}"; do
      # The last may still be in writing.
      [[ $line == *'}' ]] || break
      printf '%s\n' "$line"
      said=$((said + 1))
      [[ $line != *'"step":"end"'* ]] || exit 0
    done
  fi
  if at_work; then quiet=0; else quiet=$((quiet + 1)); fi
  ((quiet < 50)) || exit 4
  sleep 0.2
done
