# Is this still the site that writes into the bucket? Where a disaster site took over, recovery/active.json there names
# it. A host that comes back from the dead learns it so: its nodes start no server, its sidecar makes no backup.

# Prints who took over; fails where nobody did, where there is no bucket, and where it does not answer: a bucket that is
# away stops no database.
superseded_by() {
  local active own
  [[ -r /run/secrets/backup_site ]] || return 1
  own=$(</run/secrets/backup_site)
  # Whoever starts the real services on a drill's host: its own have no such secret.
  if [[ $own == drill* ]]; then echo "of which this host is a disaster drill" && return; fi
  active=$(bucket_get active.json) || return 1
  # An older jq takes nothing for an answer.
  [[ -n $active ]] || return 1
  jq -er --arg own "$own" 'select(.format == 1 and .id != $own) | "\(.host) since \(.since)"' <<<"$active" 2>/dev/null
}
