# shellcheck shell=bash
# What the scripts on a stack's database stand on. PROJECT is the Compose project.
export LC_ALL=C
umask 077

say() { printf '%s\n' "$*" 2>/dev/null || true; }

# stop WORDS: the last line of stderr is what a person reads.
stop() {
  printf '%s\n' "$1" >&2
  exit "${2:-1}"
}

# Of two of one service the one that runs: a recreation that was cut short leaves a newer one that never started.
container_of() {
  { containers_of -q "$1" && containers_of -aq "$1"; } 2>/dev/null | awk 'NR == 1'
}

containers_of() {
  docker ps "$1" --no-trunc --filter "label=com.docker.compose.project=$PROJECT" \
    --filter "label=com.docker.compose.service=$2" --filter label=com.docker.compose.oneoff=False
}

# state_of ID: running, exited, paused and so on.
state_of() { docker container inspect --format '{{.State.Status}}' "$1" 2>/dev/null || echo none; }

image_of() { docker container inspect --format '{{.Image}}' "$1"; }

# sql ID STATEMENT [SECONDS]: as superuser, inside of the container. A server that hangs is one that does not answer.
sql() {
  timeout --kill-after=1 "${3:-5}" docker exec "$1" \
    psql -h 127.0.0.1 -U postgres -d postgres -XqAtw -c "$2" </dev/null 2>/dev/null
}

# has ID PATH: whether the file is in a volume of the container, which need not run.
has() { docker cp "$1:$2" - >/dev/null 2>&1; }

# mark ID PATH: an empty file in a volume of the container, which need not run.
mark() {
  local empty code=0
  empty=$(mktemp)
  docker cp "$empty" "$1:$2" >/dev/null 2>&1 || code=1
  rm -f -- "$empty"
  ((code == 0)) && has "$1" "$2"
}

# hold STATE: this and no other changes the stack. Exit 97: another does.
hold() {
  mkdir -p -- "$1"
  exec 9>>"$1/work.lock"
  flock -n 9 || exit 97
}

VOLUME=/var/lib/postgresql
# shellcheck disable=SC2034
FENCED=$VOLUME/fenced
