# Docker: its settings before its first start, then the engine with Compose.

DAEMON_JSON=/etc/docker/daemon.json

# - json-file logs never grow without end, also of a container that nobody gave limits.
# - live-restore: containers go on while dockerd restarts (an upgrade, a crash).
# - address pools: 1,024 networks of 254 addresses. Docker's own are 31 in all, and reach into 192.168, where offices
#   and VPNs are; 10/8 is DigitalOcean's own (VPC, anchors).
daemon_defaults() {
  cat <<'JSON'
{
  "log-driver": "json-file",
  "log-opts": { "max-size": "10m", "max-file": "5" },
  "live-restore": true,
  "default-address-pools": [{ "base": "172.20.0.0/14", "size": 24 }]
}
JSON
}

# daemon_merge [TARGET]: what is there stays as it is; only what is missing is added. Prints what, exit 3 where something
# is. Needs python3, which unattended-upgrades and fail2ban bring; it is asked only where there is a file already.
daemon_merge() {
  daemon_defaults >"$WORK/defaults.json"
  python3 - "$DAEMON_JSON" "$WORK/defaults.json" "${1:-}" <<'PYTHON'
import json, sys
path, defaults, target = sys.argv[1:4]
try:
    text = open(path).read()
    have = json.loads(text) if text.strip() else {}
    assert isinstance(have, dict), "it is no object"
except Exception as error:
    sys.exit(f"plimsoll: {path} is not valid JSON ({error}): mend it, or move it away")
want = json.load(open(defaults))
added = []
ours = have.get("log-driver", "json-file") == "json-file"
for key, value in want.items():
    if key == "log-opts" and (not ours or not isinstance(have.get(key, {}), dict)):
        continue
    # A bridge or pools of somebody's own: ours could overlap with them.
    if key == "default-address-pools" and ("bip" in have or "swarm-default-advertise-addr" in have):
        continue
    if key == "log-opts":
        for name, setting in value.items():
            if name not in have.setdefault(key, {}):
                have[key][name] = setting
                added.append(f"{key}.{name}")
    elif key not in have:
        have[key] = value
        added.append(key)
if target and added:
    open(target, "w").write(json.dumps(have, indent=2) + "\n")
print(", ".join(added))
sys.exit(3 if added else 0)
PYTHON
}

engine_answers() { docker version --format '{{.Server.Version}}' 2>/dev/null; }

check_settings() {
  [ -f "$DAEMON_JSON" ] || return 1
  same "$DAEMON_JSON" daemon_defaults || { command -v python3 >/dev/null && daemon_merge >/dev/null; } || return 1
  # Written, and perhaps not yet read.
  if engine_answers >/dev/null && grep -qE '"live-restore": *true' "$DAEMON_JSON"; then
    [ "$(docker info --format '{{.LiveRestoreEnabled}}')" = true ] || return 1
  fi
  echo "$DAEMON_JSON has log limits, live-restore and address pools"
}

do_settings() {
  local code=0
  if [ ! -f "$DAEMON_JSON" ]; then
    put "$DAEMON_JSON" daemon_defaults
  elif ! same "$DAEMON_JSON" daemon_defaults; then
    command -v python3 >/dev/null || install_packages python3-minimal
    cp -p "$DAEMON_JSON" "$KEPT/daemon.json.before"
    daemon_merge "$WORK/daemon.json" || code=$?
    [ "$code" = 0 ] || [ "$code" = 3 ] || exit 1
    if [ "$code" = 3 ]; then
      cp "$WORK/daemon.json" "$DAEMON_JSON.new"
      chmod --reference="$DAEMON_JSON" "$DAEMON_JSON.new"
      mv -f "$DAEMON_JSON.new" "$DAEMON_JSON"
    fi
  fi
  engine_answers >/dev/null || return 0
  # First only read again, which turns live-restore on: the restart then leaves containers running.
  systemctl reload docker
  sleep 1
  systemctl restart docker && return 0
  [ ! -f "$KEPT/daemon.json.before" ] || cp -p "$KEPT/daemon.json.before" "$DAEMON_JSON"
  systemctl reset-failed docker || true
  systemctl restart docker || true
  fail "Docker does not start with the settings added to $DAEMON_JSON; they were taken back: journalctl -u docker"
}

check_engine() {
  local engine compose
  engine=$(engine_answers) || return 1
  compose=$(docker compose version --short 2>/dev/null | version_in) || return 1
  at_least "$(version_in <<<"$engine")" "$ENGINE_MINIMUM" && at_least "$compose" "$COMPOSE_MINIMUM" || return 1
  systemctl is-enabled --quiet docker.service || return 1
  echo "Docker $engine with Compose $compose"
}

do_engine() {
  local engine
  if installed podman-docker; then fail "podman-docker is installed in Docker's place: apt-get remove podman-docker"; fi
  if engine=$(engine_answers) && ! at_least "$(version_in <<<"$engine")" "$ENGINE_MINIMUM"; then
    # Its containers would be restarted: a person decides when.
    fail "Docker $engine is here, and $ENGINE_MINIMUM or newer is needed: upgrade it, which restarts its containers"
  fi
  if installed docker-ce; then
    install_packages docker-compose-plugin docker-buildx-plugin
  elif installed docker.io; then
    # Of one source: docker-ce and docker.io exclude each other, and so do their plugins.
    distribution_packages
    mapfile -t PACKAGE_LIST < <(printf '%s\n' "${PACKAGE_LIST[@]}" | grep -E '^docker-(compose|buildx)')
    install_packages "${PACKAGE_LIST[@]}"
  elif command -v dockerd >/dev/null; then
    fail "there is a Docker engine that apt did not install ($(command -v dockerd)): remove it, or bring its Compose to $COMPOSE_MINIMUM"
  elif [ "$PACKAGES" = docker ] || { [ "$PACKAGES" = auto ] && docker_repository_answers; }; then
    docker_repository
    install_packages docker-ce docker-ce-cli containerd.io docker-buildx-plugin docker-compose-plugin iptables
  else
    distribution_packages
    [ ${#PACKAGE_LIST[@]} -gt 0 ] || fail "Docker's repository does not answer, and $ID $VERSION_ID has no Compose $COMPOSE_MINIMUM of its own"
    install_packages "${PACKAGE_LIST[@]}"
  fi
  systemctl enable docker.service
  systemctl start docker.service
  for _ in {1..30}; do
    if engine_answers; then return 0; fi
    sleep 1
  done
  fail "Docker was installed and does not answer: journalctl -u docker"
}

docker_repository_answers() {
  command -v curl >/dev/null || install_packages curl ca-certificates
  curl -fsSI --max-time 20 "https://download.docker.com/linux/$ID/dists/$VERSION_CODENAME/Release" >/dev/null
}

# As https://docs.docker.com/engine/install/ has it.
docker_repository() {
  command -v curl >/dev/null || install_packages curl ca-certificates
  mkdir -p /etc/apt/keyrings
  curl -fsS --max-time 60 -o /etc/apt/keyrings/docker.asc "https://download.docker.com/linux/$ID/gpg"
  chmod 644 /etc/apt/keyrings/docker.asc
  put /etc/apt/sources.list.d/docker.sources docker_source
  rm -f "$WORK/refreshed"
}

docker_source() {
  printf '%s\n' 'Types: deb' "URIs: https://download.docker.com/linux/$ID" "Suites: $VERSION_CODENAME" \
    'Components: stable' "Architectures: $(dpkg --print-architecture)" 'Signed-By: /etc/apt/keyrings/docker.asc'
}

# source_file PATH: from stdin. A second source of one suite with other options is an error to apt: whoever added the
# first has pinned it.
source_file() {
  cat >"$WORK/source"
  # shellcheck disable=SC2016 # apt's own placeholders
  if [[ $1 == *.sources ]] && [ ! -f "$1" ] && apt-get indextargets --no-release-info --format '$(RELEASE)/$(COMPONENT)' | grep -qx forky/main; then
    return 0
  fi
  cmp -s "$WORK/source" "$1" && return 0
  mkdir -p "$(dirname "$1")"
  cp "$WORK/source" "$1"
  chmod 644 "$1"
  rm -f "$WORK/refreshed"
}
