#!/usr/bin/env bash
# Runs in a privileged container of debian:forky-slim: a Debian as a droplet comes, as a tar on stdout.
# Trixie, not forky: forky's systemd has no cgroup v1 any more, and the machine that tests run on may have no other.
set -euo pipefail
suite=$1
export DEBIAN_FRONTEND=noninteractive
{
  apt-get -o Acquire::Check-Valid-Until=false update -q
  apt-get install -y -q --no-install-recommends mmdebstrap debian-archive-keyring
} >&2
packages=systemd-sysv,systemd-timesyncd,dbus,dbus-user-session,libpam-systemd,openssh-server,sudo,cron
packages+=,iproute2,procps,ca-certificates,curl
# Nothing of policy-rc.d: installing a server starts it, as on a real one. No documentation: half of the time.
mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" \
  --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  "$suite" - http://deb.debian.org/debian
