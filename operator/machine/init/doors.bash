# The two steps that can lock a person out: firewall and sshd. Both come last, and where somebody is connected
# (CONFIRM=1) they take themselves back after three minutes unless a second login has said that all is well.

UNDO=$KEPT/undo.bash

# arm LINE...: what takes the next deed back.
arm() {
  [ "$CONFIRM" = 1 ] || return 0
  [ -f "$UNDO" ] || echo '# What plimsoll host init did to the doors, taken back unless a second login succeeds.' >"$UNDO"
  printf '%s\n' "$@" >>"$UNDO"
  systemctl stop plimsoll-init-undo.timer 2>/dev/null || true
  systemd-run --quiet --collect --unit plimsoll-init-undo --on-active=180 --timer-property=AccuracySec=1s bash "$UNDO"
}

# before FILE: a line that brings it back as it is now.
before() {
  if [ -f "$1" ]; then
    cp -p "$1" "$KEPT/$(basename "$1").before"
    echo "cp -p '$KEPT/$(basename "$1").before' '$1'"
  else
    echo "rm -f '$1'"
  fi
}

# Where sshd listens, and where this very connection came in. Never nothing: the way in stays open.
ssh_ports() {
  { sshd -T 2>/dev/null | awk '$1 == "port" { print $2 }' | grep . || echo 22; echo "$CAME_IN"; } | grep -E '^[0-9]+$' | sort -nu
}

open_ports() {
  { ssh_ports; tr ' ' '\n' <<<"$OPEN"; } | grep . | sort -nu | paste -sd, - | sed 's/,/, /g'
}

FIREWALL=/etc/plimsoll/firewall.nft
FIREWALL_UNIT=/etc/systemd/system/plimsoll-firewall.service

firewall_file() {
  cat <<NFT
# Written by plimsoll host init.
#
# Docker publishes a port by rewriting the packet's destination (DNAT) before any filter sees it: the packet is then
# forwarded to the container, never comes by the input chain, and ufw, which filters there, is passed by. So ports are
# filtered where such packets do come by, on forward, and by the port that was asked for ("ct original"), since the one
# in the packet is the container's by then. It is a table of our own and not the chain DOCKER-USER: a drop here is final
# whatever other tables accept, Docker never touches it (iptables or nftables, restarted or not), it is there before
# Docker at boot, it is replaced in one step, and it holds for IPv4 and IPv6.
table inet plimsoll
delete table inet plimsoll
table inet plimsoll {
  set doors {
    type inet_service
    elements = { $(open_ports) }
  }

  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    # The host itself, and containers that speak to it.
    iifname { "lo", "docker0", "docker_gwbridge" } accept
    iifname "br-*" accept
    ct state invalid drop
    # Path MTU discovery, IPv6 neighbours, ping.
    meta l4proto { icmp, ipv6-icmp } accept
    tcp dport @doors accept
    # Asked of such a port over IPv6, and led to another of Docker's while nginx is made anew.
    meta l4proto tcp ct status dnat ct original proto-dst @doors accept
    # Answers to DHCP are no answers to the connection tracker.
    udp sport 67 udp dport 68 accept
    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
  }

  chain forward {
    type filter hook forward priority filter - 5; policy drop;
    ct state established,related accept
    # From a container: to the world, to another container, to a published port of this host.
    iifname { "docker0", "docker_gwbridge" } accept
    iifname "br-*" accept
    # From outside to a published port; never straight to a container's own address.
    meta l4proto tcp ct status dnat ct original proto-dst @doors accept
  }
}
NFT
}

firewall_unit() {
  cat <<'UNIT'
# Written by plimsoll host init.
[Unit]
Description=Firewall that Docker cannot bypass (plimsoll)
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target docker.service shutdown.target
Conflicts=shutdown.target
After=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/plimsoll/firewall.nft
ExecReload=/usr/sbin/nft -f /etc/plimsoll/firewall.nft
ExecStop=-/usr/sbin/nft delete table inet plimsoll

[Install]
WantedBy=sysinit.target
UNIT
}

# Debian's nftables.service flushes all tables whenever it starts, reloads or stops, ours too.
FIREWALL_GUARD=/etc/systemd/system/nftables.service.d/plimsoll.conf

firewall_guard() {
  printf '%s\n' '# Written by plimsoll host init: its own table comes back after every flush.' '[Service]' \
    'ExecStartPost=-/usr/bin/systemctl --no-block try-reload-or-restart plimsoll-firewall' \
    'ExecReload=-/usr/bin/systemctl --no-block try-reload-or-restart plimsoll-firewall' \
    'ExecStopPost=-/usr/bin/systemctl --no-block try-reload-or-restart plimsoll-firewall'
}

check_firewall() {
  command -v nft >/dev/null && same "$FIREWALL" firewall_file && same "$FIREWALL_UNIT" firewall_unit &&
    same "$FIREWALL_GUARD" firewall_guard || return 1
  systemctl is-enabled --quiet plimsoll-firewall && systemctl is-active --quiet plimsoll-firewall || return 1
  nft list table inet plimsoll >/dev/null 2>&1 || return 1
  echo "from outside only $(sed -n 's/^ *elements = { \(.*\) }/\1/p' "$FIREWALL"), published ports included"
}

do_firewall() {
  install_packages nftables
  firewall_file >"$WORK/firewall.nft"
  nft --check --file "$WORK/firewall.nft" || fail "this kernel does not take the rules: nft --check -f $WORK/firewall.nft"
  mkdir -p "$(dirname "$FIREWALL")"
  if [ -f "$FIREWALL" ]; then
    arm "$(before "$FIREWALL")" 'systemctl reload-or-restart plimsoll-firewall'
  else
    arm 'systemctl disable --now plimsoll-firewall' "rm -f '$FIREWALL' '$FIREWALL_UNIT' '$FIREWALL_GUARD'" 'systemctl daemon-reload'
  fi
  put "$FIREWALL" firewall_file
  put "$FIREWALL_UNIT" firewall_unit
  put "$FIREWALL_GUARD" firewall_guard
  systemctl daemon-reload
  systemctl enable plimsoll-firewall
  systemctl reload-or-restart plimsoll-firewall
}

# The first value wins, and 00 comes before what clouds write (50-cloud-init.conf).
SSHD=/etc/ssh/sshd_config.d/00-plimsoll.conf

sshd_file() {
  printf '%s\n' '# Written by plimsoll host init.' 'PasswordAuthentication no' 'KbdInteractiveAuthentication no' \
    'PermitEmptyPasswords no' 'X11Forwarding no' 'LoginGraceTime 30'
  # What somebody has made stricter stays so.
  sshd -T 2>/dev/null | grep -qE '^permitrootlogin (no|forced-commands-only)$' || echo 'PermitRootLogin prohibit-password'
}

check_ssh() {
  same "$SSHD" sshd_file || return 1
  local now
  now=$(sshd -T) || return 1
  grep -qx 'passwordauthentication no' <<<"$now" && grep -qx 'kbdinteractiveauthentication no' <<<"$now" &&
    grep -qE '^permitrootlogin (no|prohibit-password|without-password|forced-commands-only)$' <<<"$now" || return 1
  echo "sshd takes keys alone"
}

do_ssh() {
  local file keys=0
  for file in /root/.ssh/authorized_keys "$(deploy_home)/.ssh/authorized_keys"; do
    if [ -f "$file" ] && [ -n "$(plain_keys "$file")" ]; then keys=1; fi
  done
  [ "$keys" = 1 ] || fail "nobody has a key here: without passwords nobody could log in"
  arm "$(before "$SSHD")" 'systemctl try-reload-or-restart ssh'
  put "$SSHD" sshd_file
  if ! sshd -t; then
    rm -f "$SSHD"
    fail "sshd does not take the settings"
  fi
  # Socket-activated (Ubuntu 24.04) it may not run now, and reads them when it starts.
  systemctl try-reload-or-restart ssh
  check_ssh >/dev/null || fail "sshd does not follow $SSHD: is it included first in /etc/ssh/sshd_config?"
}
