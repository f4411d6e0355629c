#!/bin/bash
# A release put in place of another on this host, without a request lost, or nothing changed.
#   deploy.bash STATE vN          the release that lies prepared in STATE/releases/vN
#   deploy.bash STATE --recover   back to the release before, where an engine was ended in the middle
# Exits with 0 done, 1 failed or rolled back (STATE/releases/vN/reason says why), 2 wrong usage, 75 another is at work.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022
unset COMPOSE_FILE COMPOSE_PROFILES COMPOSE_PROJECT_NAME COMPOSE_ENV_FILES COMPOSE_REMOVE_ORPHANS

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=operator/onhost/lib.bash
source "$HERE/lib.bash"
# shellcheck source=operator/onhost/tables.bash
source "$HERE/tables.bash"
# shellcheck source=operator/onhost/files.bash
source "$HERE/files.bash"
# shellcheck source=operator/onhost/context.bash
source "$HERE/context.bash"
# shellcheck source=operator/onhost/images.bash
source "$HERE/images.bash"
# shellcheck source=operator/onhost/values.bash
source "$HERE/values.bash"
# shellcheck source=operator/onhost/services.bash
source "$HERE/services.bash"
# shellcheck source=operator/onhost/secrets.bash
source "$HERE/secrets.bash"
# shellcheck source=operator/onhost/judge.bash
source "$HERE/judge.bash"
# shellcheck source=operator/onhost/edge.bash
source "$HERE/edge.bash"
# shellcheck source=operator/onhost/roll.bash
source "$HERE/roll.bash"
# shellcheck source=operator/onhost/undo.bash
source "$HERE/undo.bash"
# shellcheck source=operator/onhost/seed.bash
source "$HERE/seed.bash"
# shellcheck source=operator/onhost/follow.bash
source "$HERE/follow.bash"
# shellcheck source=operator/onhost/first.bash
source "$HERE/first.bash"
# shellcheck source=operator/onhost/bundle.bash
source "$HERE/bundle.bash"
# shellcheck source=operator/onhost/kept-images.bash
source "$HERE/kept-images.bash"
# shellcheck source=operator/onhost/work.bash
source "$HERE/work.bash"

usage() {
  echo "usage: deploy.bash STATE vN | STATE --recover" >&2
  exit 2
}

# One that does the work, one that holds the lock and watches the first: the lock is nobody else's, so it is free when
# both are gone, and where only the worker was killed the way back begins at once.
supervise() {
  local code
  mkdir -p -- "$STATE/releases"
  exec 9>>"$STATE/work.lock"
  # Somebody who only looks holds it for a moment.
  if ! flock --wait 2 9 || is_alive; then
    echo "another is at work here: $(tr '\n' ' ' <"$STATE/work" 2>/dev/null)" >&2
    exit 75
  fi
  # What a killed engine left running would go on beside this one.
  end_leftovers
  code=0
  run_worker "$1" || code=$?
  if ((code > 128)); then
    code=0
    run_worker --recover || code=$?
    # It may have been killed when all was done but the sweeping.
    [[ $1 == --recover || $(cat "$STATE/releases/$1/state") == current ]] || code=1
  fi
  exit "$code"
}

run_worker() {
  local worker code=0
  setsid bash "$HERE/deploy.bash" --work "$STATE" "$1" 9>&- </dev/null &
  worker=$!
  # shellcheck disable=SC2064
  trap "kill -TERM $worker 2>/dev/null || true" TERM INT HUP
  # A signal that is passed on ends the wait, not the worker.
  while :; do
    code=0
    wait "$worker" || code=$?
    kill -0 "$worker" 2>/dev/null || break
  done
  trap - TERM INT HUP
  kill -KILL -- "-$worker" 2>/dev/null || true
  return "$code"
}

# `half`: it failed, and so did the way back.
has_unfinished() { grep -lxE 'running|canary|half' "$STATE"/releases/*/state >/dev/null 2>&1; }

# The worker of an engine whose other half was killed.
is_alive() {
  local pid
  pid=$(sed -n 's/^pid //p' "$STATE/work" 2>/dev/null) || return 1
  [[ -n $pid ]] && grep -zqF -- "$HERE/deploy.bash" "/proc/$pid/cmdline" 2>/dev/null && grep -zqxF -- --work "/proc/$pid/cmdline"
}

end_leftovers() {
  local file
  for file in /proc/[0-9]*/cmdline; do
    if ! { grep -zqF -- "$STATE/releases/" "$file" && grep -zqxF -- compose "$file"; } 2>/dev/null; then continue; fi
    file=${file#/proc/}
    kill -KILL "${file%/cmdline}" 2>/dev/null || true
  done
}

if [[ ${1-} == --work ]]; then
  (($# == 3)) || usage
  STATE=$2
  work "$3"
  exit
fi
(($# == 2)) || usage
[[ -d $1 && ($2 == --recover || $2 =~ ^v[1-9][0-9]{0,8}$) ]] || usage
STATE=$(cd -- "$1" && pwd)
[[ $2 == --recover || -f $STATE/releases/$2/settings.env ]] || usage
supervise "$2"
