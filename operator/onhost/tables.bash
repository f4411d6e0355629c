# shellcheck shell=bash
# What a release wants, and what runs: the one is read from its files, the other from the engine, never from memory.

declare -A W_IMAGE W_BUILT W_DEPS W_SECRETS W_ONCE W_HASH W_ID
declare -A C_ID C_HASH C_IMAGE C_STATE C_CREATED C_HEALTH C_EXIT C_RESTARTS

# Compose's own YAML: services at two spaces, their words at four. Environment values are not resolved, so that no
# secret passes here. A line for each service: name image built once profile dependencies secrets.
services_of() {
  awk '
    function flush() {
      if (name != "") print name, image == "" ? "-" : image, built, once, profile, deps == "" ? "-" : deps, secrets == "" ? "-" : secrets
    }
    /^[a-z]/ { flush(); name = ""; inside = ($0 == "services:"); next }
    !inside { next }
    /^  [^ ]/ {
      flush(); name = $1; sub(/:$/, "", name); gsub(/"/, "", name)
      image = ""; built = 0; once = 0; profile = 0; deps = ""; secrets = ""; word = ""; next
    }
    /^    [^ -]/ {
      word = $1; sub(/:.*/, "", word)
      if (word == "image") { image = $2; gsub(/"/, "", image) }
      if (word == "build") built = 1
      if (word == "profiles") profile = 1
      if (word == "restart" && $2 ~ /no/) once = 1
      next
    }
    word == "depends_on" && /^      [^ ]/ { d = $1; sub(/:$/, "", d); gsub(/"/, "", d); deps = deps (deps == "" ? "" : ",") d }
    word == "secrets" && /^      - source:/ { s = $3; gsub(/"/, "", s); secrets = secrets (secrets == "" ? "" : ",") s }
    END { flush() }'
}

# read_services: what the release's files say. @returns 1 where Compose refuses them
read_services() {
  local name image built once profile deps secrets text
  W_IMAGE=() W_BUILT=() W_DEPS=() W_SECRETS=() W_ONCE=() WANTED=() SPARES=()
  text=$(c config --no-interpolate --no-env-resolution) || return 1
  while read -r name image built once profile deps secrets; do
    W_IMAGE[$name]=$image W_BUILT[$name]=$built W_ONCE[$name]=$once
    W_DEPS[$name]=${deps/#-/} W_SECRETS[$name]=${secrets/#-/}
    if ((profile)); then SPARES+=("$name"); else WANTED+=("$name"); fi
  done < <(services_of <<<"$text")
  # A full /tmp, say: nothing wanted is nothing read.
  ((${#WANTED[@]} > 0)) || return 1
  read_images
}

# Compose's own hash of each service. Env files are part of it, so the secrets come before. `config --hash` leaves out
# what they hold, and `up` does not: it is asked of the resolved text, which goes through a pipe and nowhere else.
read_hashes() {
  local name hash text
  W_HASH=()
  text=$(c config | docker "${COMPOSE[@]:0:${#COMPOSE[@]}-1}" - config --hash '*' 2>>"$ERR") || return 1
  while read -r name hash; do W_HASH[$name]=$hash; done <<<"$text"
}

# The id behind each tag, which Compose compares too.
read_images() {
  local name image ids
  W_ID=()
  declare -A ids
  # For one that is missing, docker says an empty line.
  while read -r image name; do [[ -z $name ]] || ids[$name]=$image; done < <(
    for image in $(printf '%s\n' "${W_IMAGE[@]}" | sort -u); do
      docker image inspect --format "{{.Id}} $image" "$image" 2>/dev/null || true
    done
  )
  for name in "${!W_IMAGE[@]}"; do W_ID[$name]=${ids[${W_IMAGE[$name]}]-}; done
}

# read_running: the tables C_* of the project's containers. Of two of one service the one that runs counts.
read_running() {
  local ids name id hash image state created health exit restarts text
  C_ID=() C_HASH=() C_IMAGE=() C_STATE=() C_CREATED=() C_HEALTH=() C_EXIT=() C_RESTARTS=()
  ids=$(d ps -aq --no-trunc --filter "label=com.docker.compose.project=$PROJECT" --filter label=com.docker.compose.oneoff=False) || return 1
  [[ -n $ids ]] || return 0
  # One may be gone by the time it is looked at.
  # shellcheck disable=SC2086
  text=$(docker container inspect --format '{{index .Config.Labels "com.docker.compose.service"}} {{.ID}} {{index .Config.Labels "com.docker.compose.config-hash"}} {{.Image}} {{.State.Status}} {{.Created}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.ExitCode}} {{.RestartCount}}' $ids 2>/dev/null) || true
  while read -r name id hash image state created health exit restarts; do
    [[ -n $name ]] || continue
    [[ -z ${C_ID[$name]-} || $state == running ]] || continue
    C_ID[$name]=$id C_HASH[$name]=$hash C_IMAGE[$name]=$image C_STATE[$name]=$state C_CREATED[$name]=$created
    C_HEALTH[$name]=$health C_EXIT[$name]=$exit C_RESTARTS[$name]=$restarts
  done <<<"$text"
}

# differs SERVICE: what runs is not what the release wants.
differs() {
  [[ -n ${C_ID[$1]-} ]] || return 0
  [[ ${C_HASH[$1]} == "${W_HASH[$1]-}" ]] || return 0
  [[ ${C_IMAGE[$1]} == "${W_ID[$1]-}" ]] || return 0
  [[ ${C_STATE[$1]} == running || (${W_ONCE[$1]} == 1 && ${C_EXIT[$1]} == 0) ]] || return 0
  is_stale "$1"
}

# A container sees the secret files of the moment it was made. Secrets change at one moment of a release, noted with
# their names; undoing asks the other way round.
is_stale() {
  local names at made file=$WORK/secrets-changed
  [[ -s $file ]] || return 1
  { read -r at && read -r names; } <"$file" || return 1
  reads_one_of "$1" "$names" || return 1
  made=$(instant "${C_CREATED[$1]}")
  if [[ -z ${UNDOING-} ]]; then
    [[ $made < $at ]]
  else
    [[ ! $made < $at && $made < $(word_of "$WORK/secrets-restored") ]]
  fi
}

reads_one_of() {
  local name
  for name in $2; do [[ ,${W_SECRETS[$1]-}, != *",$name,"* ]] || return 0; done
  return 1
}

# 2026-11-23T03:40:58.12Z with nine digits, so that texts compare as times do.
instant() {
  local text=${1%Z} fraction=''
  [[ $text != *.* ]] || fraction=${text#*.}
  printf '%s.%s' "${text%.*}" "$(printf '%-9s' "$fraction" | tr ' ' 0)"
}

# in_order SERVICES…: what another depends on comes first.
in_order() {
  local name other
  for name in "$@"; do
    printf '%s %s\n' "$name" "$name"
    for other in ${W_DEPS[$name]//,/ }; do
      [[ " $* " != *" $other "* ]] || printf '%s %s\n' "$other" "$name"
    done
  done | tsort 2>/dev/null
}

has() {
  local item=$1
  shift
  [[ " $* " == *" $item "* ]]
}
