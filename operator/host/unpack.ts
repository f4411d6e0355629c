/** The host's side of `send`. */

/**
 * Unpacks the gzipped tar on stdin beside the folder's files, then puts each in its place by rename.
 * $1: the folder; then pairs of mode and path for the folders that have a mode of their own.
 * gzip's own checksum comes last, so a stream that was cut is never taken for a whole one.
 */
export const UNPACK = `
place() {
  set -euo pipefail
  shopt -s dotglob nullglob
  umask 022
  local folder=$1 aside d f; shift
  mkdir -p -- "$folder"
  cd -- "$folder"
  # What a power cut left behind.
  find . -maxdepth 1 -type d -name '.part-????????' -mmin +60 -exec rm -rf -- {} +
  aside=$(mktemp -d ./.part-XXXXXXXX)
  # shellcheck disable=SC2064
  trap "rm -rf -- '$aside'" EXIT
  tar --extract --gzip --file=- --directory="$aside" --preserve-permissions --no-same-owner
  local -a folders=() files=()
  mapfile -d '' -t folders < <(cd -- "$aside" && find . -type d -print0)
  for d in "\${folders[@]}"; do
    if [[ -L $d ]]; then echo "$folder/\${d#./} is a symbolic link: nothing is written through it" >&2; exit 1; fi
    for f in "$aside/$d"/*; do
      f=$d/\${f##*/}
      if [[ ! -L $f && -d $f && ( -L $aside/$f || ! -d $aside/$f ) ]]; then
        echo "$folder/\${f#./} is a folder: no file can take its place" >&2; exit 1
      fi
    done
  done
  printf '%s\\0' "\${folders[@]}" | xargs -0 mkdir -p --
  while (($# > 1)); do chmod -- "$1" "./$2"; shift 2; done
  for d in "\${folders[@]}"; do
    files=()
    for f in "$aside/$d"/*; do [[ -d $f && ! -L $f ]] || files+=("$f"); done
    while ((\${#files[@]} > 0)); do
      mv -f -t "$d" -- "\${files[@]:0:500}"
      files=("\${files[@]:500}")
    done
  done
}
`.trim();
