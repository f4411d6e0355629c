# shellcheck shell=bash
# `a && b || c`: c is meant where either fails.
# shellcheck disable=SC2015
# The live folder: containers mount what is in it, so files are replaced one by one by rename, and no folder ever is.

# The door's own files wait for its turn; these three say that a release is live, and come last of all.
LAST=(compose.yaml plan.json manifest.json)

# differing FROM [FIND-EXPRESSION…]: paths under FROM that the live folder lacks or has otherwise.
differing() {
  local from=$1
  shift
  mkdir -p -- "$LIVE"
  (cd -- "$from" && find . -type f "$@" -printf '%P\0' | sort -z | xargs -0 -r sha256sum --) |
    (cd -- "$LIVE" && sha256sum --check --quiet 2>/dev/null || true) |
    sed -n 's/: FAILED\( open or read\)\?$//p'
}

# place FROM PATHS…: into the live folder, aside first.
place() {
  local from=$1 path aside
  shift
  for path in "$@"; do
    aside=$LIVE/$path.plimsoll-new
    if ! { mkdir -p -- "${aside%/*}" && cp --preserve=mode -- "$from/$path" "$aside" && mv -fT -- "$aside" "$LIVE/$path"; } 2>"$ERR"; then
      rm -f -- "$aside"
      fault "$path cannot be written: $(tail -n 1 "$ERR")"
      return 1
    fi
  done
}

# files_like FROM FIND-EXPRESSION…: brings that part of the live folder to what the release has. PLACED says which.
files_like() {
  local from=$1
  mapfile -t PLACED < <(differing "$@")
  ((${#PLACED[@]} == 0)) || place "$from" "${PLACED[@]}"
}

# Paths that a manifest.json of ours names: two spaces, "files", four spaces each.
manifest_paths() {
  [[ ! -f $1 ]] || awk '/^  "files": \{/ { inside = 1; next } inside && /^  \}/ { exit } inside && /^    "[^"]+": \{/ { path = $0; sub(/^    "/, "", path); sub(/": \{.*$/, "", path); print path }' "$1"
}

# remove_gone MANIFEST FROM: what that manifest names and the release does not have. Nothing else is ever deleted.
remove_gone() {
  local path
  while IFS= read -r path; do
    [[ $path != /* && /$path/ != */../* && -f $LIVE/$path && ! -e $2/$path ]] || continue
    rm -f -- "$LIVE/$path"
    (cd -- "$LIVE" && rmdir -p --ignore-fail-on-non-empty -- "$(dirname -- "$path")" 2>/dev/null) || true
  done < <(manifest_paths "$1")
}
