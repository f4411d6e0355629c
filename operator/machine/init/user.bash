# The user who deploys, and the folder that is theirs.

# The keys that log in now, as they are: no options, which would bind the new user, too.
plain_keys() { grep -hoE '^(ssh-(ed25519|rsa)|ecdsa-sha2-[a-z0-9-]+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+.*' "$@" || true; }

wanted_keys() {
  local from=${SUDO_USER:-root} home
  home=$(getent passwd "$from" | cut -d: -f6)
  { [ ! -f "$home/.ssh/authorized_keys" ] || plain_keys "$home/.ssh/authorized_keys"; plain_keys - <<<"$KEYS"; } |
    awk 'NF > 1 && !seen[$1 " " $2]++'
}

missing_keys() {
  local file=$1
  [ -f "$file" ] || file=/dev/null
  awk 'NR == FNR { for (i = 1; i < NF; i++) have[$i " " $(i + 1)] = 1; next } !(($1 " " $2) in have)' "$file" - < <(wanted_keys)
}

deploy_home() { getent passwd "$DEPLOY_USER" | cut -d: -f6; }

check_user() {
  local home count
  home=$(deploy_home) && [ -n "$home" ] || return 1
  [[ " $(id -nG "$DEPLOY_USER") " == *" docker "* ]] || return 1
  [ -e "/var/lib/systemd/linger/$DEPLOY_USER" ] || return 1
  # awk reads an empty file as no file at all, and would take the wanted keys for those that are there.
  [ -s "$home/.ssh/authorized_keys" ] || return 1
  [ -z "$(missing_keys "$home/.ssh/authorized_keys")" ] || return 1
  # A password, if somebody set one, is no way in: sshd takes none.
  count=$(plain_keys "$home/.ssh/authorized_keys" | wc -l)
  echo "$DEPLOY_USER: in group docker, lingers, $count key(s)"
}

do_user() {
  local home keys
  keys=$(wanted_keys)
  getent group docker >/dev/null || groupadd --system docker
  if ! getent passwd "$DEPLOY_USER" >/dev/null; then
    useradd --create-home --shell /bin/bash --comment 'plimsoll deploys' "$DEPLOY_USER"
    # No password, and not locked either: sshd turns locked accounts away where PAM is off.
    usermod --password '*' "$DEPLOY_USER"
  fi
  # In this group one is as good as root. There is no sudo on top of that.
  usermod --append --groups docker "$DEPLOY_USER"
  # Units of the user (a deploy that outlives its connection) run without a login.
  loginctl enable-linger "$DEPLOY_USER" || { mkdir -p /var/lib/systemd/linger && touch "/var/lib/systemd/linger/$DEPLOY_USER"; }
  home=$(deploy_home)
  [ -n "$keys" ] || [ -s "$home/.ssh/authorized_keys" ] ||
    fail "there is no key to copy: ${SUDO_USER:-root} has none in authorized_keys, and none was given (--key FILE)"
  install -d -m 700 -o "$DEPLOY_USER" -g "$(id -gn "$DEPLOY_USER")" "$home/.ssh"
  if [ -s "$home/.ssh/authorized_keys" ]; then
    missing_keys "$home/.ssh/authorized_keys" >"$WORK/keys"
    # A last line without its end would swallow the first of ours.
    [ -z "$(tail -c 1 "$home/.ssh/authorized_keys")" ] || echo >>"$home/.ssh/authorized_keys"
    cat "$WORK/keys" >>"$home/.ssh/authorized_keys"
  else
    printf '%s\n' "$keys" >"$home/.ssh/authorized_keys"
  fi
  chown "$DEPLOY_USER:$(id -gn "$DEPLOY_USER")" "$home/.ssh/authorized_keys"
  chmod 600 "$home/.ssh/authorized_keys"
}

check_folder() {
  [ "$(stat -c '%U %a' /srv/plimsoll 2>/dev/null)" = "$DEPLOY_USER 755" ] || return 1
  echo "/srv/plimsoll is $DEPLOY_USER's"
}

do_folder() { install -d -m 755 -o "$DEPLOY_USER" -g "$(id -gn "$DEPLOY_USER")" /srv/plimsoll; }
