# Is this still the site that writes into the bucket? Where a disaster site took over, recovery/active.json there names
# it. A host that comes back from the dead learns it so: its nodes start no server, its sidecar makes no backup.

# Prints who took over; fails where nobody did, where there is no bucket, and where it does not answer: a bucket that is
# away stops no database.
superseded_by() {
  local active own
  [[ -r /run/secrets/backup_site ]] || return 1
  active=$(bucket_get active.json) || return 1
  own=$(</run/secrets/backup_site)
  jq -er --arg own "$own" 'select(.format == 1 and .id != $own) | "\(.host) since \(.since)"' <<<"$active" 2>/dev/null
}
