# A report into STATE/drills, by rename, and its figures. Arguments: STATE PROJECT ID BYTES. stdin: so many bytes of JSON,
# then Markdown. `metric no WORDS` where the sidecar could not write the figures: they are gone then, the report is not.
set -euo pipefail
# shellcheck disable=SC2034
state=$1 PROJECT=$2 id=$3 bytes=$4
mkdir -p -- "$state/drills"
work=$(mktemp -d "$state/drills/.new.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
cat >"$work/all"
head -c "$bytes" -- "$work/all" >"$work/json"
tail -c "+$((bytes + 1))" -- "$work/all" >"$work/md"
mv -fT -- "$work/md" "$state/drills/$id.md"
mv -fT -- "$work/json" "$state/drills/$id.json"
# Of another kind it may be held at this moment.
if [[ $(head -n 1 -- "$state/drill" 2>/dev/null) == "${id##*-} "* ]]; then rm -f -- "$state/drill"; fi
sidecar=$(container_of backup-postgres)
if [[ -z $sidecar ]]; then
  say "metric no the stack has no sidecar of backups"
elif ! said=$(timeout 30 docker exec -i "$sidecar" plimsoll-backup drilled <"$state/drills/$id.json" 2>&1); then
  say "metric no ${said##*$'\n'}"
fi
