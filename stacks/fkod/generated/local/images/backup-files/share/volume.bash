# shellcheck shell=bash
# One volume back from restic, in a container of its own that has it at /volume. The new content comes into a folder of
# the volume itself while its service still runs, and takes the old one's place by rename.
# shellcheck disable=SC2154 # $run, log and rst are of plimsoll-backup-files

volume=/volume
NEW=.plimsoll-new
BEFORE=.plimsoll-before
SWAPPING=.plimsoll-swapping
UNDOING=.plimsoll-undoing

# drop: what was prepared is not wanted any more.
drop() { rm -rf "${volume:?}/$NEW" "$volume/$NEW.databases"; }

# prepare WHAT VOLUME SNAPSHOT: what is to come, beside what is. A snapshot is an id or `latest`.
prepare() {
  local what=$1 name=$2 snapshot=$3 paths
  drop
  rst --no-lock snapshots --json --tag "$what" "$snapshot" >/tmp/snapshot.json
  jq -e 'length > 0' /tmp/snapshot.json >/dev/null || { echo "there is no backup $snapshot of $what" >&2; return 1; }
  snapshot=$(jq -r 'max_by(.time).id' /tmp/snapshot.json)
  paths=$(jq -r 'max_by(.time).paths[]' /tmp/snapshot.json)
  room || return 1
  mkdir "$volume/$NEW"
  rst --no-lock restore --quiet "$snapshot:/source/$name" --target "$volume/$NEW"
  # A database that was written to while it was copied is whole only as SQLite itself copied it.
  if grep -qxF "/tmp/stage/$name" <<<"$paths"; then
    rst --no-lock restore --quiet "$snapshot:/tmp/stage/$name" --target "$volume/$NEW.databases"
    put_databases
  fi
  sync
  jq -r 'max_by(.time) | "snapshot \(.short_id) \(.time | sub("\\..*$"; "Z"))"' /tmp/snapshot.json
}

# Before the first byte: a disk that is full stops more than this.
room() {
  local needed free
  needed=$(jq -r 'max_by(.time).summary.total_bytes_processed // 0' /tmp/snapshot.json)
  free=$(df --output=avail -B 1 "$volume" | tail -n 1)
  ((free > needed)) || { echo "it needs $((needed / 1048576)) MB, and $((free / 1048576)) MB of the disk are free" >&2; return 1; }
}

put_databases() {
  local copy file
  while IFS= read -r -d '' copy; do
    file=$volume/$NEW/${copy#"$volume/$NEW.databases/"}
    # Over the old content, so that owner and mode are the old one's.
    cat "$copy" >"$file"
    rm -f "$file-wal" "$file-shm" "$file-journal"
    [[ $(sqlite3 -readonly "$file" 'pragma quick_check' 2>&1) == ok ]] || { echo "${copy##*/} is not whole" >&2; return 1; }
  done < <(find "$volume/$NEW.databases" -type f -print0)
  rm -rf "$volume/$NEW.databases"
}

# swap: the new in, the old aside for one undo. Nobody may have the volume open. Interrupted anywhere, it goes on where it
# was when it is called again.
swap() {
  if [[ -e $volume/$UNDOING && -d $volume/$BEFORE ]]; then
    rm -rf "${volume:?}/$NEW"
    mv "$volume/$BEFORE" "$volume/$NEW"
  fi
  if [[ ! -e $volume/$SWAPPING ]]; then
    [[ -d $volume/$NEW ]] || { echo "there is nothing prepared" >&2; return 1; }
    mkdir -p "$volume/$BEFORE.part"
    rm -f "$volume/$UNDOING"
    move_all "$volume" "$volume/$BEFORE.part"
    : >"$volume/$SWAPPING"
  fi
  # What an earlier restore left is given up only now.
  if [[ -d $volume/$BEFORE.part ]]; then
    rm -rf "${volume:?}/$BEFORE"
    mv "$volume/$BEFORE.part" "$volume/$BEFORE"
  fi
  if [[ -d $volume/$NEW ]]; then move_all "$volume/$NEW" "$volume" "$volume/$BEFORE"; fi
  rm -rf "${volume:?}/$NEW"
  sync
  rm -f "$volume/$SWAPPING"
}

# half: a swap was cut short.
half() { [[ -e $volume/$UNDOING || -e $volume/$SWAPPING || -d $volume/$BEFORE.part ]]; }

# undo: what was before the last restore. Done twice, it is the restored one again.
undo() {
  [[ -d $volume/$BEFORE ]] || { echo "nothing is kept of before" >&2; return 1; }
  # Before the first rename: what is the only copy of the old data has the name of what a restore throws away then.
  : >"$volume/$UNDOING"
  swap
}

# move_all FROM TO [ASIDE]: what a service that was started in between has made under the same name is no loss: it goes
# to ASIDE, or in beside the other.
move_all() {
  local entry name place
  while IFS= read -r -d '' entry; do
    name=${entry##*/} place=$2/${entry##*/}
    if [[ -n ${3-} && -e $place ]]; then
      while [[ -e $3/$name ]]; do name+=.since; done
      mv -T -- "$place" "$3/$name"
    fi
    while [[ -e $place ]]; do place+=.since; done
    mv -T -- "$entry" "$place"
  done < <(find "$1" -mindepth 1 -maxdepth 1 -not -name '.plimsoll-*' -print0)
}

# fill WHAT VOLUME SNAPSHOT: into a volume that is empty, of a host that is new.
fill() {
  [[ -z $(find "$volume" -mindepth 1 -maxdepth 1 -not -name "$NEW*") ]] || { echo "the volume of $1 is not empty" >&2; return 3; }
  prepare "$@"
  move_all "$volume/$NEW" "$volume"
  rm -rf "${volume:?}/$NEW"
}
