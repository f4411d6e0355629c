# A node that is kept warm on another host (plimsoll dr init): the newest backup, and then the log as it comes into the
# bucket. It writes nothing into the archive, and no server takes writes here. Files of the volume say it:
#   follow           MODE HOST [ADDRESS PORT]: it follows, the host's name as ssh takes it, and where a stream comes from
#   follow.anew      what is there is not gone on with: a person's wish
#   follow.set       the backup that it came from
#   follow.replayed  when the last transaction that it has was committed: after its next start the server no longer knows
#   follow.left      why its data are not gone on with: they are of a timeline that was left
# `recover` beside them ends it: then it is no follower any more (recover.bash).
# shellcheck disable=SC2154 # $volume, $run and log are of plimsoll-postgres

is_follower() { [[ -e $volume/follow ]]; }

# Seconds between two reports, and between two looks at what would be worth one at once.
REPORT_EVERY=${REPORT_EVERY-60}
LOOK_EVERY=${LOOK_EVERY-5}

# May be killed at any moment: what is whole is not fetched again.
start_following() {
  ( report_following & )
  if [[ -e $volume/follow.anew ]]; then
    log "the copy is made anew"
    rm -rf "$PGDATA"
    rm -f "$volume"/follow.{set,replayed,left}
    rm -f "$volume/follow.anew"
  fi
  if ! has_whole_copy; then
    [[ -e $PGDATA/backup.manifest || -e $PGDATA/PG_VERSION ]] || rm -rf "$PGDATA"
    log "restoring the newest backup from the repository"
    restore_newest
    restored_set >"$volume/follow.set"
    log "the backup $(<"$volume/follow.set") is restored; from now on it follows the archive"
  fi
  wait_while_left
  # Before the other goes: with neither the server would open.
  touch "$PGDATA/standby.signal"
  sync -f "$PGDATA"
  rm -f "$PGDATA/recovery.signal"
  sync -f "$volume"
}

# A server that was left behind does not come up any more: PostgreSQL refuses a log that does not lead over where it has
# been. Stays up and says so; where the restore in place is undone, it goes on by itself.
wait_while_left() {
  local why
  while why=$(why_left_behind) && [[ -n $why ]]; do
    trap 'exit 143' INT TERM
    note_left "$why"
    sleep "$REPORT_EVERY" &
    wait $!
  done
  trap - INT TERM
}

# Of one that does not run: how far it has been at least is in its control file.
why_left_behind() {
  local lsn timeline
  has_whole_copy || return 0
  read -r lsn timeline < <(pg_controldata "$PGDATA" 2>/dev/null |
    awk -F ': *' '/^Minimum recovery ending location/ { lsn = $2 } /^Min recovery ending loc/ { timeline = $2 } END { print lsn, timeline }') || return 0
  # Of one that was just restored nothing is known.
  [[ ${timeline:-0} != 0 ]] || return 0
  why_left "$lsn" "$timeline"
}

# Nobody of this host's stack is its primary. A bucket is asked less often than a server: it is paid for by the request.
# shellcheck disable=SC2034
follower_settings() {
  local mode address port
  read -r mode _ address port <"$volume/follow"
  recovery=(-c primary_conninfo= -c primary_slot_name= -c hot_standby_feedback=off -c wal_retrieve_retry_interval=10s)
  [[ $mode == stream ]] || return 0
  # No slot: a copy that stays away must hold no log on the disk of the site that writes. What is gone there is in the bucket.
  recovery+=(-c "primary_conninfo=host=$address port=$port user=replication passfile=$run/replication.pass sslmode=require channel_binding=require gssencmode=disable connect_timeout=10 keepalives_idle=30 application_name=disaster-site")
}

# For an activation: to the archive's end, and then it takes writes. What is of a timeline that was left is fetched again
# where it differs.
end_following() {
  local why
  # It may not have been up since.
  why=$(why_left_behind)
  [[ -z $why ]] || note_left "$why"
  if has_whole_copy && [[ ! -e $volume/follow.left ]]; then
    touch "$PGDATA/recovery.signal"
    sync -f "$PGDATA"
    rm -f "$PGDATA/standby.signal"
    log "it followed until now; the archive is replayed to its end"
    return 0
  fi
  log "the copy that was kept warm cannot be gone on with: $(cat "$volume/follow.left" 2>/dev/null || echo 'it was never whole')" WARNING
  rm -f "$volume/follow.replayed"
  return 1
}

forget_following() {
  [[ ! -e $volume/follow.replayed ]] || mv "$volume/follow.replayed" "$volume/recovered.replayed"
  rm -f "$volume"/follow.{set,anew,left,replayed} "$volume/follow"
}

# ---- what it says of itself in the bucket --------------------------------------------------------------------------

report_following() {
  exec 9>&-
  local now told=0 before='' text short fault=''
  while is_follower && [[ ! -e $volume/recover ]]; do
    now=$(date +%s)
    text=$(following_now) || text=''
    # A change of its state is told at once.
    short=$(jq -r '"\(.state) \(.streaming)"' <<<"$text" 2>/dev/null) || short=''
    if [[ -n $short ]] && { ((now - told >= REPORT_EVERY)) || [[ $short != "$before" ]]; }; then
      if bucket_put follower.json <<<"$text" 2>"$run/follow.said"; then
        told=$now before=$short fault=''
      elif [[ $(tail -n 1 "$run/follow.said") != "$fault" ]]; then
        fault=$(tail -n 1 "$run/follow.said")
        log "the bucket is not told how far this copy is: $fault" WARNING
      fi
    fi
    sleep "$LOOK_EVERY"
  done
}

# As operator/recovery/follower.ts reads it.
following_now() {
  local mode host state=restoring lsn='' replayed='' paused='' streaming=f timeline='' why=''
  read -r mode host _ <"$volume/follow"
  if IFS='|' read -r lsn replayed paused streaming < <(superuser -c "select pg_last_wal_replay_lsn(),
      extract(epoch from pg_last_xact_replay_timestamp()), pg_get_wal_replay_pause_state(),
      exists (select from pg_stat_wal_receiver where status = 'streaming')" 2>/dev/null) && [[ -n $lsn ]]; then
    state=following
    timeline=$(followed_timeline)
    keep_replayed "$replayed"
    why=$(why_left "$lsn" "$timeline")
    note_left "$why"
    if [[ -z $why && $paused == paused ]]; then
      why="it waits for settings that the other site has by now: plimsoll dr init brings them"
    fi
    if [[ -n $why ]]; then state=stuck; fi
  elif [[ -s $volume/follow.left ]]; then
    state=stuck why=$(<"$volume/follow.left")
  fi
  jq -cn --arg mode "$mode" --arg host "$host" --arg state "$state" --arg lsn "$lsn" --arg timeline "$timeline" \
    --arg replayed "$(cat "$volume/follow.replayed" 2>/dev/null)" --arg streaming "$streaming" --arg fault "$why" '{
      format: 1, at: (now | floor), host: $host, mode: $mode, state: $state,
      lsn: ($lsn | if . == "" then null else . end), timeline: ($timeline | if . == "" then null else tonumber end),
      replayed: ($replayed | if . == "" then null else tonumber end), streaming: ($streaming == "t"),
      fault: ($fault | if . == "" then null else . end)
    }'
}

keep_replayed() {
  [[ -n $1 && $1 != "$(cat "$volume/follow.replayed" 2>/dev/null)" ]] || return 0
  printf '%s\n' "$1" >"$volume/follow.replayed.new" && mv "$volume/follow.replayed.new" "$volume/follow.replayed"
}

# No function of PostgreSQL says on which timeline a standby reads (pg_control tells it a checkpoint late); the title of
# its startup process does.
followed_timeline() {
  local file title
  for file in "${PROC-/proc}"/[0-9]*/cmdline; do
    title=$({ tr '\0' ' ' <"$file"; } 2>/dev/null) || continue
    if [[ $title =~ startup\ (recovering|waiting\ for)\ ([0-9A-F]{8})[0-9A-F]{16} ]]; then
      echo $((16#${BASH_REMATCH[2]}))
      return
    fi
  done
}

# why_left LSN TIMELINE: nothing where it goes on. A bucket that does not answer is no reason: it comes back.
why_left() {
  local last newest left
  last=$(last_archived 2>/dev/null) && [[ -n $2 && $last =~ ^[0-9A-F]{24}$ ]] || return 0
  newest=${last:0:8}
  ((16#$newest > $2)) || return 0
  [[ -s $run/$newest.history ]] || fetch_history "$newest" || return 0
  left=$(awk -v of="$2" '$1 == of { print $2 }' "$run/$newest.history")
  # Not further than where its timeline was left: it goes over by itself.
  if [[ -z $left ]] || (($(lsn_bytes "$1") > $(lsn_bytes "$left"))); then
    echo "the other site went on from before $1 on timeline $((16#$newest)) (a restore in place?), and this copy has what was given up there: plimsoll dr init --anew makes it anew"
  fi
}

fetch_history() {
  pgbackrest --no-archive-async archive-get "$1.history" "$run/$1.history.new" >/dev/null 2>&1 && mv "$run/$1.history.new" "$run/$1.history"
}

lsn_bytes() { echo $(((16#${1%/*} << 32) + 16#${1#*/})); }

note_left() {
  if [[ -z $1 ]]; then
    rm -f "$volume/follow.left"
  elif [[ $1 != "$(cat "$volume/follow.left" 2>/dev/null)" ]]; then
    log "$1" WARNING
    printf '%s\n' "$1" >"$volume/follow.left"
  fi
}
