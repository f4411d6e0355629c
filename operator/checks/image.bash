# Names of files in an image that give something away, and lines of its history that hold a key. Nothing in it is run.
# arguments: image, an extended regular expression of keys
set -euo pipefail
image=$1 keys=$2
docker image inspect "$image" >/dev/null 2>&1 || { echo "absent $image"; exit 0; }
# Counted, and not shown: what matches is the secret.
history=$(docker history --no-trunc --format '{{.CreatedBy}}' "$image")
echo "history $(grep -Ec -- "$keys" <<<"$history" || true)"
container=$(docker create --label plimsoll.check --network none "$image" plimsoll-check)
trap 'docker rm -f "$container" >/dev/null' EXIT
docker export "$container" | tar -t | awk '
  { n++ }
  /(^|\/)node_modules\/.*\/(test|tests|fixtures?|examples?)\// { next }
  /(^|\/)(\.env(\.[a-z]+)?|\.npmrc|\.netrc|\.pgpass|id_(rsa|dsa|ecdsa|ed25519)|credentials\.json|service-account\.json)$/ {
    if ($0 !~ /\.env\.(example|sample|template)$/) print "found " $0
  }
  /(^|\/)(\.git|\.aws|\.docker)\/(config|credentials|config\.json)$/ { print "found " $0 }
  END { print "files " n }'
