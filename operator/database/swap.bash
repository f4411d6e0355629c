# shellcheck shell=bash disable=SC2034,SC2154
# What a restore in place and its undo share: what is kept first, the short outage, and what follows. Expects state, PROJECT,
# writer, replica and by. The file `restoring` holds one that did not end:
#   1 phase: ahead (the old data serve, and nothing is lost by forgetting it), swap (the outage was begun)
#   2 restored | before   3 words   4 when the outage began   5 label of the backup   6 set and last transaction
# The file `restored` holds what can be undone: 1 words   2 when   3 node   4 bytes   5 the backup   6 next transaction

clock() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }

# Seconds that the old server may take to end, and that a swap which was asked for stays asked for.
END=120 ASKED=300
# Seconds for what is recovered between its last checkpoint and the target.
OPEN=1800

begin_phase() {
  put "$state/restoring" "$1"$'\n'"$kind"$'\n'"$words"$'\n'"${began:--}"$'\n'"${label:--}"$'\n'"${found:--}"
}

resume_phase() {
  local lines
  mapfile -t lines <"$state/restoring"
  phase=${lines[0]-} kind=${lines[1]-} words=${lines[2]-} began=${lines[3]-} label=${lines[4]-} found=${lines[5]-}
  [[ $began =~ ^[0-9]{16}$ ]] || began=''
}

find_containers() {
  writer_id=$(container_of "$writer") sidecar_id=$(container_of backup-postgres) replica_id=''
  [[ -n $writer_id ]] || stop "$writer has no container any more: nothing was changed"
  [[ -n $sidecar_id && $(state_of "$sidecar_id") == running ]] || stop "backup-postgres does not run: nothing was changed"
  [[ $replica == - ]] || replica_id=$(container_of "$replica")
  pgdata=$(docker container inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$writer_id" | sed -n 's/^PGDATA=//p')
  [[ $pgdata == /?* ]] || stop "$writer does not say where its data are: nothing was changed"
}

# inside ID COMMAND…: in its volumes, whether it runs or not.
inside() {
  local id=$1
  shift
  if [[ $(state_of "$id") == running ]]; then
    docker exec "$id" "$@" </dev/null
  else
    docker run --rm --network none --user 999:999 --volumes-from "$id" --entrypoint "$1" "$(image_of "$id")" "${@:2}" </dev/null
  fi
}

# has_data WHICH: whether that folder beside the data is there. One file of it: `docker cp` would read all of a folder.
has_data() { has "$writer_id" "$pgdata.$1/PG_VERSION"; }

next_xid() {
  inside "$writer_id" pg_controldata -D "$1" 2>/dev/null | sed -nE "s/^Latest checkpoint's NextXID: *([0-9]+):([0-9]+)$/\1 \2/p" |
    awk '{ printf "%.0f", $1 * 4294967296 + $2 }'
}

# Everything that is there now into a backup, and a name for the moment.
keep_first() {
  local code=0 point
  say "begin backup"
  docker exec "$sidecar_id" plimsoll-backup now </dev/null >/dev/null 2>&1 || code=$?
  ((code != 75)) || stop "a backup is being made at this moment: nothing was changed. Wait for it, and again"
  ((code == 0)) || stop "the backup that comes first failed ($code): nothing was changed. What it said: plimsoll logs, service backup-postgres"
  label=$(docker exec "$sidecar_id" bash -c 'pgbackrest --stanza=main --output=json info | jq -r "[.[].backup[]?] | max_by(.timestamp.stop) | .label"' </dev/null)
  point=plimsoll-restore-$(date +%s)
  sql "$writer_id" "select pg_create_restore_point('$point')" >/dev/null || stop "$writer does not answer any more: nothing was changed"
  ask_archive "$writer_id" ||
    stop "the newest part of the log does not reach the repository within 60 s: nothing was changed. docs/runbooks/backups.md says what to look at"
  [[ $target != point ]] || target=$point
  say "safety $label $point"
  say "done backup $label, and the restore point $point"
}

# The replica follows what is taken back: it serves nobody meanwhile, and is copied anew afterwards.
fence_replica() {
  [[ -n $replica_id ]] || return 0
  docker update --restart=no "$replica_id" >/dev/null
  has "$replica_id" "$FENCED" || mark "$replica_id" "$FENCED" || stop "no fence can be put into the volume of $replica: nothing was changed"
  docker stop --time 30 "$replica_id" >/dev/null
}

unfence_replica() {
  [[ -n $replica_id ]] && has "$replica_id" "$FENCED" || return 0
  [[ ${1-} != stale ]] || mark "$replica_id" "$VOLUME/stale" || stop "the volume of $replica cannot be written: it stays fenced"
  mark "$replica_id" "$VOLUME/rejoin" || stop "the volume of $replica cannot be written: it stays fenced"
  docker update --restart=unless-stopped "$replica_id" >/dev/null
  docker start "$replica_id" >/dev/null
}

# Commits would wait for a replica that is not there.
wait_for_nobody() {
  [[ -n $replica_id ]] && inside "$writer_id" grep -q '^synchronous_standby_names' /etc/postgresql/postgresql.conf || return 0
  inside "$writer_id" bash -c "echo \"synchronous_standby_names = ''\" >$VOLUME/alone.conf" || true
  sql "$writer_id" 'select pg_reload_conf()' >/dev/null || true
}

# ask_swap: the node's own start does it, so that it is done, or not, whoever is killed meanwhile.
ask_swap() {
  local file code=0
  file=$(mktemp)
  printf '%s %s\n' "$kind" "$(($(date +%s) + ASKED))" >"$file"
  chmod 0644 "$file"
  docker cp "$file" "$writer_id:$VOLUME/adopt" >/dev/null 2>&1 || code=1
  rm -f -- "$file"
  ((code == 0)) || stop "the volume of $writer cannot be written: run this again, or take it back with --undo"
}

# Of `restored` and `before`, what is to come in lies beside the data until it is in.
swap() {
  # What is on disk already need not be written while nobody can write.
  sql "$writer_id" checkpoint 300 >/dev/null || true
  [[ -n ${began-} ]] || began=$(clock)
  begin_phase swap
  say "begin outage"
  fence_replica
  wait_for_nobody
  if has_data "$kind"; then
    ask_swap
    # One command of the engine's: it ends and begins, also where we are killed in between.
    docker restart --time "$END" "$writer_id" >/dev/null || docker start "$writer_id" >/dev/null
  fi
}

await_open() {
  local deadline=$((SECONDS + OPEN)) restarts
  if [[ $(state_of "$writer_id") != running ]]; then docker start "$writer_id" >/dev/null; fi
  restarts=$(docker container inspect --format '{{.RestartCount}}' "$writer_id")
  until [[ $(sql "$writer_id" 'select pg_is_in_recovery()' || true) == f ]] && ! has "$writer_id" "$VOLUME/adopt"; do
    ((SECONDS < deadline)) || stop "$writer does not open after $OPEN s. Run this again: it waits on; or take it back: --undo"
    if (($(docker container inspect --format '{{.RestartCount}}' "$writer_id") > restarts + 3)); then
      stop "$writer ends again and again: $(docker logs --tail 1 "$writer_id" 2>&1 | cut -c 1-300). Take it back: --undo"
    fi
    sleep 0.1
  done
  ! has_data "$kind" || stop "$writer was started too late for it: its data are as they were. Run this again, or forget it: --undo"
  opened=$(sql "$writer_id" "select split_part(next_xid, ':', 1)::numeric * 4294967296 + split_part(next_xid, ':', 2)::numeric from pg_control_checkpoint()" || true)
  reached=$(sql "$writer_id" "select to_char(pg_last_xact_replay_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || 'Z'" || true)
  accept_write "$writer_id" 60 ||
    stop "$writer has its data, and no write came through the proxy within 60 s. Run this again; plimsoll logs has what the proxy says"
  timeline=$(sql "$writer_id" "select ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int" || true)
  took=$(($(clock) - began))
  say "seconds $((took / 1000000)).$(printf %03d $((took / 1000 % 1000)))"
  say "timeline ${timeline:--}"
  say "done outage a write was accepted on timeline ${timeline:-unknown}"
}

# after_swap: what may take long goes on by itself.
after_swap() {
  unfence_replica stale
  docker exec --detach "$sidecar_id" plimsoll-backup now || say "note a new backup could not be begun: make one"
}
