# The volumes of a host that is new, from restic, before anything was started. The sidecar's container was made
# (`docker compose create backup-files`) and nothing else. Arguments: PROJECT SNAPSHOT [WHAT…]; all that is filled if none.
# stdout: `filled WHAT SNAPSHOT TIME`, `empty WHAT` where there is no backup of it. Exit 3: a volume has something already.
set -euo pipefail
# shellcheck disable=SC2034
PROJECT=$1 snapshot=$2
shift 2
sidecar=$(sidecar_id)
sources=$(docker cp "$sidecar:/etc/plimsoll-backup/sources" - | tar -xOf -)
while read -r what name kind _; do
  # What a service brings back by itself it brings once it runs.
  [[ -n $what && $kind != whole ]] || continue
  if (($# > 0)) && [[ " $* " != *" $what "* ]]; then continue; fi
  volume=$(volume_of "$sidecar" "$name")
  code=0
  made=$(helper "$sidecar" "$volume" fill "$what" "$name" "$snapshot" 2>/tmp/fill.$$) || code=$?
  said=$(tail -n 1 /tmp/fill.$$ 2>/dev/null || true)
  rm -f /tmp/fill.$$
  if ((code == 0)); then
    say "filled $what ${made#snapshot }"
  elif [[ $said == "there is no backup "* ]]; then
    say "empty $what"
  else
    stop "$what: ${said:-ended with $code}" "$code"
  fi
done <<<"$sources"
