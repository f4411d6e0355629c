# Makes a release of what was sent into this folder, starts the engine on it apart from this connection, and follows it.
# Arguments: STATE VERSION BASE UNIT FOLLOW LOCK (`plimsoll lock`'s file in base64 as it was when the release was planned,
# or absent). Exits 0 where the engine ended (its events say how), 3 where another took the version, 75 where another is
# at work, 76 where it was locked or unlocked meanwhile, 4 where the engine was lost.
set -euo pipefail
export LC_ALL=C
umask 022
state=$1 version=$2 base=$3 unit=$4
here=$PWD
trap 'rm -rf -- "$here"' EXIT
cd /
chmod 0700 -- "$state"
mkdir -p -- "$state/releases" "$state/engines"
# Left by connections that broke while they sent.
find "$state" -maxdepth 1 -name 'incoming-*' -mmin +120 -exec rm -rf -- {} +
if [[ -f $state/work.lock ]] && ! flock --shared --nonblock "$state/work.lock" true; then
  tr '\n' ' ' <"$state/work" >&2 || true
  exit 75
fi
release=$here/release
if [[ -n $base ]]; then cp -al -- "$state/releases/$base/files" "$here/all"; else mkdir -- "$here/all"; fi
while IFS= read -r path; do
  [[ /$path/ == */../* || $path == /* ]] || rm -f -- "$here/all/$path"
done <"$release/files.gone"
# New files take the place of linked ones: what the release before has is not written to.
if [[ -d $release/files ]]; then (cd -- "$release/files" && tar -cf - .) | tar -xf - -C "$here/all"; fi
rm -rf -- "$release/files" "$release/files.gone"
# What a release that is gone back to had, and nobody sent.
for part in source secrets.recipe; do
  [[ -z $base || -e $release/$part || ! -e $state/releases/$base/$part ]] || cp -al -- "$state/releases/$base/$part" "$release/$part"
done
find "$here/all" -mindepth 1 -type d -empty -delete
mv -T -- "$here/all" "$release/files"
printf 'prepared\n' >"$release/state"
if [[ -d $here/onhost ]]; then
  engine=$(cat -- "$here/onhost.name")
  [[ -d $state/engines/$engine ]] || mv -T -- "$here/onhost" "$state/engines/$engine"
  ln -sfnT -- "engines/$engine" "$state/onhost"
fi
# A question may have stood open for long, or an image been on its way.
exec 8>>"$state/lock.guard"
flock -w 20 8
present=absent
[[ ! -e $state/lock ]] || present=$(base64 -w 0 -- "$state/lock")
[[ $present == "$6" ]] || exit 76
# A folder of that name means that somebody else was quicker.
mkdir -- "$state/releases/$version" 2>/dev/null || exit 3
mv -T -- "$release" "$state/releases/$version"
exec 8>&-

engine=(/bin/bash "$state/onhost/deploy.bash" "$state" "$version")
environment=()
[[ -z ${NODE_EXTRA_CA_CERTS-} ]] || environment+=("--setenv=NODE_EXTRA_CA_CERTS=$NODE_EXTRA_CA_CERTS")
[[ -z ${DOCKER_CONFIG-} ]] || environment+=("--setenv=DOCKER_CONFIG=$DOCKER_CONFIG")
name=plimsoll-$(basename -- "$(dirname -- "$state")")-$version-$(date +%s)
case $unit in
  system) systemd-run --quiet --collect --unit "$name" --setenv=HOME="$HOME" "${environment[@]}" "${engine[@]}" ;;
  user)
    export XDG_RUNTIME_DIR=/run/user/$(id -u)
    systemd-run --user --quiet --collect --unit "$name" "${environment[@]}" "${engine[@]}"
    ;;
  *) setsid nohup "${engine[@]}" </dev/null >"$state/engine.log" 2>&1 & ;;
esac
rm -rf -- "$here"
