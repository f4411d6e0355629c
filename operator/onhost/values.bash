# shellcheck shell=bash
# Secrets of a release: sent beforehand, taken from an older release, or made here. Values are in files only.

step_secrets() {
  local name changed=() before=$WORK/secrets-before from
  # Nobody else's to read, the state folder being 0700 too.
  (
    umask 077
    # shellcheck disable=SC2153
    mkdir -p -- "$SECRETS" && rm -rf -- "$before.new" && cp -a -- "$SECRETS" "$before.new" && rm -rf -- "$before" && mv -T -- "$before.new" "$before"
  ) 2>"$ERR" || fault "the secrets of now cannot be saved: $(tail -n 1 "$ERR")" || return 1
  rm -f -- "$WORK/secrets-restored"
  # Noted before the first is moved: a change that was cut short can be told by it.
  stamp_of_secrets ''
  for from in "${SECRETS_FROM:+$STATE/releases/$SECRETS_FROM/secrets}" "$WORK/secrets-in"; do
    [[ -n $from && -d $from ]] || continue
    while IFS= read -r name; do hand_over "$from" "$name" || return 1; done < <(find "$from" -maxdepth 1 -type f -printf '%f\n' | sort)
  done
  rm -rf -- "$WORK/secrets-in"
  if [[ -f $WORK/secrets.recipe ]]; then
    secrets_make "$WORK/secrets.recipe" "$SECRETS" "${SUPPLY:-fault}" >"$ERR" 2>&1 || fault "$(grep -v '^made ' "$ERR" | tail -n 12)" || return 1
  fi
  while IFS= read -r name; do
    cmp -s -- "$SECRETS/$name" "$before/$name" || changed+=("$name")
  done < <(find "$SECRETS" -maxdepth 1 -type f -not -name '.*' -printf '%f\n' | sort)
  if ((${#changed[@]} == 0)); then
    rm -f -- "$WORK/secrets-changed"
    DETAIL='none changed'
  else
    stamp_of_secrets "${changed[*]}"
    DETAIL="changed: ${changed[*]}"
  fi
  keep_secrets
}

# hand_over FOLDER NAME: in place by rename, with the mode that the old file has.
hand_over() {
  local aside=$SECRETS/.$2.plimsoll-new mode=0444
  [[ $2 =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] || fault "secrets-in has a file that is no secret's name" || return 1
  ! cmp -s -- "$1/$2" "$SECRETS/$2" || return 0
  [[ ! -e $SECRETS/$2 ]] || mode=$(stat -c %a -- "$SECRETS/$2")
  if ! { install -m "$mode" -- "$1/$2" "$aside" && mv -fT -- "$aside" "$SECRETS/$2"; } 2>"$ERR"; then
    rm -f -- "$aside"
    fault "secret $2 cannot be written: $(tail -n 1 "$ERR")"
    return 1
  fi
}

stamp_of_secrets() {
  stamp
  put "$WORK/secrets-changed" "$(instant "$STAMP")"$'\n'"$1"
}

# For going back to this release one day: the application's own, which nothing else has a copy of.
keep_secrets() {
  local name
  (
    umask 077
    mkdir -p -- "$WORK/secrets"
    for name in "${APP_SECRETS[@]}"; do
      [[ ! -f $SECRETS/$name ]] || cp -p -- "$SECRETS/$name" "$WORK/secrets/$name"
    done
  ) 2>"$ERR" || fault "the secrets cannot be kept for going back: $(tail -n 1 "$ERR")"
}

# restore_secrets: as they were before the release at work; what it added stays, since nothing old reads it.
restore_secrets() {
  local name
  [[ -d $WORK/secrets-before ]] || return 0
  while IFS= read -r name; do
    hand_over "$WORK/secrets-before" "$name" || return 1
  done < <(find "$WORK/secrets-before" -maxdepth 1 -type f -not -name '.*' -printf '%f\n')
  [[ -s $WORK/secrets-restored ]] || { stamp && put "$WORK/secrets-restored" "$(instant "$STAMP")"; }
}
