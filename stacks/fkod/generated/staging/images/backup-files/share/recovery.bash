# shellcheck shell=bash
# The recovery bundle: sealed to its recipients, kept on its volume, brought into the bucket.
# A bundle is named by its time: 20261128T161500Z.tar.age.
# shellcheck disable=SC2154 # $run, $metrics and log are of plimsoll-backup-files

recovery=/recovery
recipients=/etc/plimsoll-backup/recipients
# On the volume there are only so many: the bucket has the rest.
LEFT=3

is_bundle() { [[ $1 =~ ^[0-9]{8}T[0-9]{6}Z\.tar\.age$ ]]; }

bundle_time() { date -u -d "${1:0:4}-${1:4:2}-${1:6:2} ${1:9:2}:${1:11:2}:${1:13:2}" +%s; }

bundles() { find "$recovery" -maxdepth 1 -name '*Z.tar.age' -printf '%f\n' | sort; }

# wanted NAME: a release is current since then, and there must be a bundle that is no older.
wanted() {
  is_bundle "$1" || return 2
  printf '%s\n' "$1" >"$metrics/.recovery-wanted.new" && mv -f "$metrics/.recovery-wanted.new" "$metrics/.recovery-wanted"
  recovery_metrics
}

# seal NAME: what comes on stdin, so that only the recipients' keys open it. It counts when it is kept.
seal() {
  is_bundle "$1" || return 2
  find "$recovery" -maxdepth 1 -name '*.part' -delete
  age --encrypt --recipients-file "$recipients" --output "$recovery/$1.part"
  sync "$recovery/$1.part"
}

# keep NAME: all of it came.
keep() {
  local name
  is_bundle "$1" || return 2
  mv -f "$recovery/$1.part" "$recovery/$1"
  while read -r name; do
    # What the bucket does not have yet stays as long as there is room for ten.
    if [[ -n ${PLIMSOLL_S3_URL-} && ! $name < $(uploaded) && $(bundles | wc -l) -le 10 ]]; then continue; fi
    rm -f "$recovery/$name"
  done < <(bundles | head -n "-$LEFT")
  recovery_metrics
}

uploaded() { cat "$recovery/.uploaded" 2>/dev/null || true; }

# upload: what the bucket does not have yet, and away with what is too old there.
upload() {
  local name known code=0
  [[ -n ${PLIMSOLL_S3_URL-} ]] || return 0
  exec 6>"$run/upload.lock"
  flock -w 900 6 || return 0
  if superseded; then exec 6>&- && return 1; fi
  known=$(uploaded)
  while read -r name; do
    [[ -z $known || $name > $known ]] || continue
    if upload_one "$name"; then
      log "recovery bundle $name is in the bucket"
    else
      log "recovery bundle $name does not come into the bucket: $(tail -n 1 "$run/upload.log")" error
      code=1
    fi
  done < <(bundles)
  ((code != 0)) || prune_bucket || log "old recovery bundles stay in the bucket: $(tail -n 1 "$run/upload.log")" warning
  exec 6>&-
  recovery_metrics
  return "$code"
}

upload_one() {
  local hash
  hash=$(sha256sum "$recovery/$1" | cut -d ' ' -f 1)
  # Signed with its content: what comes otherwise is refused there.
  s3 --upload-file "$recovery/$1" --header "x-amz-content-sha256: $hash" \
    "$PLIMSOLL_S3_URL/$PLIMSOLL_S3_PREFIX$1" >/dev/null 2>"$run/upload.log" || return 1
  printf '%s\n' "$1" >"$recovery/.uploaded.new" && mv -f "$recovery/.uploaded.new" "$recovery/.uploaded"
}

in_bucket() {
  local page after=''
  while :; do
    page=$(s3 "$PLIMSOLL_S3_URL/?list-type=2&prefix=${PLIMSOLL_S3_PREFIX//\//%2F}${after:+&start-after=${after//\//%2F}}" 2>"$run/upload.log") || return 1
    # Neither a name nor a tag of S3 has a line break of its own.
    after=$(grep -oE '<Key>[^<]+</Key>' <<<"$page" | sed -e 's/<Key>//' -e 's,</Key>,,' | tee -a "$run/listed.$$" | tail -n 1) || true
    grep -q '<IsTruncated>true' <<<"$page" && [[ -n $after ]] || break
  done
  while read -r after; do
    after=${after#"$PLIMSOLL_S3_PREFIX"}
    if is_bundle "$after"; then printf '%s\n' "$after"; fi
  done < <(sort "$run/listed.$$")
  rm -f "$run/listed.$$"
}

prune_bucket() {
  local name oldest names
  names=$(in_bucket) || return 1
  oldest=$(date -u -d "-${PLIMSOLL_KEEP%d} days" +%Y%m%dT%H%M%SZ)
  while read -r name; do
    [[ -n $name && $name < $oldest ]] || continue
    s3 --request DELETE "$PLIMSOLL_S3_URL/$PLIMSOLL_S3_PREFIX$name" >/dev/null 2>"$run/upload.log" || return 1
  done < <(head -n -3 <<<"$names")
}

# curl to the bucket. The keys come over stdin: nobody sees them in a list of processes.
s3() {
  local key secret
  key=$(sed -n 's/^aws_access_key_id *= *//p' "$AWS_SHARED_CREDENTIALS_FILE")
  secret=$(sed -n 's/^aws_secret_access_key *= *//p' "$AWS_SHARED_CREDENTIALS_FILE")
  key=${key//\\/\\\\} secret=${secret//\\/\\\\}
  printf 'user = "%s:%s"\n' "${key//\"/\\\"}" "${secret//\"/\\\"}" |
    curl --config - --silent --show-error --fail-with-body --proto =https --tlsv1.2 --connect-timeout 20 --max-time 900 \
      --retry 2 --retry-delay 2 ${RESTIC_CACERT:+--cacert "$RESTIC_CACERT"} \
      --aws-sigv4 "aws:amz:$AWS_DEFAULT_REGION:s3" "$@"
}

# Did another site take over (recovery/active.json names it)? Then nothing more goes into its repository. No where there is
# no bucket, and where it does not answer.
superseded() {
  local active who site=${PLIMSOLL_SITE-/run/secrets/backup_site}
  [[ -n ${PLIMSOLL_S3_URL-} && -r $site ]] || return 1
  if [[ $(<"$site") == drill* ]]; then
    log "this host is a disaster drill: nothing of it goes into the repository" error
    return
  fi
  active=$(s3 --max-time 20 --retry 0 "$PLIMSOLL_S3_URL/${PLIMSOLL_S3_PREFIX}active.json" 2>/dev/null) || return 1
  who=$(jq -er --arg own "$(<"$site")" 'select(.format == 1 and .id != $own) | "\(.host) since \(.since)"' <<<"$active" 2>/dev/null) ||
    return 1
  log "another site took over, $who: nothing of this one goes into its repository" error
}

recovery_metrics() {
  local newest want where
  [[ -n ${PLIMSOLL_RECOVERY-} ]] || return 0
  want=$(cat "$metrics/.recovery-wanted" 2>/dev/null || true)
  newest=$(bundles | tail -n 1)
  {
    if [[ -n $want ]]; then
      echo '# HELP plimsoll_recovery_wanted_timestamp_seconds Since when the current release is current.'
      echo '# TYPE plimsoll_recovery_wanted_timestamp_seconds gauge'
      echo "plimsoll_recovery_wanted_timestamp_seconds $(bundle_time "$want")"
    fi
    echo '# HELP plimsoll_recovery_bundle_timestamp_seconds When the newest recovery bundle there was made; 0 for none.'
    echo '# TYPE plimsoll_recovery_bundle_timestamp_seconds gauge'
    for where in host ${PLIMSOLL_S3_URL:+bucket}; do
      [[ $where == host ]] || newest=$(uploaded)
      echo "plimsoll_recovery_bundle_timestamp_seconds{where=\"$where\"} $([[ -z $newest ]] && echo 0 || bundle_time "$newest")"
    done
  } | publish backup-recovery.prom
}

# recovery_report: as JSON, null where no bundles are made.
recovery_report() {
  local newest
  [[ -n ${PLIMSOLL_RECOVERY-} ]] || { echo null; return; }
  newest=$(bundles | tail -n 1)
  jq -cn --arg newest "$newest" --arg uploaded "$(uploaded)" --arg wanted "$(cat "$metrics/.recovery-wanted" 2>/dev/null || true)" \
    --argjson size "$([[ -z $newest ]] && echo 0 || stat -c %s "$recovery/$newest")" \
    --argjson bucket "$([[ -n ${PLIMSOLL_S3_URL-} ]] && echo true || echo false)" \
    --arg error "$([[ -z ${PLIMSOLL_S3_URL-} || $newest == "$(uploaded)" ]] || tail -n 1 "$run/upload.log" 2>/dev/null)" \
    '{newest: $newest, size: $size, wanted: $wanted, bucket: $bucket, uploaded: $uploaded, error: $error}'
}
