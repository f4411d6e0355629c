# The folder `recovery` of the bucket, as pgbackrest.conf names it. pgBackRest itself writes only what is its own there.

# bucket_of: the number of the repository that is a bucket; fails where there is none.
bucket_of() {
  local number
  number=$(sed -nE 's/^repo([0-9])-type=s3$/\1/p' "${PGBACKREST_CONFIG-}" 2>/dev/null | head -n 1)
  [[ -n $number ]] && echo "$number"
}

# bucket_get NAME: nothing where it is not there. Fails where there is no bucket, and where it does not answer.
bucket_get() {
  local number path
  number=$(bucket_of) && path=$(bucket_word "$number" path) && [[ $path == */postgres ]] || return 1
  PGBACKREST_LOG_LEVEL_STDERR=off PGBACKREST_LOG_LEVEL_CONSOLE=off timeout --kill-after=1 10 pgbackrest \
    --repo="$number" "--repo$number-path=${path%/postgres}/recovery" --raw --ignore-missing repo-get "$1" 2>/dev/null
}

# bucket_put NAME: what comes on stdin. Its fault is on stderr.
bucket_put() {
  local number path endpoint bucket url ca secrets=/run/secrets/backup_pgbackrest key secret text code=0
  if ! number=$(bucket_of) || ! path=$(bucket_word "$number" path) || [[ $path != */postgres ]]; then
    echo "there is no bucket" >&2
    return 1
  fi
  endpoint=$(bucket_word "$number" s3-endpoint) bucket=$(bucket_word "$number" s3-bucket) ca=$(bucket_word "$number" storage-ca-file)
  url=https://$bucket.$endpoint
  if [[ $(bucket_word "$number" s3-uri-style) == path ]]; then url=https://$endpoint/$bucket; fi
  key=$(sed -n "s/^repo$number-s3-key=//p" "$secrets") secret=$(sed -n "s/^repo$number-s3-key-secret=//p" "$secrets")
  key=${key//\\/\\\\} secret=${secret//\\/\\\\}
  text=$(mktemp "${run:-/tmp}/put.XXXXXX")
  cat >"$text"
  # The keys over stdin: nobody sees them in a list of processes. Signed with its content: what comes otherwise is refused.
  printf 'user = "%s:%s"\n' "${key//\"/\\\"}" "${secret//\"/\\\"}" |
    curl --config - --silent --show-error --fail --output /dev/null --proto =https --tlsv1.2 --connect-timeout 10 --max-time 30 \
      ${ca:+--cacert "$ca"} --aws-sigv4 "aws:amz:$(bucket_word "$number" s3-region):s3" \
      --header "x-amz-content-sha256: $(sha256sum "$text" | cut -d ' ' -f 1)" \
      --upload-file "$text" "$url${path%/postgres}/recovery/$1" || code=$?
  rm -f "$text"
  return "$code"
}

bucket_word() { sed -nE "s|^repo$1-$2=(.*)\$|\\1|p" "$PGBACKREST_CONFIG" | head -n 1; }
