# The replica takes the writes: the old primary is fenced first, so that two can never write. Arguments:
#   STATE PROJECT PROXY OLD NEW
# Run again after an interruption it does the rest: every step looks at what is there first.
# stdout: `begin STEP`, `done STEP WORDS`, `seconds N` from the fence to the first write that was accepted,
#   `lost TRANSACTIONS BYTES` (`- -`: not known), `ended clean|killed`, `alone` where commits wait for no replica now.
# Exit 97: a deploy is at work.
set -euo pipefail
# A connection that breaks stops nothing half-way.
trap '' HUP PIPE
trap 'exit 143' TERM INT
# shellcheck disable=SC2034
state=$1 PROJECT=$2 proxy=$3 old=$4 new=$5
# Seconds that an old primary may take to end in peace, with its clients cut off already.
END=30
# Seconds that the replica may take to replay what it has.
REPLAY=300

hold work "a promotion of $new"
if [[ -f $state/promotion && $(head -n 1 -- "$state/promotion") != "$old $new" ]]; then
  stop "another promotion did not end: $(head -n 1 -- "$state/promotion")"
fi
old_id=$(container_of "$old") new_id=$(container_of "$new") proxy_id=$(container_of "$proxy")
[[ -n $new_id && -n $proxy_id ]] || stop "$new or the proxy $proxy has no container any more"
role() { sql "$1" "select case when pg_is_in_recovery() then 'standby' else 'primary' end"; }
clock() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }

new_role=$(role "$new_id" || true)
[[ -n $new_role ]] || stop "$new does not answer any more: nothing was changed"
[[ $new_role == standby || -f $state/promotion ]] ||
  stop "$new takes writes of its own already: nothing was changed. Two primaries would part ways"

FENCING=''
# Nothing is lost yet: the old one goes on. After the replica was told to promote there is no way back.
give_back() {
  local code=$?
  [[ -n $FENCING && $code != 0 ]] || return 0
  if [[ -n $old_id ]]; then
    docker exec "$old_id" rm -f "$FENCED" >/dev/null 2>&1 ||
      docker run --rm --network none --user 999:999 --volumes-from "$old_id" --entrypoint rm "$(image_of "$old_id")" -f "$FENCED" >/dev/null 2>&1 || true
    docker update --restart=unless-stopped "$old_id" >/dev/null 2>&1 || true
    docker start "$old_id" >/dev/null 2>&1 || true
  fi
  # One that nobody reads would hold the replica's log.
  sql "$new_id" "select pg_drop_replication_slot('$slot')" >/dev/null || true
  rm -f -- "$state/promotion"
  say "done fence taken back: $old goes on"
}
trap give_back EXIT

answers=''
if [[ -n $old_id && $(state_of "$old_id") == running ]] && ! has "$old_id" "$FENCED"; then
  # One that is only slow must not be killed for a dead one.
  answers=$(sql "$old_id" 'select 1' 10 || true)
fi
if [[ -n $answers ]]; then
  say "begin prepare"
  # What is on disk already need not be written while nobody can write.
  sql "$old_id" checkpoint 60 >/dev/null || true
  say "done prepare checkpoint on $old"
fi
# Holds the log from here on, so that the old one finds where they part; within max_slot_wal_keep_size.
slot=${old//-/_}
keep_log() {
  sql "$new_id" "select pg_create_physical_replication_slot('$slot', true) where not exists (select from pg_replication_slots where slot_name = '$slot')" >/dev/null || true
}
keep_log
synchronous=$(sql "$new_id" 'show synchronous_standby_names')

# An earlier run may have told the replica to promote: it could do so at any moment.
[[ -f $state/promotion ]] || FENCING=1
say "begin fence"
# Of an earlier run that did not end: nobody has written since then.
began=$(sed -n 2p -- "$state/promotion" 2>/dev/null || true)
[[ $began =~ ^[0-9]{16}$ ]] || began=$(clock)
put "$state/promotion" "$old $new"$'\n'"$began"
# The record of its shutdown is the last that the old one wrote.
whole() {
  local control
  control=$(old_control) && [[ $(control_line 'Database cluster state') == 'shut down' ]] &&
    [[ $(sql "$new_id" "select greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) > '$(control_line 'Latest checkpoint location')'::pg_lsn") == t ]]
}
fence() {
  if [[ -z $old_id ]]; then
    # A container that Compose makes anew must find the fence too.
    docker volume inspect "${PROJECT}_$old" >/dev/null 2>&1 || return 0
    docker run --rm --network none --user 999:999 -v "${PROJECT}_$old:$VOLUME" --entrypoint touch "$(image_of "$new_id")" "$FENCED" >/dev/null
    return
  fi
  docker update --restart=no "$old_id" >/dev/null
  has "$old_id" "$FENCED" || mark "$old_id" "$FENCED" || stop "no fence can be put into the volume of $old: nothing was changed"
  case $(state_of "$old_id") in
    running)
      if [[ -n $answers ]]; then
        let_copy_go "$old_id"
        docker stop --time "$END" "$old_id" >/dev/null
      else
        docker kill "$old_id" >/dev/null 2>&1 || true
      fi
      ;;
    exited | created | dead) ;;
    *) docker kill "$old_id" >/dev/null 2>&1 || true ;;
  esac
  local deadline=$((SECONDS + 10))
  until [[ $(docker container inspect --format '{{.State.Running}}' "$old_id") == false ]]; do
    ((SECONDS < deadline)) || stop "$old cannot be stopped: nothing was changed"
    # One that Docker is about to start again is stopped, not killed.
    docker kill "$old_id" >/dev/null 2>&1 || docker stop --time 0 "$old_id" >/dev/null 2>&1 || true
    sleep 0.1
  done
}
fence
[[ -z $(containers_of -q "$old") ]] || stop "another container of $old runs: nothing was changed. A deploy takes away what was left over"
# A primary that ended in peace has handed over all it wrote, or it goes on as it was.
if [[ -n $answers && -n $FENCING ]]; then
  deadline=$((SECONDS + 10))
  until whole; do
    ((SECONDS < deadline)) || stop "$new has not received all that $old wrote: nothing was changed"
    sleep 0.1
  done
fi
say "done fence $old cannot write any more"

if [[ $new_role == standby ]]; then
  say "begin promote"
  if [[ -n $synchronous ]]; then
    # There is no replica to wait for until the old one is back: every commit would hang.
    docker exec "$new_id" bash -c "echo \"synchronous_standby_names = ''\" >$VOLUME/alone.conf"
    sql "$new_id" 'select pg_reload_conf()' >/dev/null
  fi
  FENCING=''
  [[ $(sql "$new_id" "select pg_promote(true, $REPLAY)" $((REPLAY + 10)) || true) == t ]] ||
    [[ $(role "$new_id" || true) == primary ]] ||
    stop "$new was told to promote, and is not primary after $REPLAY s: it replays what it has. Run this again: it waits on"
  say "done promote $new leads"
fi

say "begin pointer"
docker exec "$proxy_id" bash /usr/local/etc/haproxy/pointer.sh set "$new" >/dev/null </dev/null || stop "$new leads, and the proxy did not take it. Run this again"
say "done pointer the proxy sends writes to $new"

say "begin write"
accept_write "$new_id" 60 ||
  stop "$new leads, and no write came through the proxy within 60 s. Run this again; plimsoll logs has what the proxy says"
took=$(($(clock) - began))
say "seconds $((took / 1000000)).$(printf %03d $((took / 1000 % 1000)))"
say "done write a write was accepted"

say "begin account"
keep_log
sql "$new_id" checkpoint 300 >/dev/null || true
ended=killed lost='- -'
if [[ -n $old_id ]]; then account; fi
! has "$new_id" "$VOLUME/alone.conf" || say alone
put "$state/promoted" "$old $lost"
rm -f -- "$state/promotion"
say "ended $ended"
say "lost $lost"
say "done account"
