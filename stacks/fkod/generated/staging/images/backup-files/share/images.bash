# shellcheck shell=bash
# Images that are in no registry: the application's own. They come over stdin as `docker save` writes them, and what two
# of them share is kept once.
# shellcheck disable=SC2154 # log and rst are of plimsoll-backup-files

# Apart from the volumes, whose backups are forgotten by time.
IMAGES=images

# image_there REF: the newest that is kept is this one.
image_there() {
  rst --no-lock snapshots --json --host "$IMAGES" --tag image | jq -e --arg ref "ref:$1" 'max_by(.time).tags // [] | index($ref) != null' >/dev/null
}

# image_take: says its id. It counts when it is kept: whether all of it came only the other end knows.
image_take() {
  open_repository >&2 || return 1
  # What was cut short.
  rst forget --quiet --host "$IMAGES" --tag image-part --unsafe-allow-remove-all >/dev/null 2>&1 || true
  rst backup --json --stdin --stdin-filename image.tar --host "$IMAGES" --tag image-part |
    jq -r 'select(.message_type == "summary").snapshot_id'
}

# image_keep ID REF: away with those that no release needs any more.
image_keep() {
  [[ $1 =~ ^[0-9a-f]{8,64}$ ]] || return 2
  rst tag --quiet --set image --set "ref:$2" "$1"
  # Its data goes with the next backup's prune.
  rst forget --quiet --host "$IMAGES" --tag image --group-by host --keep-last "$PLIMSOLL_IMAGES"
}

# image_get REF: on stdout, as `docker save` wrote it.
image_get() {
  local id
  id=$(rst --no-lock snapshots --json --host "$IMAGES" --tag "image,ref:$1" | jq -er 'max_by(.time).id') || { echo "there is no $1" >&2; return 1; }
  rst --no-lock dump "$id" /image.tar
}
