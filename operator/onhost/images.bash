# shellcheck shell=bash
# Images: there before anything stops, and gone when no release that is kept needs them.

# The least room, in KiB, that a deploy begins with: a container that cannot be made cannot be undone either.
LEAST_ROOM=${LEAST_ROOM:-262144}

step_images() {
  local name image missing=() built=() pulled=()
  declare -A seen
  # A build folder of ours lies in the live folder; no container mounts it.
  [[ ! -d $FILES/images ]] || files_like "$FILES" -path './images/*' || return 1
  apply_context || return 1
  read_services || fault "Compose refuses the release's files: $(said)" || return 1
  printf '%s\n' "${W_IMAGE[@]}" | sort -u >"$WORK/images" 2>/dev/null || true
  for name in "${WANTED[@]}" "${SPARES[@]}"; do
    image=${W_IMAGE[$name]}
    [[ -z ${W_ID[$name]} && -z ${seen[$image]-} ]] || continue
    seen[$image]=1
    missing+=("$image")
    if [[ ${W_BUILT[$name]} == 1 ]]; then built+=("$name"); else pulled+=("$name"); fi
  done
  DETAIL="all ${#W_IMAGE[@]} services have theirs"
  if ((${#missing[@]} > 0)); then
    [[ $KIND != rollback ]] || fault "a rollback builds nothing, and this host no longer has ${missing[*]}" || return 1
    requires_room || return 1
    ((${#pulled[@]} == 0)) || get_images pull --quiet "${pulled[@]}" || fault "cannot be pulled: $(said)" || return 1
    ((${#built[@]} == 0)) || get_images build "${built[@]}" || fault "cannot be built: $(why_not_built)" || return 1
    printf '%s\n' "${missing[@]}" >>"$STATE/images-made" 2>/dev/null || true
    read_images
    for name in "${!W_ID[@]}"; do
      [[ -n ${W_ID[$name]} ]] || fault "${W_IMAGE[$name]} is still not there for $name" || return 1
    done
    DETAIL="built or pulled ${missing[*]}"
  fi
  requires_room
}

# What BuildKit gave as the reason comes first: its last lines may be of a step that was only cancelled.
why_not_built() {
  grep -E 'failed to solve|^ERROR: ' "$ERR" | tail -n 1
  said
}

# In the background and waited for, so that a signal ends it at once; below what serves requests.
get_images() {
  local code=0
  ensure_engine || return 1
  ionice -c 3 nice -n 10 docker compose --ansi never --progress plain "${COMPOSE[@]:5}" "$@" >"$ERR" 2>&1 &
  BACKGROUND+=($!)
  wait $! || code=$?
  return "$code"
}

ensure_engine() { engine_answers "$PATIENCE" || fault "the Docker engine does not answer"; }

requires_room() {
  local folder free
  for folder in "$STATE" "$(docker info --format '{{.DockerRootDir}}' 2>/dev/null)" /var/lib; do
    [[ -n $folder ]] || continue
    free=$(df --output=avail -k -- "$folder" 2>/dev/null | tail -n 1) || continue
    ((free >= LEAST_ROOM)) || fault "the disk of $folder has $((free / 1024)) MB left, a deploy needs $((LEAST_ROOM / 1024)) MB" || return 1
  done
}

# ---- what is no longer needed -------------------------------------------------------------------------------------

# The newest that served are kept, and as many that failed, to be looked at; the current, and the one before it.
prune_releases() {
  local version state current before good=0 bad=0
  current=$(word_of "$STATE/current")
  before=$(word_of "$STATE/releases/$current/from")
  while read -r version; do
    state=$(state_of "$version")
    case $state in
      current | superseded) ((++good > KEEP)) || continue ;;
      failed | half | rolled-back) ((++bad > KEEP)) || continue ;;
      *) continue ;;
    esac
    if ! has "$version" "$current" "$before" "$WORKING" "$PREVIOUS" && ! runs_alone "$version"; then
      rm -rf -- "$STATE/releases/$version"
      REMOVED+=("$version")
    fi
  done < <(find "$STATE/releases" -mindepth 1 -maxdepth 1 -name 'v*' -printf '%f\n' | sort -rV)
}

# One of its images is at work, and not since the current release has it too.
runs_alone() {
  local image
  while read -r image; do
    ! grep -Fxq -- "$image" "$STATE/releases/$(word_of "$STATE/current")/images" 2>/dev/null || continue
    [[ -z $(docker ps -q --filter "label=com.docker.compose.project=$PROJECT" --filter "ancestor=$image") ]] || return 0
  done < <(cat -- "$STATE/releases/$1/images" 2>/dev/null)
  return 1
}

# Only tags that this engine made here; never one that a release, a neighbour's release or a container has.
prune_images() {
  local image left=()
  [[ -s $STATE/images-made ]] || return 0
  while read -r image; do
    if [[ -z $(docker image ls -q -- "$image") ]]; then
      continue
    # Not behind a pipe: grep leaves at the first match, and what writes to it then fails.
    elif grep -Fxqs -- "$image" "$STATE"/releases/*/images "$ROOT"/../*/state/releases/*/images ||
      [[ -n $(docker ps -aq --filter "ancestor=$image") ]]; then
      left+=("$image")
    elif docker image rm -- "$image" >/dev/null 2>&1; then
      REMOVED+=("$image")
    else
      left+=("$image")
    fi
  done < <(sort -u -- "$STATE/images-made")
  put "$STATE/images-made" "$(printf '%s\n' "${left[@]}")"
}

step_prune() {
  REMOVED=()
  prune_releases
  prune_images
  # Layers of builds long ago; what a present image is made of stays with the image.
  [[ -z $CACHE_KEEP ]] || docker builder prune --force --filter until=168h --keep-storage "$CACHE_KEEP" >/dev/null 2>&1 || true
  DETAIL="removed ${REMOVED[*]:-nothing}"
}
