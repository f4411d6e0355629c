# What a host says of itself and of its releases, in one go. Arguments: STATE ROOT CONTEXT PROJECT SECRETS. Texts are gzip in base64.
set -uo pipefail
export LC_ALL=C
state=$1 context=$3 project=$4 secrets=$5
say() { printf '%s\n' "$*"; }
text() { [[ ! -f $2 ]] || printf '@%s %s\n' "$1" "$(gzip -nc -- "$2" | base64 -w0)"; }
free() {
  local folder=$1
  until [[ -e $folder ]]; do folder=$(dirname -- "$folder"); done
  df --output=avail -k -- "$folder" 2>/dev/null | tail -n 1 | tr -d ' '
}

say "now $(date +%s)"
say "arch $(uname -m)"
say "cores $(nproc)"
say "memory $(awk '/^MemTotal:/ { print $2 }' /proc/meminfo)"
say "user $(id -un)"
if ! command -v docker >/dev/null; then
  say "docker none"
elif ! answer=$(docker info --format '{{.ServerVersion}} {{.NCPU}} {{.MemTotal}} {{.DockerRootDir}}' 2>&1); then
  say "docker silent ${answer##*$'\n'}"
else
  read -r version cores memory folder <<<"$answer"
  say "docker ready $version"
  say "engine $cores $memory"
  say "compose $(docker compose version --short 2>/dev/null || echo none)"
  say "free $(free "$folder")"
  docker images --format 'image {{.Repository}}:{{.Tag}}'
  docker ps -a --filter "label=com.docker.compose.project=$project" --filter label=com.docker.compose.oneoff=False \
    --format 'container {{.Label "com.docker.compose.service"}} {{.State}} {{.Label "com.docker.compose.project.working_dir"}}'
fi
# What may outlive this connection: a unit of the system, one of the user (where it lingers), or a process of its own.
if [[ ! -d /run/systemd/system ]]; then
  say "unit none"
elif [[ $(id -u) == 0 ]]; then
  say "unit system"
elif [[ -e /var/lib/systemd/linger/$(id -un) && -S /run/user/$(id -u)/systemd/private ]]; then
  say "unit user"
else
  say "unit none"
fi
# Looked at, not made: where nothing is deployed nothing is left behind.
above=$state
until [[ -e $above ]]; do above=$(dirname -- "$above"); done
if [[ ! -d $above || ! -w $above ]]; then say "closed $state"; fi
free=$(free "$state") && say "state_free $free"
[[ ! -L $state/onhost ]] || say "onhost $(basename -- "$(readlink -- "$state/onhost")")"
current=''
[[ ! -f $state/current ]] || read -r current <"$state/current"
say "current $current"
for folder in "$state"/releases/v*; do
  [[ -d $folder ]] || continue
  word=''
  [[ ! -f $folder/state ]] || read -r word <"$folder/state"
  say "release ${folder##*/} $word"
done
# Names and nothing else; what is empty was not supplied.
[[ ! -d $secrets ]] || find "$secrets" -maxdepth 1 -type f -size +0 -not -name '.*' -printf 'secret %f\n'
# A disaster drill was held here, or is.
if [[ -f $2/drill-site ]]; then say "drill $(head -n 1 -- "$2/drill-site")"; fi
# A copy of the database is kept warm here.
if [[ -e $state/follow.json ]]; then say follows; fi
text lock "$state/lock"
# Shared: two that look do not meet, and who takes it waits for a look to be over.
if [[ -f $state/work.lock ]] && ! flock --shared --nonblock "$state/work.lock" true 2>/dev/null; then text work "$state/work"; fi
if [[ -n $current ]]; then
  release=$state/releases/$current
  text release "$release/release.yaml"
  text plan "$release/files/plan.json"
  text manifest "$release/files/manifest.json"
  text compose "$release/files/compose.yaml"
  text stack "$release/source/stack.yaml"
  text overrides "$release/source/overrides.yaml"
  text pins "$release/source/pins.json"
  text beside "$release/source/beside.json"
fi
[[ -z $context ]] || text context "$state/contexts/${context//\//_}"
exit 0
