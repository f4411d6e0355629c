# Replaces STATE/lock by what comes over stdin (nothing: removes it), if it still is what was seen.
# $1: the state folder. $2: `absent`, or what was seen, in base64. Exit 9: it is another by now.
set -euo pipefail
state=$1 seen=$2
umask 077
mkdir -p -- "$state"
exec 9>>"$state/lock.guard"
flock -w 20 9
present=absent
if [[ -e $state/lock ]]; then present=$(base64 -w 0 -- "$state/lock"); fi
[[ $present == "$seen" ]] || exit 9
cat >"$state/lock.new"
if [[ -s $state/lock.new ]]; then
  mv -fT -- "$state/lock.new" "$state/lock"
else
  rm -f -- "$state/lock.new" "$state/lock"
fi
