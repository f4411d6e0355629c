# shellcheck shell=bash
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

copies() { docker ps -aq --no-trunc --filter "label=plimsoll.copy=$PROJECT"; }

# drop_copy STATE: what the restore made, whole or half.
drop_copy() {
  local id
  for id in $(copies); do docker rm --force --volumes "$id" >/dev/null; done
  if docker volume inspect "${PROJECT}_postgres-copy" >/dev/null 2>&1; then
    docker volume rm "${PROJECT}_postgres-copy" >/dev/null
  fi
  rm -f -- "$1/copy"
}
