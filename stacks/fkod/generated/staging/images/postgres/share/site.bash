# Is this still the site that writes into the bucket? Where a disaster site took over, recovery/active.json there names
# it. A host that comes back from the dead learns it so: its nodes start no server, its sidecar makes no backup.

# Prints who took over; fails where nobody did, where there is no bucket, and where it does not answer: a bucket that is
# away stops no database.
superseded_by() {
  local conf=${PGBACKREST_CONFIG-} number path active own
  [[ -r /run/secrets/backup_site && -r $conf ]] || return 1
  own=$(</run/secrets/backup_site)
  # Whoever starts the real services on a drill's host: its own have no such secret.
  if [[ $own == drill* ]]; then echo "of which this host is a disaster drill" && return; fi
  number=$(sed -nE 's/^repo([0-9])-type=s3$/\1/p' "$conf" | head -n 1)
  path=$(sed -nE "s|^repo$number-path=(.*)/postgres\$|\\1|p" "$conf")
  [[ -n $number && -n $path ]] || return 1
  active=$(PGBACKREST_LOG_LEVEL_STDERR=off PGBACKREST_LOG_LEVEL_CONSOLE=off timeout --kill-after=1 10 pgbackrest \
    --repo="$number" "--repo$number-path=$path/recovery" --raw --ignore-missing repo-get active.json 2>/dev/null) || return 1
  # An older jq takes nothing for an answer.
  [[ -n $active ]] || return 1
  jq -er --arg own "$own" 'select(.format == 1 and .id != $own) | "\(.host) since \(.since)"' <<<"$active" 2>/dev/null
}
