# shellcheck shell=bash disable=SC2154 # state, of whoever stands on this
# What drills stand on, behind the database's own lib.

# one_drill STATE: no other drill is held meanwhile. Exit 96: one is.
one_drill() {
  mkdir -p -- "$1"
  exec 8>>"$1/drill.lock"
  flock -n 8 || exit 96
}

# begun STATE KIND BY: stands until its report is written. One that finds it knows that a drill was cut short.
begun() {
  printf '%s %s %s\n' "$2" "$(date +%s)" "$3" >"$1/drill.new" && mv -fT -- "$1/drill.new" "$1/drill"
}

# drop_copy [SECONDS]: what a restore made, whole or half. Who makes it sees its container end, and clears away the rest;
# one that may be about to make it is waited for so many seconds.
drop_copy() {
  local tries quiet=0 enough=$((${1:-0} * 5 + 1))
  for ((tries = 0; tries < 300 && quiet < enough; tries++)); do
    if copy_there; then
      quiet=0
      remove_copy
    else
      quiet=$((quiet + 1))
    fi
    if ((quiet < enough)); then sleep 0.2; fi
  done
  rm -f -- "$state/copy"
}
