# The last step of a bundle that was sent into a stack's folder: from now on the stack's history and its secrets are
# here, and an activation that is run again goes on with them. Arguments: STATE SECRETS.
# Exit 75: another is at work; 76: a release is current here already.
set -euo pipefail
export LC_ALL=C
umask 077
state=$1 secrets=$2 incoming=$PWD
# Secrets are in there: it goes however this ends.
trap 'rm -rf -- "$incoming"' EXIT
mkdir -p -- "$state" "${secrets%/*}"
exec 9>>"$state/work.lock"
flock -n 9 || exit 75
[[ ! -e $state/current ]] || exit 76
if [[ ! -s $state/recovery.json ]]; then
  # Of an earlier try that was cut short here.
  rm -rf -- "$state/releases" "$secrets"
  cp -a -- "$incoming/state/." "$state/"
  cp -a -- "$incoming/secrets" "$secrets"
  chmod 0700 -- "$state" "$secrets"
  sync -f "$state"
  cp -- "$incoming/recovery.json" "$state/recovery.json.new"
  sync -- "$state/recovery.json.new"
  mv -fT -- "$state/recovery.json.new" "$state/recovery.json"
fi
# An earlier try may have been given keys that were revoked since.
for name in "$incoming"/keys/*; do
  [[ -f $name ]] || continue
  cp -p -- "$name" "$secrets/.${name##*/}.secret-aside"
  sync -- "$secrets/.${name##*/}.secret-aside"
  mv -fT -- "$secrets/.${name##*/}.secret-aside" "$secrets/${name##*/}"
done
cat -- "$state/recovery.json"
