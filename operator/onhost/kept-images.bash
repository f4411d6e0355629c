# shellcheck shell=bash
# The application's image, where it is built here and therefore in no registry: kept with the backups, so that another
# host needs neither a registry nor a laptop with the sources. Nobody waits for it: it outlives the engine.

# keep_images: begins it, for images that are not kept yet.
keep_images() {
  local name sidecar refs=() unit=plimsoll-$PROJECT-images-$VERSION
  for name in "${SERVERS[@]}" "${PROCESSES[@]}"; do
    [[ ${W_BUILT[$name]-} == 1 ]] && ! has "${W_IMAGE[$name]}" "${refs[@]}" || continue
    refs+=("${W_IMAGE[$name]}")
  done
  ((${#refs[@]} > 0)) || return 0
  sidecar=$(bundle_sidecar)
  # A stack without backups, or on a laptop, where the sources are.
  [[ -n $sidecar && ${ENVIRONMENT:-local} != local ]] || return 0
  set -- bash "$HERE/kept-images.bash" "$STATE" "$sidecar" "${refs[@]}"
  # In a unit of its own, or it would end with the engine's.
  if [[ -n ${INVOCATION_ID-} && $(id -u) == 0 ]]; then
    systemd-run --quiet --collect --unit "$unit" -- "$@" 2>"$ERR" || fault "$(said)"
  elif [[ -n ${INVOCATION_ID-} ]]; then
    systemd-run --user --quiet --collect --unit "$unit" -- "$@" 2>"$ERR" || fault "$(said)"
  else
    setsid nohup "$@" </dev/null >/dev/null 2>&1 &
  fi
}

# STATE SIDECAR REF…: what keep_images begins. Its words are in STATE/images.log.
keep_image() {
  local sidecar=$1 ref=$2 id
  if docker exec "$sidecar" plimsoll-backup-files image-there "$ref"; then return 0; fi
  id=$(docker image save "$ref" | ionice -c 3 nice -n 10 docker exec --interactive "$sidecar" plimsoll-backup-files image-take) || return 1
  docker exec "$sidecar" plimsoll-backup-files image-keep "$id" "$ref"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  state=$1 sidecar=$2
  shift 2
  exec >"$state/images.log" 2>&1 8>>"$state/images.lock"
  flock 8
  for ref in "$@"; do
    began=$SECONDS
    if keep_image "$sidecar" "$ref"; then echo "$ref kept in $((SECONDS - began)) s"; else echo "$ref NOT kept"; fi
  done
fi
