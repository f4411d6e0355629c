# shellcheck shell=bash disable=SC2154 # state, of whoever stands on this
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

# Containers of the scratch database, also of one that is being made.
copies() { docker ps -aq --no-trunc --filter "label=plimsoll.copy=$PROJECT"; }

# copy_there: is there anything of it, whole or half?
copy_there() { [[ -n $(copies) ]] || docker volume inspect "${PROJECT}_postgres-copy" >/dev/null 2>&1; }

# remove_copy: as far as it goes; who makes one sees its container end.
remove_copy() {
  local id
  for id in $(copies); do docker rm --force --volumes "$id" >/dev/null 2>&1 || true; done
  docker volume rm "${PROJECT}_postgres-copy" >/dev/null 2>&1 || true
  rm -f -- "$state/copy"
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

# let_copy_go ID: a fast shutdown waits for whoever streams, and a copy on another host may be far away, or hang. It comes
# back by itself, and what it lacks then is in the bucket.
let_copy_go() {
  sql "$1" "select pg_terminate_backend(pid) from pg_stat_replication where application_name = 'disaster-site'" >/dev/null || true
}

# put PATH TEXT: whole or not at all, also through a power cut.
put() { printf '%s\n' "$2" >"$1.new" && sync -- "$1.new" && mv -fT -- "$1.new" "$1"; }

# hold LOCK WORDS: this and no other does it. Three locks: `work` (what changes the stack), `restore` (a cluster that is being
# restored, which takes minutes and stands in nobody's way), `rejoin` (a replica that is being copied). Exit 97: another
# has it; the last line of stderr says who. Expects `state`.
hold() {
  local descriptor who
  mkdir -p -- "$state"
  exec {descriptor}>>"$state/$1.lock"
  # Somebody who only looks holds it for a moment.
  if ! flock -w 1 "$descriptor"; then
    who=$(holder "$1")
    printf '%s\n' "$who" >&2
    exit 97
  fi
  printf '%s %s\n' "$$" "$2, since $(date -u '+%F %TZ')" >"$state/$1.who" 2>/dev/null || true
  # shellcheck disable=SC2034 # by its name, for release
  printf -v "HELD_$1" %s "$descriptor"
}

# release LOCK: before this ends.
release() {
  local name=HELD_$1
  local descriptor=${!name}
  exec {descriptor}>&-
}

# holder LOCK: whoever has it, as far as is known. A deploy writes who it is down by itself.
holder() {
  local pid='' words=''
  read -r pid words <"$state/$1.who" 2>/dev/null || true
  if [[ $pid =~ ^[0-9]+$ && -d /proc/$pid ]]; then printf '%s' "$words" && return; fi
  if [[ $1 == work && -f $state/work ]]; then
    printf 'a deploy (%s)' "$(tr '\n' ' ' <"$state/work" | sed 's/ *$//')"
  else
    printf 'a deploy, a restart, a promotion or a restore'
  fi
}

# ask_archive ID: a commit, so that a recovery to a moment since which nothing was written meets its end; then the segment with
# it into the repository. False where it is not there after 60 s.
ask_archive() {
  local segment deadline=$((SECONDS + 60))
  sql "$1" 'select pg_current_xact_id()' >/dev/null || stop "the one that takes the writes does not answer any more"
  segment=$(sql "$1" 'select pg_walfile_name(pg_switch_wal())' 30)
  until [[ $(sql "$1" "select last_archived_wal >= '$segment' from pg_stat_archiver") == t ]]; do
    ((SECONDS < deadline)) || return 1
    sleep 0.3
  done
}

# accept_write ID SECONDS: the whole way a client has: name, proxy, password, commit. A table that nobody sees is written like
# any other.
accept_write() {
  docker exec -i "$1" bash -s "$2" <<'WRITE'
umask 077
file=$(mktemp /tmp/plimsoll-write.XXXXXX)
trap 'rm -f -- "$file"' EXIT
password=$(cat /run/secrets/postgres_app_password)
password=${password//\\/\\\\}
printf '*:*:*:app:%s\n' "${password//:/\\:}" >"$file"
export PGPASSFILE=$file PGAPPNAME=plimsoll-write PGCONNECT_TIMEOUT=3
while ((SECONDS < $1)); do
  if timeout 5 psql -h postgres -U app -d "$PLIMSOLL_DATABASE" -XqAtw -c 'create temp table plimsoll_write () on commit drop' >/dev/null 2>&1; then exit 0; fi
  sleep 0.1
done
exit 1
WRITE
}

VOLUME=/var/lib/postgresql
# shellcheck disable=SC2034
FENCED=$VOLUME/fenced
