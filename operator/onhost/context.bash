# shellcheck shell=bash
# The build context that a release was sent with: only what changed came, and takes its place when the lock is held.

apply_context() {
  local from=$WORK/context path name
  [[ -f $WORK/context.manifest ]] || return 0
  name=$(cat -- "$WORK/context.path")
  # Below the root and nowhere else: builds read it, and this deletes in it.
  [[ $name =~ ^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$ && /$name/ != */../* && /$name/ != */./* ]] ||
    fault "the build context has no sound path" || return 1
  case ${name%%/*} in
    generated | secrets | state) fault "a build context in ${name%%/*}/ would lie over the stack's own files" || return 1 ;;
  esac
  mkdir -p -- "$ROOT/$name" "$STATE/contexts" 2>"$ERR" || fault "$(said)" || return 1
  # Until all of it is there nobody may take it for what the manifest says.
  rm -f -- "$STATE/contexts/${name//\//_}"
  while IFS= read -r path; do
    [[ /$path/ != */../* && $path != /* ]] || continue
    rm -f -- "$ROOT/$name/$path"
  done <"$WORK/context.gone"
  # A file may come where a folder was.
  find "$ROOT/$name" -mindepth 1 -type d -empty -delete
  if [[ -d $from ]]; then
    cp -a --remove-destination -- "$from/." "$ROOT/$name/" 2>"$ERR" ||
      fault "the build context cannot be written: $(said)" || return 1
    rm -rf -- "$from"
  fi
  mv -f -- "$WORK/context.manifest" "$STATE/contexts/${name//\//_}"
}
