# What keeps an old primary from writing, and what brings it back as a replica. Three files of the volume decide, empty
# ones, which can be made on a full disk too:
#   fenced   another took over: no server starts here
#   rejoin   it may come back, as a replica of whoever takes writes
#   stale    its data are not gone on with (a rewind that was cut short, or a person's wish): the primary is copied

is_fenced() { [[ -e $volume/fenced ]]; }

# Stays up: a container that ends again and again would hide behind its restarts why it does.
wait_at_fence() {
  local tries=0
  trap 'exit 143' INT TERM
  until [[ -e $volume/rejoin ]]; do
    if ((tries++ % 600 == 0)); then
      log "this node is fenced, since another took over its writes: it starts no server. To let it follow: plimsoll rejoin" WARNING
    fi
    sleep 0.5
  done
}

# May be killed at any moment: until the last line it is fenced, and the next start does the rest.
rejoin() {
  wait_for_primary "this node is fenced and waits for a primary to follow"
  if has_cluster && [[ ! -e $volume/stale ]] && { is_standby || rewind; }; then
    echo rewound >"$run/rejoined"
  else
    # A file that was put there from outside is not ours to touch.
    [[ -e $volume/stale ]] || touch "$volume/stale"
    rm -rf "$PGDATA"
    clone
    echo copied >"$run/rejoined"
  fi
  # Slots of its life as a primary would hold write-ahead log for ever.
  rm -rf "$PGDATA"/pg_replslot/*
  rm -f "$volume/stale"
  # Before the fence: one that is left over would open the next fence at once.
  rm -f "$volume/rejoin"
  rm -f "$volume/fenced"
  sync -f "$volume"
  trap - INT TERM
}

# Takes back what this node wrote and nobody received. Half done it is neither the one nor the other.
rewind() {
  local options=(--target-pgdata="$PGDATA" --source-server="$(to_primary_database)")
  options+=(--config-file=/etc/postgresql/postgresql.conf)
  [[ ${PLIMSOLL_ARCHIVE-} != true ]] || options+=(--restore-target-wal)
  touch "$volume/stale"
  log "rewinding to where the primary parted"
  if ! pg_rewind "${options[@]}" >"$run/rewind.log" 2>&1; then
    log "it cannot be rewound: $(grep -m 1 error: "$run/rewind.log" || tail -n 1 "$run/rewind.log")" WARNING
    return 1
  fi
  touch "$PGDATA/standby.signal"
  sync -f "$PGDATA"
  rm -f "$volume/stale"
}

# pg_rewind reads files over a plain connection.
to_primary_database() {
  printf 'host=%s port=5432 user=replication dbname=postgres passfile=%s sslmode=disable target_session_attrs=read-write connect_timeout=3 application_name=%s-rewind' \
    "$peers" "$run/replication.pass" "$node"
}

# Stays up, as at the fence; should the other site be given up, it goes on by itself.
wait_while_superseded() {
  local who tries=0
  while who=$(superseded_by); do
    trap 'exit 143' INT TERM
    if ((tries++ % 10 == 0)); then
      log "another site took over, $who: this node starts no server, or two would take writes" WARNING
    fi
    sleep 60 &
    wait $!
  done
  trap - INT TERM
}
