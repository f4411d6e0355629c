# The steps, in their order.

unsupported() {
  report failed system "$1"
  exit 2
}

main() {
  local name
  [ "$EUID" = 0 ] || unsupported "this takes root"
  # shellcheck source=/dev/null
  . /etc/os-release
  case "$ID-${VERSION_ID:-}" in
    debian-12 | debian-13 | ubuntu-22.04 | ubuntu-24.04) ;;
    *) unsupported "${PRETTY_NAME:-$ID} is here; Debian 12 or 13, Ubuntu 22.04 or 24.04 is expected" ;;
  esac
  [ -d /run/systemd/system ] || unsupported "systemd is not at work here"
  case "$(dpkg --print-architecture)" in amd64 | arm64) ;; *) unsupported "this is $(uname -m); amd64 or arm64 is expected" ;; esac

  CAME_IN=${SSH_CONNECTION:-}
  CAME_IN=${CAME_IN##* }
  # sshd does not tell its settings without it, and socket-activated (Ubuntu 24.04) it is made at the first login.
  mkdir -p /run/sshd
  WORK=$(mktemp -d)
  trap 'rm -rf "$WORK"' EXIT
  if [ "$DRY_RUN" = 1 ]; then
    LOG=$WORK/log
    touch "$LOG"
  else
    mkdir -p "$KEPT"
    chmod 700 "$KEPT"
    touch "$LOG"
    chmod 640 "$LOG"
    # cloud-init may be at this very work. It is waited for before the lock: it needs the lock itself.
    if [ "$ORIGIN" != cloud-init ] && command -v cloud-init >/dev/null; then
      timeout 900 cloud-init status --wait >>"$LOG" 2>&1 || true
    fi
    # Two at once would step on each other.
    exec 9>/run/plimsoll-init.lock
    flock -w 900 9 || unsupported "another plimsoll host init has been at work for 15 minutes"
    systemctl is-active --quiet plimsoll-init-undo.timer || rm -f "$UNDO"
    printf '== %s\n' "$(date -u +%FT%TZ)" >>"$LOG"
  fi
  report ok system "$PRETTY_NAME, $(dpkg --print-architecture)"

  step time "install systemd-timesyncd and let it keep the clock"
  step journal "limit the journal to 500 MB and a month"
  step sysctl "write $SYSCTLS and load it"
  step swap "make a swap file of $(swap_wanted) MiB"
  step settings "write $DAEMON_JSON, or add to it what is missing"
  step engine "install Docker with Compose $COMPOSE_MINIMUM or newer"
  step user "make $DEPLOY_USER, in group docker, with the keys that log in now"
  step folder "make /srv/plimsoll, $DEPLOY_USER's"
  step upgrades "install unattended-upgrades, for security alone"
  step fail2ban "install fail2ban and let it watch sshd"
  step firewall "let only $(open_ports) in, published ports included"
  step ssh "turn passwords off in sshd"
  [ "$FAILED" = 0 ] || exit 1
}

# The script itself may be our stdin: nothing in it reads from there.
main </dev/null
