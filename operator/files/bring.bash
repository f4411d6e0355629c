# What is missing comes back out of a backup, by the service itself, beside what is there: for a volume that is a repository of
# snapshots. Nothing is stopped. Arguments: STATE PROJECT WHAT VOLUME SNAPSHOT REPOSITORY SERVICE COMMAND…
# SNAPSHOT is an id, or `undo` for what the last such restore brought; REPOSITORY is a path in the sidecar, `-` for the one
# that it reads by itself. COMMAND is asked `back FOLDER`, and `undo` with names on its stdin; it says `index NAME` for each
# that it brings. stdout: `note WORDS`, `snapshot ID TIME`, `brought NUMBER`. Exit 97: another brings something back.
set -euo pipefail
# A connection that breaks stops nothing half-way.
trap '' HUP PIPE
# shellcheck disable=SC2034
state=$1 PROJECT=$2 what=$3 name=$4 snapshot=$5
[[ $6 == - ]] || REPOSITORY=$6
service=$7
shift 7

# A lock of its own: hours of logs keep nobody from a deploy, a promotion or a restore of the database.
hold files "a restore of $what"
id=$(container_of "$service")
[[ -n $id && $(state_of "$id") == running ]] || stop "$service does not run: it is what brings $what back"
# What the last one brought; `part` while it does, so that an undo finds what one brought that was killed.
list=$state/brought-$what
ask() { docker exec -i "$id" "$@"; }

if [[ $snapshot == undo ]]; then
  [[ ! -s $list.part ]] || list=$list.part
  [[ -s $list ]] || stop "nothing of $what was brought back that is still to be taken away"
  ask "$@" undo <"$list" || stop "not all of it was taken away: run it again"
  say "brought $(wc -l <"$list")"
  rm -f -- "$list"
  exit
fi

sidecar=$(sidecar_id)
volume=$(volume_of "$sidecar" "$name")
[[ -n $volume ]] || stop "the sidecar does not have the volume of $what"
# The copy is in the service's way no longer than it is read, also that of a try that was killed.
trap 'helper "$sidecar" "$volume" drop >/dev/null 2>&1 || true' EXIT
made=$(helper "$sidecar" "$volume" prepare "$what" "$name" "$snapshot") || stop "$what was not restored: nothing was changed"
say "$made"
code=0
ask "$@" back .plimsoll-new </dev/null | while IFS= read -r line; do
  case $line in
    'index '*) printf '%s\n' "${line#index }" >>"$list.part" ;;
    *) say "$line" ;;
  esac
done || code=$?
number=0
if [[ -s $list.part ]]; then
  number=$(sort -u "$list.part" | wc -l)
  mv -fT -- "$list.part" "$list"
fi
say "brought $number"
exit "$code"
