# Every step is a check, and where the check says no, a deed and the check again: running this twice changes nothing.
# One line a step on stdout: state, step, text, with tabs between. What commands print goes to the log.
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
KEPT=/var/lib/plimsoll
LOG=/var/log/plimsoll-init.log
FAILED=0

report() { printf '%s\t%s\t%s\n' "$1" "$2" "$(tr -s '\n\t' '  ' <<<"${3:-}" | sed 's/ *$//')"; }

# A reason in words; ends the deed.
fail() {
  echo "plimsoll: $*"
  exit 1
}

# step NAME PLAN: cannot_NAME (if there is one) says why it is impossible, check_NAME what is there.
step() {
  local name=$1 plan=$2 said code from
  if [[ " $SKIP " == *" $name "* ]]; then
    report skipped "$name" "as asked"
    return
  fi
  if declare -F "cannot_$name" >/dev/null && said=$("cannot_$name"); then
    report impossible "$name" "$said"
    FAILED=1
    return
  fi
  if said=$("check_$name" 2>>"$LOG"); then
    report ok "$name" "$said"
    return
  fi
  if [ "$DRY_RUN" = 1 ]; then
    report would "$name" "$plan"
    return
  fi
  from=$(wc -c <"$LOG")
  # Not in a condition: there, `set -e` means nothing.
  set +e
  (
    set -e
    "do_$name"
  ) >>"$LOG" 2>&1 </dev/null
  code=$?
  set -e
  if [ "$code" = 0 ] && said=$("check_$name" 2>>"$LOG"); then
    report "done" "$name" "$said"
    return
  fi
  report failed "$name" "$(reason "$from" "$said")"
  FAILED=1
}

# The words of `fail`, or what was printed last.
reason() {
  local text
  text=$(tail -c "+$(($1 + 1))" "$LOG" | grep '^plimsoll: ' | tail -n 1 | sed 's/^plimsoll: //' || true)
  [ -n "$text" ] || text=$(tail -c "+$(($1 + 1))" "$LOG" | grep -v '^ *$' | tail -n 3 | tr '\n' ' ' || true)
  echo "${text:-${2:-no reason was given}} (more in $LOG)"
}

# same FILE FUNCTION: the file is what the function prints.
same() { [ -f "$1" ] && cmp -s "$1" <("$2"); }

# put FILE FUNCTION [MODE]: whole or not at all.
put() {
  local new
  mkdir -p "$(dirname "$1")"
  new=$(mktemp "$1.XXXXXX")
  "$2" >"$new"
  chmod "${3:-644}" "$new"
  mv -f "$new" "$1"
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ]; }

# Waits for another apt: a fresh droplet's first upgrade may be at work.
refresh() {
  for _ in {1..100}; do
    # A source of somebody else's that fails is no reason to stop: the installation will tell.
    if apt-get update -q >"$WORK/update" 2>&1; then break; fi
    cat "$WORK/update"
    grep -qE 'Could not get lock|Unable to (acquire|lock)' "$WORK/update" || break
    sleep 3
  done
  touch "$WORK/refreshed"
}

# install PACKAGE...: configuration files that a person changed stay as they are.
install_packages() {
  [ -e "$WORK/refreshed" ] || refresh
  apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

version_in() { grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1; }

at_least() { [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

in_container() { systemd-detect-virt --quiet --container; }
