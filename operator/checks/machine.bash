# What the host is: lines of "key value". Every fact stands alone; what cannot be found out is left out.
# arguments: live folder, secrets folder, state folder
set -euo pipefail
live=$1 secrets=$2 state=$3
root() { if [[ $EUID -eq 0 ]]; then "$@"; else sudo -n "$@" 2>/dev/null; fi; }
say() { printf '%s %s\n' "$1" "$2"; }

clock() {
  say now "$(date +%s.%N)"
  local synchronised
  synchronised=$(timeout 3 timedatectl show --property NTPSynchronized --value 2>/dev/null) || return 0
  say ntp "$synchronised"
}

size() {
  say cpus "$(nproc)"
  say memory "$(awk '/^MemTotal:/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)"
  say swap "$(awk '/^SwapTotal:/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)"
}

engine() {
  local version=""
  version=$(timeout 5 docker version --format '{{.Server.Version}}' 2>/dev/null) || true
  if [[ -z $version ]]; then
    if command -v docker >/dev/null; then say engine silent; else say engine missing; fi
    return 0
  fi
  say engine "$version"
  say compose "$(timeout 5 docker compose version --short 2>/dev/null || echo missing)"
  local folder
  folder=$(timeout 5 docker info --format '{{.DockerRootDir}}' 2>/dev/null) || folder=/var/lib/docker
  say docker_root "$folder"
  [[ -d $folder ]] || folder=/
  df -PB1 "$folder" | awk 'NR == 2 { print "disk_total " $2; print "disk_free " $4 }'
  df -Pi "$folder" | awk 'NR == 2 && $2 > 0 { print "inodes_free " $4 / $2 }'
}

sysctls() {
  local name
  for name in vm.max_map_count vm.overcommit_memory net.core.somaxconn vm.swappiness; do
    [[ -r /proc/sys/${name//.//} ]] && say sysctl "$name=$(<"/proc/sys/${name//.//}")"
  done
}

network() {
  if command -v ip >/dev/null; then
    ip -o addr show scope global | awk '{ sub(/\/.*/, "", $4); print "address " $4 }'
  else
    hostname -I 2>/dev/null | tr ' ' '\n' | awk 'NF { print "address " $1 }'
  fi
  # Listening sockets, as the kernel has them: no tool is needed, and every user may read them.
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { print "listen " $2 }' | sort -u
}

published() {
  timeout 5 docker ps --format '{{.Names}} {{.Ports}}' 2>/dev/null | awk '/->/ { print "published " $0 }'
}

firewall() {
  if grep -qs '^ENABLED=yes' /etc/ufw/ufw.conf; then say firewall ufw; fi
  local rules
  # The unit has done its work once it has run: whether its rules are still there only the rules say.
  if rules=$(root timeout 5 nft list ruleset 2>/dev/null); then
    if grep -q '^table inet plimsoll' <<<"$rules"; then say firewall plimsoll; fi
  elif timeout 3 systemctl is-active --quiet plimsoll-firewall 2>/dev/null; then
    say firewall plimsoll-unit
  fi
  if timeout 3 systemctl is-active --quiet nftables 2>/dev/null; then say firewall nftables; fi
  if timeout 3 systemctl is-active --quiet firewalld 2>/dev/null; then say firewall firewalld; fi
  if rules=$(root timeout 5 iptables -S DOCKER-USER 2>/dev/null); then
    say docker_user "$(grep -Ec -- '-j (DROP|REJECT|[A-Za-z])' <<<"$rules" || true)"
  fi
}

upgrades() {
  command -v apt-config >/dev/null || return 0
  local period=0
  eval "$(apt-config shell period APT::Periodic::Unattended-Upgrade 2>/dev/null)" || true
  if dpkg-query -W -f '${Status}' unattended-upgrades 2>/dev/null | grep -q 'install ok installed'; then
    say upgrades "${period:-0}"
  else
    say upgrades missing
  fi
  if [[ -e /run/reboot-required || -e /var/run/reboot-required ]]; then say reboot required; fi
}

# Names and sizes; never a value. For the error tracker's address only whether it reads as one.
secret_files() {
  [[ -d $secrets ]] || return 0
  say secrets_mode "$(stat -c %a "$secrets")"
  local file value
  for file in "$secrets"/*; do
    [[ -f $file ]] || continue
    say secret "$(stat -c %s "$file") ${file##*/}"
    case ${file##*/} in api_*dsn*)
      value=$(head -c 500 "$file" 2>/dev/null) || continue
      if [[ $value =~ ^https?://[^@/]+@[^/]+/.+ ]]; then say dsn "${file##*/}"; fi
      ;;
    esac
  done
}

releases() {
  [[ -d $state ]] || return 0
  say state_folder there
  if [[ -r $state/current ]]; then say current "$(head -c 40 "$state/current" | tr -d '\n')"; fi
  local folder
  for folder in "$state"/releases/v*/; do
    [[ -d $folder ]] || continue
    folder=${folder%/}
    say release "${folder##*/} $(head -c 20 "$folder/state" 2>/dev/null | tr -d '\n')"
  done
  local current=""
  if [[ -r $state/current ]]; then current=$(tr -cd 'v0-9' <"$state/current"); fi
  if [[ -n $current && -r $state/releases/$current/release.json ]]; then
    say release_json "$(base64 -w0 <"$state/releases/$current/release.json")"
  fi
  if [[ -r $state/lock ]]; then say lock "$(base64 -w0 <"$state/lock")"; fi
  if [[ -e $state/work.lock ]] && ! flock --shared -n "$state/work.lock" true 2>/dev/null; then
    say work "$(head -c 500 "$state/work" 2>/dev/null | tr '\n' ' ')"
  fi
  local name
  for name in load confirmed; do
    if [[ -r $state/checks/$name.json ]]; then say "checks_$name" "$(base64 -w0 <"$state/checks/$name.json")"; fi
  done
}

if [[ -e $live/compose.yaml ]]; then say live there; fi
for fact in clock size engine sysctls network published firewall upgrades secret_files releases; do
  "$fact" || true
done
