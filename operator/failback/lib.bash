# shellcheck shell=bash disable=SC2034,SC2154
# What the parts of a failback stand on, behind operator/database/lib.bash. Their first arguments are STATE PROJECT. Expects group
# (nginx's, `-`: none). The file `failback` in the state's folder holds one that was begun here:
#   1 phase: closing (this site is being closed), closed (nobody writes here, all of it is in the bucket), away (the new site
#     is coming up), gone (the new site serves), returning (this site is being opened again)
#   2 the new host   3 who began it   4 when the maintenance began, microseconds of the epoch   5 TIMELINE LSN, `-`: no PostgreSQL
#   6 the bundle   7 names of the containers that were stopped for it   8 `anew` where the new site may have begun a timeline
#   9 WRITER REPLICA

state=$1 PROJECT=$2
note=$state/failback
phase='' to=${to-} by=${by-} began='' at=- bundle=- stopped='' anew=- writer=- replica=-

read_note() {
  local lines=()
  [[ ! -f $note ]] || mapfile -t lines <"$note"
  phase=${lines[0]-}
  [[ -n $phase ]] || return 0
  to=${lines[1]-} by=${lines[2]-} began=${lines[3]-} at=${lines[4]:--} bundle=${lines[5]:--} stopped=${lines[6]-} anew=${lines[7]:--}
  read -r writer replica <<<"${lines[8]:-- -}"
}

write_note() {
  phase=$1
  put "$note" "$phase"$'\n'"$to"$'\n'"$by"$'\n'"${began:--}"$'\n'"$at"$'\n'"$bundle"$'\n'"$stopped"$'\n'"$anew"$'\n'"$writer $replica"
}

clock() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }

# since MICROSECONDS: seconds with three digits.
since() {
  local took=$(($(clock) - $1))
  printf '%d.%03d' $((took / 1000000)) $((took / 1000 % 1000))
}

# inside ID COMMAND…: in its volumes, whether it runs or not. stdin is passed on.
inside() {
  local id=$1
  shift
  docker run --rm --interactive --network none --user 999:999 --volumes-from "$id" --entrypoint "$1" "$(image_of "$id")" "${@:2}"
}

find_nodes() {
  writer_id='' replica_id='' sidecar_id='' pgdata=''
  [[ $writer != - ]] || return 0
  writer_id=$(container_of "$writer") sidecar_id=$(container_of backup-postgres)
  [[ $replica == - ]] || replica_id=$(container_of "$replica")
  [[ -n $writer_id ]] || stop "$writer has no container any more: nothing was changed"
  [[ -n $sidecar_id && $(state_of "$sidecar_id") == running ]] || stop "backup-postgres does not run: nothing was changed"
  pgdata=$(docker container inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$writer_id" | sed -n 's/^PGDATA=//p')
  [[ $pgdata == /?* ]] || stop "$writer does not say where its data are: nothing was changed"
}

# maintenance true|false: every request is answered 503, over restarts too.
maintenance() {
  local nginx
  [[ $group != - ]] || return 0
  nginx=$(container_of nginx)
  [[ -n $nginx ]] || return 1
  printf '{"maintenance":%s}' "$1" | docker exec -i "$nginx" curl -fsS -m 5 -o /dev/null -X PATCH --data-binary @- \
    "http://127.0.0.1:8081/control/$group" 2>/dev/null
}

# unfence ID: it may start a server again, also after a reboot.
unfence() {
  if has "$1" "$FENCED"; then
    inside "$1" rm -f "$FENCED" </dev/null || stop "the fence in the volume of $2 cannot be taken away. Run this again"
  fi
  docker update --restart=unless-stopped "$1" >/dev/null
}

# reopen: this site serves again as it did. With `anew` the new one may have begun a timeline that others would follow from
# the bucket, so this one goes on with one above it. May be cut short, and is done again then.
reopen() {
  if [[ $writer != - ]]; then
    say "begin database"
    reopen_database
    say "done database $writer takes writes again"
  fi
  say "begin services"
  start_stopped
  say "done services"
  maintenance false || stop "nginx does not take the maintenance away: start it, and run this again"
  say "done maintenance over"
}

reopen_database() {
  local deadline=$((SECONDS + 600))
  if [[ $anew == anew && $(state_of "$writer_id") != running ]]; then new_timeline; fi
  unfence "$writer_id" "$writer"
  [[ $(state_of "$writer_id") == running ]] || docker start "$writer_id" >/dev/null || stop "$writer cannot be started. Run this again"
  until [[ $(sql "$writer_id" 'select pg_is_in_recovery()' || true) == f ]]; do
    ((SECONDS < deadline)) || stop "$writer does not take writes after 600 s: $(docker logs --tail 1 "$writer_id" 2>&1 | cut -c 1-300). Run this again: it waits on"
    sleep 0.2
  done
  [[ -n $replica_id ]] || return 0
  # It looks for the newest timeline in the bucket, which has to be this one by then.
  if [[ $anew == anew ]]; then
    ask_archive "$writer_id" || say "note the log does not reach the repository within 60 s"
    if has "$replica_id" "$FENCED"; then mark "$replica_id" "$VOLUME/rejoin" || stop "the volume of $replica cannot be written. Run this again"; fi
    docker update --restart=unless-stopped "$replica_id" >/dev/null
  else
    unfence "$replica_id" "$replica"
  fi
  docker start "$replica_id" >/dev/null || say "note $replica cannot be started: plimsoll rejoin says how it is"
}

# The timelines that the archive has, known here before the next is chosen; then on to the end of this one's own log, and
# onto one that is above all others.
new_timeline() {
  local number names name
  number=$(docker exec "$sidecar_id" bash -c 'tr " :" "\n " <<<"${PLIMSOLL_REPOSITORIES:-1:local}" | sed -n "s/ s3\$//p" | head -n 1' </dev/null)
  [[ $number =~ ^[0-9]+$ ]] || stop "backup-postgres knows of no bucket"
  # shellcheck disable=SC2016
  names=$(docker exec "$sidecar_id" bash -euo pipefail -c '
    ls=(pgbackrest --stanza=main "--repo=$1" --log-level-console=off repo-ls)
    ids=$("${ls[@]}" archive/main --filter="^[0-9]+-[0-9]+\$")
    for id in $ids; do
      "${ls[@]}" "archive/main/$id" --filter="^[0-9A-F]{8}[.]history\$" | sed "s,^,$id/,"
    done' - "$number" </dev/null) || stop "the bucket does not say which timelines it has: nothing was opened. Run this again when it answers"
  for name in $names; do
    [[ $name =~ ^[0-9]+-[0-9]+/[0-9A-F]{8}\.history$ ]] || continue
    docker exec "$sidecar_id" pgbackrest --stanza=main --repo="$number" --log-level-console=off repo-get "archive/main/$name" </dev/null |
      inside "$writer_id" bash -euc 'cat >"$1.new"; [[ -s $1.new ]]; [[ -e $1 ]] || mv "$1.new" "$1"; rm -f "$1.new"' - "$pgdata/pg_wal/${name#*/}" ||
      stop "the bucket does not give ${name#*/}: nothing was opened. Run this again when it answers"
  done
  # shellcheck disable=SC2016
  inside "$writer_id" bash -euc 'echo recovery_target_timeline=current >"$1/plimsoll.target"; : >"$1/recovery.signal"; sync -f "$1"' - "$pgdata" </dev/null ||
    stop "the volume of $writer cannot be written. Run this again"
}

# What was stopped, in the order that it has to come: whatever keeps data before the application.
start_stopped() {
  local name id deadline=$((SECONDS + 180)) word
  for name in $stopped; do
    id=$(container_of "$name")
    [[ -n $id ]] || continue
    docker start "$id" >/dev/null || stop "$name cannot be started. Run this again"
  done
  for name in $stopped; do
    id=$(container_of "$name")
    [[ -n $id ]] || continue
    while :; do
      word=$(docker container inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}}' "$id" 2>/dev/null || true)
      [[ $word != 'running healthy' ]] || break
      ((SECONDS < deadline)) || { say "note $name is ${word:-gone}: it is not waited for any longer"; break; }
      sleep 0.3
    done
  done
}

# The record of its shutdown is the last that a server writes. It stands alone at the begin of a segment: those before it are
# archived by the shutdown itself, and it says where everything ends.
read_end() {
  local control timeline lsn low
  control=$(inside "$writer_id" pg_controldata -D "$pgdata" </dev/null)
  field() { sed -n "s/^$1: *//p" <<<"$control" | head -n 1; }
  [[ $(field 'Database cluster state') == 'shut down' ]] || stop "$writer did not end in peace: it is '$(field 'Database cluster state')'"
  timeline=$(field "Latest checkpoint's TimeLineID") lsn=$(field 'Latest checkpoint location')
  [[ $timeline =~ ^[0-9]+$ && $lsn =~ ^[0-9A-F]+/[0-9A-F]+$ ]] || stop "$writer does not say where its log ends"
  low=$((16#${lsn#*/}))
  (((low & 0xFFFFFF) == 40)) || stop "the last record of $writer ($lsn) does not begin a segment: what stands before it there is not in the bucket"
  low=$((low - 40))
  at="$timeline $(printf '%s/%X' "${lsn%/*}" "$low")"
  low=$(((16#${lsn%/*} << 8) + (low >> 24) - 1))
  last=$(printf '%08X%08X%08X' "$timeline" $((low >> 8)) $((low & 255)))
}

# Nothing waits on the disk, and every repository says that it has the last one.
archived() {
  local waiting
  waiting=$(inside "$writer_id" find "$pgdata/pg_wal/archive_status" -name '*.ready' </dev/null) && [[ -z $waiting ]] || return 1
  # shellcheck disable=SC2016
  timeout --kill-after=1 60 docker exec "$sidecar_id" bash -c 'pgbackrest --stanza=main --output=json --log-level-console=off info |
    jq -e --arg last "$1" ".[0] as \$all | (\$all.repo | length > 0) and all(\$all.repo[].key;
      . as \$key | any(\$all.archive[]?; (.database.\"repo-key\" // 1) == \$key and (.max // \"\") >= \$last))"' - "$1" </dev/null >/dev/null 2>&1
}
