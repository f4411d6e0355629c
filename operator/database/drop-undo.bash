# The data from before a restore in place are taken away: there is no undo any more. So is what an undo took away and no
# backup holds. Arguments: STATE PROJECT NODE…
# stdout: `removed yes|no`. Exit 97: another is at work.
set -euo pipefail
trap '' HUP PIPE
# shellcheck disable=SC2034
state=$1 PROJECT=$2
shift 2
hold restore "the removal of what was kept for an undo"
[[ ! -f $state/restoring ]] || stop "a restore in place did not end: finish it, or take it back with --undo"
removed=no
for node in "$@"; do
  writer=$node writer_id=$(container_of "$node")
  [[ -n $writer_id ]] || continue
  pgdata=$(docker container inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$writer_id" | sed -n 's/^PGDATA=//p')
  if has_data before || has_data undone; then
    inside "$writer_id" rm -rf "$pgdata.before" "$pgdata.undone"
    removed=yes
  fi
done
rm -f -- "$state/restored"
say "removed $removed"
