# Replaces ~/.ssh/authorized_keys by what comes over stdin, if it still is what was seen.
# $1: `absent`, or what was seen, in base64. Exit 9: it is another by now.
set -euo pipefail
seen=$1
umask 077
folder=$HOME/.ssh
mkdir -p -- "$folder"
chmod 0700 -- "$folder"
# A link (a folder shared by several users, say) is followed: what it leads to is replaced.
file=$(readlink -m -- "$folder/authorized_keys")
exec 9>>"$folder/.plimsoll.guard"
flock -w 20 9
present=absent
if [[ -e $file ]]; then present=$(base64 -w 0 -- "$file"); fi
[[ $present == "$seen" ]] || exit 9
next=$(mktemp -- "$file.XXXXXX")
trap 'rm -f -- "$next"' EXIT
cat >"$next"
# An empty file is right where the last key is to go; one in which ssh finds no key is not.
if [[ -s $next ]] && command -v ssh-keygen >/dev/null && grep -qv -e '^[[:space:]]*$' -e '^[[:space:]]*#' -- "$next"; then
  ssh-keygen -l -f "$next" >/dev/null
fi
chmod 0600 -- "$next"
sync -- "$next"
mv -fT -- "$next" "$file"
trap - EXIT
