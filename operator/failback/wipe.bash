# What a failback has begun on a new host that never served goes away, so that nothing of it writes into the bucket, and it
# can be tried again. Arguments: STATE PROJECT ROOT BUNDLE
# Exit 76: a release is current there; 77: what is there is none of this failback's; 97: another is at work.
set -euo pipefail
trap '' HUP PIPE
root=$3 bundle=$4
[[ -d $state ]] || exit 0
hold work "the way back of a failback"
[[ ! -e $state/current ]] || exit 76
if [[ -s $state/recovery.json ]]; then
  grep -qF "\"$bundle\"" "$state/recovery.json" || exit 77
elif [[ -e $state/follow.json ]]; then
  say "note this host is kept warm, and nothing was begun on it: its copy stays"
  exit 0
fi
mine() { docker "$1" ls -q "${@:2}" --filter "label=com.docker.compose.project=$PROJECT"; }
mapfile -t containers < <(mine container --all)
((${#containers[@]} == 0)) || docker rm --force "${containers[@]}" >/dev/null
mapfile -t volumes < <(mine volume)
((${#volumes[@]} == 0)) || docker volume rm "${volumes[@]}" >/dev/null
mapfile -t networks < <(mine network)
((${#networks[@]} == 0)) || docker network rm "${networks[@]}" >/dev/null || true
rm -rf -- "${root:?}"/* 2>/dev/null || [[ ! -e $state/recovery.json ]] || stop "what was laid into $root cannot be removed"
say "note what was begun here is taken away"
