# This site is closed: nobody writes here any more, and everything that was acknowledged is in the bucket. Arguments:
#   STATE PROJECT LIVE SECRETS STACK ENVIRONMENT TO BY GROUP STOP WRITER REPLICA, then the application's services, `--`,
#   and what is kept with the backups and has to come along, WHAT=VOLUME
# GROUP, WRITER, REPLICA: `-` where there is none. STOP: seconds that a server may take to end.
# Until it is done an end at any moment opens the site again; killed so that it cannot, the next run goes on.
# stdout: `begin STEP`, `note WORDS`, `done STEP WORDS`. Exit 97: another is at work.
set -euo pipefail
# A connection that breaks stops nothing half-way.
trap '' HUP PIPE
trap 'exit 143' TERM INT
# shellcheck disable=SC2034,SC2154
LIVE=$3 SECRETS=$4 STACK=$5 ENVIRONMENT=$6 TO=$7 BY=$8 group=$9 patience=${10}
# shellcheck disable=SC2034,SC2154
STATE=$state
# Seconds for what was written last to reach the bucket, and for the backup of files.
ARCHIVE=60 FILES=600
# Seconds that a server of PostgreSQL may take to end, with its clients cut off already.
END=120
application=() volumes=() kept=()
args=("$@")
set -- "${args[@]:12}"
while (($# > 0)) && [[ $1 != -- ]]; do application+=("$1") && shift; done
shift
for word in "$@"; do kept+=("${word%%=*}") volumes+=("${word#*=}"); done

hold restore "a failback to $TO"
hold rejoin "a failback to $TO"
hold work "a failback to $TO"
read_note
[[ -z $phase || $phase == closing ]] || stop "a failback to $to was begun here already, and is $phase"
[[ -z $phase || $to == "$TO" ]] || stop "a failback to $to was begun here, by $by"
to=$TO by=$BY
[[ -n $phase ]] || { writer=${args[10]} replica=${args[11]}; }
[[ ! -f $state/promotion ]] || stop "a promotion did not end: plimsoll promote finishes it. Nothing was changed"
[[ ! -f $state/restoring || $(head -n 1 -- "$state/restoring") != swap ]] || stop "a restore in place did not end. Nothing was changed"
find_nodes
files_id=$(container_of backup-files)
[[ -n $files_id && $(state_of "$files_id") == running ]] || stop "backup-files does not run: nothing was changed"

one_offs() {
  docker ps -q --filter "label=com.docker.compose.project=$PROJECT" --filter label=com.docker.compose.oneoff=True
}

prepare() {
  say "begin prepare"
  [[ -z $(one_offs) ]] || stop "a command of plimsoll run is at work here: nothing was changed. Wait for it, or end it"
  bundle=$(bundle_make) || stop "no recovery bundle was made: nothing was changed"
  docker exec "$files_id" plimsoll-backup-files upload </dev/null >/dev/null || stop "the recovery bundle does not come into the bucket: nothing was changed"
  if [[ -n $writer_id ]]; then
    # What is on disk and in the bucket already need not be brought there while nobody can write.
    sql "$writer_id" checkpoint 300 >/dev/null || stop "$writer does not answer: nothing was changed"
    ask_archive "$writer_id" ||
      stop "the newest part of the log does not reach the repository within 60 s: nothing was changed. docs/runbooks/backups.md says what to look at"
  fi
  say "done prepare $bundle"
}

# Whoever may write to what is kept: the application, and whatever has a volume that comes back from the backups.
writers() {
  local name volume id
  for volume in "${volumes[@]}"; do
    for id in $(docker ps -q --no-trunc --filter "volume=${PROJECT}_$volume" --filter "label=com.docker.compose.project=$PROJECT"); do
      name=$(docker container inspect --format '{{index .Config.Labels "com.docker.compose.service"}}' "$id")
      [[ $name == nginx || $name == backup-files || $name == backup-postgres ]] || printf '%s\n' "$name"
    done
  done
  for name in "${application[@]}"; do [[ $(state_of "$(container_of "$name")") != running ]] || printf '%s\n' "$name"; done
}

# stop_all SECONDS NAMES…: all at once.
stop_all() {
  local wait=$1 name id ids=()
  shift
  for name in "$@"; do
    id=$(container_of "$name")
    [[ -z $id ]] || ids+=("$id")
  done
  ((${#ids[@]} == 0)) || docker stop --time "$wait" "${ids[@]}" >/dev/null
}

# For restic a bucket that is away is a reason to wait for a quarter of an hour.
end_files() {
  # shellcheck disable=SC2016
  docker exec "$files_id" bash -c 'kill "$(</run/plimsoll/failback.pid)"' </dev/null >/dev/null 2>&1 || true
}

keep_files() {
  local code deadline=$((SECONDS + FILES))
  ((${#kept[@]} > 0)) || return 0
  while :; do
    code=0
    # shellcheck disable=SC2016
    docker exec "$files_id" bash -c 'echo $$ >/run/plimsoll/failback.pid && exec timeout --kill-after=5 "$1" plimsoll-backup-files now "${@:2}"' - "$FILES" "${kept[@]}" \
      </dev/null >/dev/null 2>&1 || code=$?
    if [[ $code != 75 ]] || ((SECONDS >= deadline)); then break; fi
    sleep 1
  done
  return "$code"
}

fence_node() {
  docker update --restart=no "$1" >/dev/null
  has "$1" "$FENCED" || mark "$1" "$FENCED" || stop "no fence can be put into the volume of $2"
  docker stop --time "$END" "$1" >/dev/null
}

fence_database() {
  local deadline last
  # With nobody there to write this is nearly all, and a bucket that is away is met while the server still runs: its shutdown
  # would wait for it.
  ask_archive "$writer_id" || stop "the end of the log does not reach the bucket within 60 s. docs/runbooks/backups.md says what to look at"
  let_copy_go "$writer_id"
  fence_node "$writer_id" "$writer"
  [[ -z $replica_id ]] || fence_node "$replica_id" "$replica"
  read_end
  deadline=$((SECONDS + ARCHIVE))
  until archived "$last"; do
    ((SECONDS < deadline)) || stop "the end of the log ($last) is not in the bucket after $ARCHIVE s. docs/runbooks/backups.md says what to look at"
    sleep 0.3
  done
}

# Nothing is lost: nobody else writes yet. One that fails leaves the note, and the next run does it again.
give_back() {
  local code=$?
  ((code != 0)) || return 0
  trap - EXIT
  trap '' TERM INT
  end_files
  set +e
  (set -e && reopen)
  (($? == 0)) || { say "note not everything could be given back: run this again, or --undo" && exit "$code"; }
  rm -f -- "$note"
  say "note given back: this site serves as before"
  exit "$code"
}

# One that was cut short has prepared already.
fenced=''
[[ -z $writer_id ]] || ! has "$writer_id" "$FENCED" || fenced=yes
[[ -z $fenced || $phase == closing ]] || stop "$writer is fenced: nothing was changed"
[[ -n $fenced && $bundle != - ]] || prepare

say "begin close"
[[ $began =~ ^[0-9]{16}$ ]] || began=$(clock)
# Those of an earlier run that was cut short stay in the list.
stopped=$({ tr ' ' '\n' <<<"$stopped" && writers; } | awk 'NF && !seen[$0]++' | tr '\n' ' ')
write_note closing
trap give_back EXIT
maintenance true || stop "nginx does not answer: no maintenance page can be shown"
# In the reverse order of how they come.
stop_all "$patience" "${application[@]}"
# shellcheck disable=SC2086
stop_all 60 $stopped
say "done close $stopped"

say "begin empty"
began_empty=$SECONDS
(keep_files) &
keeping=$!
if [[ -n $writer_id ]]; then fence_database; fi
wait "$keeping" || stop "the backup of files failed: plimsoll logs, service backup-files, has what it said"
write_note closed
trap - EXIT
say "done empty everything is in the bucket after $((SECONDS - began_empty)) s; the log ends at $at"
