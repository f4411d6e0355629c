# Memory and kernel: swap, sysctls, clock.

swap_wanted() {
  local memory
  memory=$(awk '$1 == "MemTotal:" { print int($2 / 1024 + 0.5) }' /proc/meminfo)
  # As much as memory on the smallest, where one build can take it all; on larger ones a cushion that gives time to
  # see what is wrong. Containers have limits of their own and are not meant to swap.
  if ((memory < 1200)); then echo 1024; elif ((memory < 9000)); then echo 2048; else echo 4096; fi
}

cannot_swap() { in_container && echo "a container has no swap of its own: it is the machine's"; }

check_swap() {
  [ "$(wc -l </proc/swaps)" -gt 1 ] || return 1
  grep -qE '^[^#]\S*\s+\S+\s+swap\s' /etc/fstab || [ -n "$(systemctl list-units --type swap --plain --no-legend)" ] || return 1
  awk 'NR > 1 { sum += $3 } END { printf "%d MiB of swap\n", sum / 1024 }' /proc/swaps
}

do_swap() {
  local size free file=/var/swap.plimsoll
  size=$(swap_wanted)
  free=$(df --output=avail -m / | tail -n 1)
  ((free > size + 5120)) || fail "$free MiB are free on /, too few for $size MiB of swap beside images and data"
  # Made with dd: a file with holes is no swap on every file system.
  [ -f "$file" ] || { (umask 077 && dd if=/dev/zero of="$file.part" bs=1M count="$size" status=none && mkswap "$file.part") && mv "$file.part" "$file"; }
  grep -q "^$file " /etc/fstab || echo "$file none swap sw 0 0" >>/etc/fstab
  systemctl daemon-reload
  swapon "$file"
}

SYSCTLS=/etc/sysctl.d/90-plimsoll.conf

sysctl_file() {
  cat <<'CONF'
# Written by plimsoll host init.
# Elasticsearch maps its indexes into memory, and does not start with less.
vm.max_map_count = 1048576
# Databases live from memory that a busy page cache should not push out to swap.
vm.swappiness = 10
# Redis forks to save; without this the fork fails where less than its whole memory is free.
vm.overcommit_memory = 1
# Connections that wait to be accepted: nginx and Redis ask for more than the old 128.
net.core.somaxconn = 4096
net.ipv4.tcp_max_syn_backlog = 8192
# Filebeat and Node watch files, each with an instance of its own.
fs.inotify.max_user_instances = 1024
fs.inotify.max_user_watches = 524288
# A kernel that panicked comes back by itself: nobody sits at its console.
kernel.panic = 10
CONF
}

cannot_sysctl() { in_container && echo "a container's kernel settings are the machine's"; }

check_sysctl() {
  local key value
  same "$SYSCTLS" sysctl_file || return 1
  while IFS='= ' read -r key value; do
    # A file that sorts later may say otherwise.
    if [ "$(sysctl -n "$key")" != "$value" ]; then
      echo "plimsoll: $key is $(sysctl -n "$key"), not $value: see $(grep -lsE "^ *$key" /etc/sysctl.d/*.conf /etc/sysctl.conf | tr '\n' ' ')" >&2
      return 1
    fi
  done < <(sysctl_file | grep -v '^#')
  echo "$SYSCTLS is in force"
}

do_sysctl() {
  put "$SYSCTLS" sysctl_file
  sysctl --quiet --load "$SYSCTLS"
}

cannot_time() { in_container && echo "a container's clock is the machine's"; }

check_time() {
  local unit
  for unit in systemd-timesyncd chrony chronyd ntpsec ntp; do
    if systemctl is-active --quiet "$unit" && systemctl is-enabled --quiet "$unit" 2>/dev/null; then
      echo "$unit keeps the clock"
      return 0
    fi
  done
  return 1
}

do_time() {
  local unit
  for unit in chrony ntpsec; do
    if installed "$unit"; then systemctl enable --now "$unit" && return 0; fi
  done
  install_packages systemd-timesyncd
  systemctl enable --now systemd-timesyncd
}
