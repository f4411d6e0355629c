# shellcheck shell=bash
# A disaster site that is kept warm: images and files of the release, and of its containers one node of PostgreSQL, which
# follows the site that writes. Nothing else is made, and nothing becomes current. What is to follow stands in the release's
# file `follow`: NODE DATA-DIRECTORY KEPT|ANEW, and what the node is told: MODE HOST, and for a stream ADDRESS PORT.

follow_release() {
  # One that was begun between the laying of this bundle and now: the host is to be the site that writes.
  if [[ -e $STATE/recovery.json ]]; then
    REASON="an activation was begun on this host: it is to be the site that writes, and follows nobody"
    UNTOUCHED=1
    return 1
  fi
  # Of a bundle that was here before.
  remove_gone "$LIVE/manifest.json" "$FILES"
  step files step_all_files || return 1
  step 'kept images' step_kept_images || return 1
  step images step_images || return 1
  step secrets step_secrets || return 1
  step look step_look || return 1
  step files step_all_files || return 1
  step follow step_follow || return 1
  put "$WORK/state" followed
  step prune step_prune || true
}

step_follow() {
  local node data anew told id volume=/var/lib/postgresql marker=$TMP/follow part
  read -r node data anew told <"$WORK/follow"
  id=$(container_of "$node")
  # One that was made when nothing was known of secrets and files of now reads those of then.
  if [[ -n $id ]]; then remove "$node" 120 || fault "the container of $node stays: $(said)" || return 1; fi
  c up --no-start --no-deps --no-build --quiet-pull "$node" >/dev/null || fault "the container of $node cannot be made: $(said)" || return 1
  id=$(container_of "$node")
  [[ -n $id ]] || fault "$node has no container" || return 1
  if ! has_file "$id" "$volume/follow"; then
    ! has_file "$id" "$data/PG_VERSION" ||
      fault "the volume of $node holds a database already, which follows nobody: nothing was written over it" || return 1
  fi
  printf '%s\n' "$told" >"$marker"
  for part in follow $([[ $anew != anew ]] || echo follow.anew); do
    d cp "$marker" "$id:$volume/$part" >/dev/null && has_file "$id" "$volume/$part" ||
      fault "the volume of $node cannot be written: $(said)" || return 1
  done
  d start "$id" >/dev/null || fault "$node cannot be started: $(said)" || return 1
  arrive_recovered "$node" "$id" "$data" || return 1
  DETAIL="$node has $(sql "$node" 'select pg_size_pretty(sum(pg_database_size(oid))) from pg_database' || echo "the backup"), and goes on (${told%% *})"
}

# For an activation: the containers of nodes that followed until now go, since they read secrets of then. Their data stay.
end_followers() {
  local kind name more id volume=/var/lib/postgresql
  while read -r kind name more; do
    [[ $kind == postgres ]] || continue
    id=$(container_of "$name")
    [[ -n $id ]] && has_file "$id" "$volume/follow" && ! has_file "$id" "$volume/recover" || continue
    keep_replayed "$id"
    remove "$name" 120 || fault "the container of $name stays: $(said)" || return 1
    note "$name followed until now"
  done <"$WORK/seed"
}

# To the last moment: what it says of itself in its volume is seconds old.
keep_replayed() {
  local replayed file=$TMP/replayed
  replayed=$(docker exec "$1" psql -h 127.0.0.1 -U postgres -d postgres -qAtX -c 'select extract(epoch from pg_last_xact_replay_timestamp())' 2>/dev/null </dev/null) || return 0
  [[ -n $replayed ]] || return 0
  printf '%s\n' "$replayed" >"$file"
  docker cp "$file" "$1:/var/lib/postgresql/follow.replayed" >/dev/null 2>&1 || true
}
