# shellcheck shell=bash
# The recovery bundle: what of this host is in no repository, sealed to the recipients of stack.yaml before it leaves the
# engine. Read by operator/recovery/bundle.ts. Apart from the rest of the engine, so that a backup by hand makes one too.
# Needs PROJECT LIVE SECRETS STATE STACK ENVIRONMENT. Says on stdout what it made, on stderr why it could not.

BUNDLE_SERVICE=backup-files
# In the folder of the current release: what another host does not need.
BUNDLE_WITHOUT=(context context.gone context.path context.manifest secrets-before secrets-in before)

# bundle_make: 0 made, 1 not made, 3 where nobody would open it.
bundle_make() (
  # Each by itself says where it ends: whoever calls this in a condition has switched `set -e` off in it.
  set -uo pipefail
  umask 077
  bundle_wanted || exit 3
  exec 8>>"$STATE/bundle.lock"
  flock -w 120 8 || { echo "another is at it" >&2 && exit 1; }
  sidecar=$(bundle_sidecar)
  [[ -n $sidecar ]] || { echo "$BUNDLE_SERVICE does not run" >&2 && exit 1; }
  name=$(date -u +%Y%m%dT%H%M%SZ).tar.age
  # First of all: where the rest fails, the figures say that there should be one.
  docker exec "$sidecar" plimsoll-backup-files wanted "$name" || exit 1
  # What was sealed of a tar that ended badly stays a part, and is no bundle.
  bundle_tar | bundle_container "$sidecar" seal "$name" || exit 1
  docker exec "$sidecar" plimsoll-backup-files keep "$name" || exit 1
  # Into the bucket without anybody waiting for it; what fails is tried again every few minutes.
  docker exec --detach "$sidecar" plimsoll-backup-files upload || exit 1
  echo "$name"
)

# On a laptop nobody asks for one: it is where the sources are.
bundle_wanted() { [[ ${ENVIRONMENT:-local} != local && -s $LIVE/$BUNDLE_SERVICE/recipients ]]; }

bundle_sidecar() {
  docker ps -q --no-trunc --filter "label=com.docker.compose.project=$PROJECT" \
    --filter "label=com.docker.compose.service=$BUNDLE_SERVICE" --filter label=com.docker.compose.oneoff=False | head -n 1
}

# bundle_container SIDECAR WORDS…: without a network, and with nothing but the volume of bundles.
bundle_container() {
  local image volume
  image=$(docker container inspect --format '{{.Image}}' "$1") || return 1
  volume=$(docker container inspect --format '{{range .Mounts}}{{if eq .Destination "/recovery"}}{{.Name}}{{end}}{{end}}' "$1")
  [[ -n $volume ]] || { echo "$BUNDLE_SERVICE has no volume for bundles" >&2 && return 1; }
  shift
  docker run --rm --interactive --network none --read-only --cap-drop ALL --security-opt no-new-privileges \
    --user 999:0 --memory 128m --pids-limit 32 --log-driver none --tmpfs /run/plimsoll:size=1m,mode=0700,uid=999 \
    --label "com.docker.compose.project=$PROJECT" --label com.docker.compose.oneoff=True \
    --mount "type=volume,source=$volume,destination=/recovery" \
    --mount "type=bind,source=$LIVE/$BUNDLE_SERVICE,destination=/etc/plimsoll-backup,readonly" \
    --entrypoint plimsoll-backup-files "$image" "$@"
}

bundle_tar() {
  local current folder name parts=()
  read -r current <"$STATE/current" || return 1
  folder=$STATE/releases/$current
  while IFS= read -r name; do
    [[ " ${BUNDLE_WITHOUT[*]} " == *" $name "* ]] || parts+=("$folder/$name")
  done < <(find "$folder" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)
  for name in current audit.log checks lock; do [[ ! -e $STATE/$name ]] || parts+=("$STATE/$name"); done
  bundle_meta "$current" >"$STATE/plimsoll.json.$$" || return 1
  local code=0
  # Links between a release's files and an older one's are none of the bundle's.
  tar --create --file=- --format=pax --pax-option=delete=atime,delete=ctime --hard-dereference --absolute-names \
    --owner=0 --group=0 --numeric-owner --exclude='*.plimsoll-new' --exclude='.*.secret-aside' \
    --transform="s,^$(bundle_quote "$STATE/plimsoll.json.$$")\$,plimsoll.json,SH" \
    --transform="s,^$(bundle_quote "$LIVE"),generated,SH" \
    --transform="s,^$(bundle_quote "$SECRETS"),secrets,SH" \
    --transform="s,^$(bundle_quote "$STATE"),state,SH" \
    -- "$STATE/plimsoll.json.$$" "$LIVE" "$SECRETS" "${parts[@]}" || code=$?
  rm -f -- "$STATE/plimsoll.json.$$"
  return "$code"
}

bundle_quote() { sed -e 's/[][\\.*^$,]/\\&/g' <<<"$1"; }

bundle_meta() {
  local pair values=()
  for pair in "stack=$STACK" "environment=$ENVIRONMENT" "project=$PROJECT" "release=$1" \
    "created=$(date -u +%Y-%m-%dT%H:%M:%SZ)" "host=$(uname -n)"; do
    values+=("\"${pair%%=*}\":\"$(sed -e 's/[\\"]/\\&/g' <<<"${pair#*=}")\"")
  done
  local IFS=,
  printf '{"format":1,%s}\n' "${values[*]}"
}

# step_bundle: for the engine. No release fails for want of it; that it is missing is a figure, and an alert.
step_bundle() {
  local code=0
  DETAIL=$(bundle_make 2>"$ERR") || code=$?
  if ((code == 3)); then DETAIL='no recipient: none is made'; return 0; fi
  ((code == 0)) || fault "no recovery bundle was made: $(tail -n 3 -- "$ERR")"
}
