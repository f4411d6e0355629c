# What keeps a host well without anybody looking: security upgrades, a journal that ends, an eye on sshd.

apt_periodic() {
  cat <<'CONF'
// Written by plimsoll host init.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT::Periodic::AutocleanInterval "7";
CONF
}

# Security fixes alone, and no restart that nobody asked for: Docker and what carries containers are upgraded by a
# person (apt-get install --only-upgrade ...), and a reboot is decided by one.
apt_upgrades() {
  cat <<'CONF'
// Written by plimsoll host init; sorts after 50unattended-upgrades, whose lists it empties first.
#clear Unattended-Upgrade::Origins-Pattern;
#clear Unattended-Upgrade::Allowed-Origins;
Unattended-Upgrade::Origins-Pattern {
  "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";
  "origin=Ubuntu,archive=${distro_codename}-security,label=Ubuntu";
};
Unattended-Upgrade::Package-Blacklist {
  "^docker";
  "^containerd";
  "^runc";
};
Unattended-Upgrade::Automatic-Reboot "false";
Unattended-Upgrade::Remove-Unused-Kernel-Packages "true";
CONF
}

# Ubuntu's needrestart restarts services after an upgrade of a library.
# shellcheck disable=SC2016 # Perl's variables
needrestart_file() {
  printf '%s\n' '# Written by plimsoll host init: containers are not restarted by surprise.' \
    '$nrconf{override_rc}{qr(^docker)} = 0;' '$nrconf{override_rc}{qr(^containerd)} = 0;'
}

check_upgrades() {
  installed unattended-upgrades || return 1
  same /etc/apt/apt.conf.d/20auto-upgrades apt_periodic && same /etc/apt/apt.conf.d/52plimsoll-upgrades apt_upgrades || return 1
  [ ! -d /etc/needrestart/conf.d ] || same /etc/needrestart/conf.d/plimsoll.conf needrestart_file || return 1
  systemctl is-enabled --quiet apt-daily.timer && systemctl is-enabled --quiet apt-daily-upgrade.timer || return 1
  echo "security upgrades come by themselves; Docker's wait for a person"
}

do_upgrades() {
  install_packages unattended-upgrades
  put /etc/apt/apt.conf.d/20auto-upgrades apt_periodic
  put /etc/apt/apt.conf.d/52plimsoll-upgrades apt_upgrades
  [ ! -d /etc/needrestart/conf.d ] || put /etc/needrestart/conf.d/plimsoll.conf needrestart_file
  systemctl enable --now apt-daily.timer apt-daily-upgrade.timer
}

JOURNALD=/etc/systemd/journald.conf.d/plimsoll.conf

journald_file() {
  printf '%s\n' '# Written by plimsoll host init: by itself the journal takes a tenth of the disk, up to 4 GB.' \
    '[Journal]' 'Storage=persistent' 'SystemMaxUse=500M' 'SystemKeepFree=1G' 'MaxRetentionSec=1month'
}

check_journal() {
  same "$JOURNALD" journald_file || return 1
  echo "the journal keeps at most 500 MB, and a month"
}

do_journal() {
  put "$JOURNALD" journald_file
  systemctl restart systemd-journald
}

JAIL=/etc/fail2ban/jail.d/plimsoll.local

jail_file() {
  cat <<CONF
# Written by plimsoll host init. Keys alone let anybody in; this spares the log and the CPU.
[DEFAULT]
banaction = nftables-multiport
banaction_allports = nftables-allports
ignoreip = 127.0.0.1/8 ::1

[sshd]
enabled = true
# Debian and Ubuntu servers have no auth.log any more.
backend = systemd
port = $(ssh_ports | paste -sd, -)
maxretry = 5
findtime = 10m
bantime = 1h
bantime.increment = true
bantime.maxtime = 1w
CONF
}

check_fail2ban() {
  same "$JAIL" jail_file || return 1
  systemctl is-enabled --quiet fail2ban && systemctl is-active --quiet fail2ban || return 1
  fail2ban-client status sshd >/dev/null 2>&1 || return 1
  echo "fail2ban watches sshd"
}

do_fail2ban() {
  # Its settings first: Debian's own, without auth.log, would let its first start fail.
  put "$JAIL" jail_file
  install_packages fail2ban python3-systemd nftables
  systemctl enable fail2ban
  systemctl restart fail2ban
  for _ in {1..20}; do
    if fail2ban-client status sshd >/dev/null 2>&1; then return 0; fi
    sleep 0.5
  done
  fail "fail2ban does not start: journalctl -u fail2ban"
}
