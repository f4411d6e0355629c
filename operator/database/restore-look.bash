# What can be restored, and whether there is room. Arguments: STATE PROJECT XID (`-`: none asked for) NODE…
#   `now SECONDS`, `source NODE` whose container lends its mounts, `writer NODE LSN XID WHAT-BECAME-OF-XID`,
#   `point NAME LSN` for each restore point of a release, `free BYTES`, `copy STATE` where there is one, `made` where it
#   was finished, `kept BYTES` for an undo, `info BASE64` of pgBackRest's own words, `timeline N` of the writer,
#   `history TIMELINE SECONDS BASE64` of each timeline but the first, and when it first came into a repository, and last
#   `histories N`: how many they are
set -uo pipefail
# shellcheck disable=SC2034
state=$1 PROJECT=$2 xid=$3
shift 3
say "now $(date +%s)"
for node in "$@"; do
  id=$(container_of "$node")
  [[ -n $id ]] || continue
  [[ -n ${source-} ]] || { source=$node && say "source $node"; }
  [[ $(state_of "$id") == running ]] || continue
  running=$id
  [[ $(sql "$id" 'select pg_is_in_recovery()') == f ]] || continue
  became=-
  if [[ $xid != - ]]; then
    became=$(sql "$id" "select case when $xid < pg_snapshot_xmax(pg_current_snapshot())::text::bigint then pg_xact_status('$xid'::xid8) end")
  fi
  say "timeline $(sql "$id" "select ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int")"
  say "writer $node $(sql "$id" 'select pg_current_wal_flush_lsn(), pg_snapshot_xmax(pg_current_snapshot())' | tr '|' ' ') ${became:--}"
done
for file in "$state"/releases/v*/events; do
  [[ -f $file ]] || continue
  sed -nE 's/.*"step":"restore point","state":"done".*"text":"(v[0-9]+) at ([0-9A-F]+\/[0-9A-F]+) on .*/point \1 \2/p' "$file"
done
folder=$(docker info --format '{{.DockerRootDir}}' 2>/dev/null)
until [[ -e $folder ]]; do folder=$(dirname -- "${folder:-/}"); done
say "free $(($(df --output=avail -k -- "$folder" 2>/dev/null | tail -n 1) * 1024))"
copy=$(copies | head -n 1)
if [[ -n $copy ]]; then say "copy $(state_of "$copy")"; fi
if [[ -f $state/copy ]]; then say made; fi
kept=$(sed -n 4p -- "$state/restored" 2>/dev/null) && [[ $kept =~ ^[0-9]+$ ]] && say "kept $kept"
sidecar=$(container_of backup-postgres)
[[ -n $sidecar && $(state_of "$sidecar") == running ]] || sidecar=${running-}
if [[ -n $sidecar ]]; then
  say "info $(timeout 60 docker exec "$sidecar" pgbackrest --stanza=main --output=json info </dev/null 2>/dev/null | base64 -w 0)"
fi
[[ -n $sidecar ]] || exit 0
# Also of one that is stopped: a node does not know them.
places=$(docker container inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$(container_of backup-postgres)" 2>/dev/null |
  sed -n 's/^PLIMSOLL_REPOSITORIES=//p')
# A listing that fails is not one of nothing: without its last line who reads it knows that some may be missing.
# shellcheck disable=SC2016
timeout 60 docker exec "$sidecar" bash -c '
  set -o pipefail
  words() { pgbackrest --stanza=main --repo="$number" --log-level-console=off --log-level-stderr=off "$@"; }
  histories() {
    local ids id names name time text
    ids=$(words repo-ls archive/main) || return 1
    for id in $(grep -E "^[0-9]+-[0-9]+\$" <<<"$ids"); do
      names=$(words repo-ls --output=json "archive/main/$id" |
        jq -r "to_entries[] | select(.key | test(\"^[0-9A-F]{8}\\\\.history\$\")) | \"\(.key) \(.value.time)\"") || return 1
      while read -r name time; do
        [[ -n $name ]] || continue
        text=$(words repo-get "archive/main/$id/$name" | base64 -w 0) || return 1
        printf "history %d %d %s\n" "$((16#${name%.history}))" "$time" "$text"
      done <<<"$names"
    done
  }
  answered=0 all=""
  for place in $1; do
    number=${place%%:*}
    # What one of them has is in the other too, or will be: one that does not answer need not stop a restore.
    if found=$(histories); then answered=1; fi
    all+="$found
"
  done
  # Of a timeline that several have, when it first came into one.
  all=$(grep . <<<"$all" | sort -k 2,2n -k 3,3n | awk "!seen[\$2]++")
  [[ -z $all ]] || printf "%s\n" "$all"
  ((answered == 0)) || echo "histories $(grep -c . <<<"$all")"' - "${places:-1:local}" </dev/null 2>/dev/null
exit 0
