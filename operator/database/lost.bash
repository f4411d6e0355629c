# shellcheck shell=bash disable=SC2034,SC2154
# What an old primary that ended has and its successor has not. Expects old_id and new_id; sets `ended`, and `lost` where it
# can be found out.

account() {
  local data control last parted
  control=$(old_control) || return 0
  data=$(docker exec "$new_id" printenv PGDATA)
  # Where the new one's timeline begins.
  parted=$(sql "$new_id" "select pg_read_file('pg_wal/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '.history')" |
    awk 'NF > 1 { at = $2 } END { print at }') || return 0
  [[ -n $parted ]] || return 0
  last=$(control_line 'Latest checkpoint location')
  if [[ $(control_line 'Database cluster state') == 'shut down' ]]; then
    ended=clean
    # The record of the shutdown is the last that it wrote.
    if [[ $(sql "$new_id" "select '$parted'::pg_lsn > '$last'::pg_lsn") == t ]]; then lost='0 0' && return 0; fi
  fi
  count_lost "$data" "$parted" "$(control_line "Latest checkpoint's TimeLineID")" || true
}

# The old one's control file, read with the new one's program.
old_control() {
  # shellcheck disable=SC2016
  docker cp "$old_id:$(docker exec "$new_id" printenv PGDATA)/global/pg_control" - 2>/dev/null | docker exec -i "$new_id" bash -c '
    folder=$(mktemp -d) && trap "rm -rf \"$folder\"" EXIT && mkdir "$folder/global" &&
      tar -x -C "$folder/global" && pg_controldata "$folder"' 2>/dev/null
}

control_line() { sed -n "s/^$1: *//p" <<<"$control" | head -n 1; }

# count_lost DATA PARTED TIMELINE: in the old one's own log, from where they part.
count_lost() {
  local counted transactions last size bytes=0
  # shellcheck disable=SC2016
  counted=$(docker run --rm --network none --user 999:999 --volumes-from "$old_id:ro" --entrypoint bash "$(image_of "$new_id")" -c '
    cd "$1/pg_wal" || exit 3
    high=0x${2%/*} low=0x${2#*/}
    # Where they part at the very end of a segment, there may be no other.
    [[ -e $(printf %08X%08X%08X "$3" "$high" $((low >> 24))) ]] || (((low & 0xFFFFFF) == 0)) || exit 3
    pg_waldump -p . -t "$3" -s "$2" 2>/dev/null || true' - "$1" "$2" "$3" 2>/dev/null | awk '
      match($0, /lsn: [0-9A-F]+\/[0-9A-F]+/) {
        at = substr($0, RSTART + 5, RLENGTH - 5)
        match($0, /len \(rec\/tot\): *[0-9]+\/ *[0-9]+/)
        total = substr($0, RSTART, RLENGTH)
        sub(/.*\/ */, "", total)
      }
      /desc: COMMIT/ { commits++ }
      END { print commits + 0, (at == "" ? "-" : at), total + 0 }') || return 1
  read -r transactions last size <<<"$counted"
  [[ $last == - ]] || bytes=$(sql "$new_id" "select greatest(0, pg_wal_lsn_diff('$last', '$2') + $size)::bigint") || return 1
  lost="$transactions $bytes"
}
