# The last step of a bundle that was sent into a stack's folder: from now on the stack's history and its secrets are
# here, and an activation that is run again goes on with them. Arguments: STATE SECRETS NAME: recovery.json for an
# activation; follow.json for a site that is kept warm, which is laid anew each time, and over which an activation comes.
# Exit 75: another is at work; 76: a release is current here already; 77: an activation was begun here.
set -euo pipefail
export LC_ALL=C
umask 077
state=$1 secrets=$2 name=${3:-recovery.json} incoming=$PWD
# Secrets are in there: it goes however this ends.
trap 'rm -rf -- "$incoming"' EXIT
mkdir -p -- "$state" "${secrets%/*}"
exec 9>>"$state/work.lock"
flock -n 9 || exit 75
[[ ! -e $state/current ]] || exit 76
[[ $name == recovery.json || ! -s $state/recovery.json ]] || exit 77
if [[ $name == follow.json || ! -s $state/$name ]]; then
  # Of an earlier try that was cut short here, or of a bundle before.
  rm -rf -- "$state/releases" "$state/$name" "$secrets.new" "$secrets.before"
  cp -a -- "$incoming/state/." "$state/"
  # By rename: a node that follows here finds its secrets whenever its host is switched on again.
  cp -a -- "$incoming/secrets" "$secrets.new"
  chmod 0700 -- "$state" "$secrets.new"
  [[ ! -e $secrets ]] || mv -T -- "$secrets" "$secrets.before"
  mv -T -- "$secrets.new" "$secrets"
  rm -rf -- "$secrets.before"
  sync -f "$state"
  cp -- "$incoming/$name" "$state/$name.new"
  sync -- "$state/$name.new"
  mv -fT -- "$state/$name.new" "$state/$name"
fi
[[ $name == follow.json ]] || rm -f -- "$state/follow.json"
# An earlier try may have been given keys that were revoked since.
for key in "$incoming"/keys/*; do
  [[ -f $key ]] || continue
  cp -p -- "$key" "$secrets/.${key##*/}.secret-aside"
  sync -- "$secrets/.${key##*/}.secret-aside"
  mv -fT -- "$secrets/.${key##*/}.secret-aside" "$secrets/${key##*/}"
done
cat -- "$state/$name"
