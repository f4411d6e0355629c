# shellcheck shell=bash disable=SC2034,SC2154
# What an old primary that ended has and its successor has not. Expects old_id, new_id and received; sets lost.

# The old one's control file, read with the new one's program.
read_control() {
  data=$(docker exec "$new_id" printenv PGDATA)
  CONTROL=''
  [[ -n $old_id ]] || return 0
  # shellcheck disable=SC2016
  CONTROL=$(docker cp "$old_id:$data/global/pg_control" - 2>/dev/null | docker exec -i "$new_id" bash -c '
    folder=$(mktemp -d) && trap "rm -rf \"$folder\"" EXIT && mkdir "$folder/global" &&
      tar -x -C "$folder/global" && pg_controldata "$folder"' 2>/dev/null || true)
}

control() { sed -n "s/^$1: *//p" <<<"$CONTROL" | head -n 1; }

# What the old one wrote and the new one never got: counted in the old one's own log, from where they part.
count_lost() {
  local parted timeline counted transactions last size bytes=0
  parted=$(sql "$new_id" "select pg_read_file('pg_wal/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '.history')" |
    awk 'NF > 1 { at = $2 } END { print at }') || return 0
  [[ -n ${parted:=$received} ]] || return 0
  timeline=$(control "Latest checkpoint's TimeLineID")
  # shellcheck disable=SC2016
  counted=$(docker run --rm --network none --user 999:999 --volumes-from "$old_id:ro" --entrypoint bash "$(image_of "$new_id")" -c '
    cd "$1/pg_wal" || exit 3
    high=0x${2%/*} low=0x${2#*/}
    # Where they part at the very end of a segment, there may be no other.
    [[ -e $(printf %08X%08X%08X "$3" "$high" $((low >> 24))) ]] || (((low & 0xFFFFFF) == 0)) || exit 3
    pg_waldump -p . -t "$3" -s "$2" 2>/dev/null || true' - "$data" "$parted" "${timeline:-1}" 2>/dev/null | awk '
      match($0, /lsn: [0-9A-F]+\/[0-9A-F]+/) {
        at = substr($0, RSTART + 5, RLENGTH - 5)
        match($0, /len \(rec\/tot\): *[0-9]+\/ *[0-9]+/)
        total = substr($0, RSTART, RLENGTH)
        sub(/.*\/ */, "", total)
      }
      /desc: COMMIT/ { commits++ }
      END { print commits + 0, (at == "" ? "-" : at), total + 0 }') || return 0
  read -r transactions last size <<<"$counted"
  [[ $last == - ]] || bytes=$(sql "$new_id" "select greatest(0, pg_wal_lsn_diff('$last', '$parted') + $size)::bigint") || return 0
  lost="$transactions $bytes"
}
