# A scratch database beside the running one, from the repository. Arguments:
#   STATE PROJECT SOURCE WRITER TYPE TARGET TIMELINE MEMORY BY WORDS SET…
# SOURCE is a node whose mounts and image are lent; WRITER takes writes, `-` where nobody does; TARGET is `-` where TYPE
# has none; MEMORY in bytes; WORDS say to a person what it is. What TYPE, TARGET and SET mean: plimsoll-copy.
# stdout: `note WORDS`, `set LABEL`, `reached TIME`, `seconds N`. Exit 97: another restore is at work. A deploy or a promotion
# may go on beside it.
set -euo pipefail
# A connection that breaks stops nothing half-way.
trap '' HUP PIPE
trap 'exit 143' TERM INT
# shellcheck disable=SC2034
state=$1 PROJECT=$2 source=$3 writer=$4 type=$5 target=$6 timeline=$7 memory=$8 by=$9 words=${10}
shift 10
volume=${PROJECT}_postgres-copy

hold restore "a restore into a copy ($words)"
began=$SECONDS
[[ ! -f $state/copy || -z $(copies) ]] || stop "there is a copy already ($(head -n 1 -- "$state/copy"))"
# One that was cut short is of no use.
remove_copy

source_id=$(container_of "$source")
[[ -n $source_id ]] || stop "$source has no container any more"
if [[ $writer != - ]]; then
  ask_archive "$(container_of "$writer")" || say "note the newest part of the log is not in the repository after 60 s"
fi

borrow "$source_id"
docker volume create --label "com.docker.compose.project=$PROJECT" --label com.docker.compose.volume=postgres-copy "$volume" >/dev/null
run_beside postgres-copy plimsoll.copy "$memory" "$by" plimsoll-copy "type=volume,source=$volume,destination=$VOLUME" \
  "$(image_of "$source_id")" "$type" "$target" "$timeline" "$@"

until has "$id" "$VOLUME/copied" && sql "$id" 'select 1' >/dev/null; do
  tell
  if ! enough_room; then
    remove_copy
    stop "the copy grew until $room MB of the disk were free: it was taken away again"
  fi
  case $(state_of "$id") in
    running | created) ;;
    none)
      remove_copy
      stop "the copy was taken away while it was being made"
      ;;
    *)
      tell
      remove_copy
      stop "${said:-the copy ended at once}: the copy was taken away again"
      ;;
  esac
  sleep 0.3
done
tell
read -r set reached < <(docker exec "$id" cat "$VOLUME/copied")
put "$state/copy" "$words"
say "set $set"
say "reached ${reached:--}"
say "seconds $((SECONDS - began))"
