# shellcheck shell=bash
# `a && b || c`: c is meant where either fails.
# shellcheck disable=SC2015
# Services that are no servers: replaced where they changed, in dependency order, and waited for.

# arrive SERVICE SECONDS: until it is healthy (or runs, where nothing asks it; or ended well, where it is a job).
arrive() {
  local id state health exit restarts deadline=$((SECONDS + $2)) unwell=0 first=''
  id=$(container_of "$1")
  [[ -n $id ]] || fault "$1 has no container" || return 1
  while :; do
    read -r state health exit restarts < <(d container inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.ExitCode}} {{.RestartCount}}' "$id") ||
      fault "$1 went away: $(said)" || return 1
    : "${first:=$restarts}"
    case $state:$health in
      running:healthy) return 0 ;;
      running:-) [[ ${W_ONCE[$1]-0} == 1 ]] || return 0 ;;
      running:unhealthy) ((++unwell < 50)) || fault "$1 is unhealthy"$'\n'"$(logs_of "$1")" || return 1 ;;
      exited:*)
        if [[ ${W_ONCE[$1]-0} == 1 ]]; then
          [[ $exit != 0 ]] || return 0
          fault "$1 ended with exit code $exit"$'\n'"$(logs_of "$1")"
          return 1
        fi
        ;;
    esac
    ((restarts - first < 3)) || fault "$1 ends again and again, exit code $exit"$'\n'"$(logs_of "$1")" || return 1
    ((SECONDS < deadline)) || fault "$1 is still $state${health/#-/} after $2 s"$'\n'"$(logs_of "$1")" || return 1
    sleep 0.15
  done
}

# replace SERVICE [COMPOSE-OPTION…]: the container that the release at hand wants.
replace() {
  local name=$1
  shift
  # What is stale has the hash that Compose wants, and would be left.
  if [[ -n ${C_ID[$name]-} ]] && is_stale "$name"; then set -- --force-recreate "$@"; fi
  c up -d --no-deps --no-build --quiet-pull "$@" "$name" >/dev/null || fault "$name cannot be started: $(said)"
}

is_server() { has "$1" "${SERVERS[@]}" "${OLD_SERVERS[@]}" "$SPARE"; }

step_services() {
  local name changed=()
  for name in "${WANTED[@]}"; do
    ! is_server "$name" && [[ $name != "$NGINX" && $name != "$MIGRATE" ]] && ! has "$name" "${PROCESSES[@]}" || continue
    ! differs "$name" || changed+=("$name")
  done
  DETAIL='none changed'
  ((${#changed[@]} > 0)) || return 0
  mapfile -t changed < <(in_order "${changed[@]}")
  DETAIL="replaced ${changed[*]}"
  for name in "${changed[@]}"; do
    micros
    local began=$MICROS
    replace "$name" && arrive "$name" "${SERVICE_FOR:-600}" || return 1
    micros
    note "$name replaced in $(((MICROS - began) / 1000)) ms"
  done
}

step_processes() {
  local name changed=()
  for name in "${PROCESSES[@]}"; do
    differs "$name" || continue
    replace "$name" --timeout "$STOP" && arrive "$name" "$READY_FOR" || return 1
    changed+=("$name")
  done
  DETAIL="replaced ${changed[*]:-none}"
}

# Containers of services that no longer exist.
step_orphans() {
  local name gone=()
  ((${#W_HASH[@]} > 0)) || fault "the release's services are not known" || return 1
  read_running || return 1
  for name in "${!C_ID[@]}"; do
    [[ -z ${W_HASH[$name]-} ]] || continue
    remove "$name" "$STOP"
    gone+=("$name")
  done
  DETAIL="removed ${gone[*]:-none}"
}

# ended SERVICE SECONDS: true once it does not run.
ended() {
  local id deadline=$((SECONDS + $2))
  id=$(container_of "$1")
  while [[ -n $id && $(docker container inspect --format '{{.State.Running}}' "$id" 2>/dev/null) == true ]]; do
    ((SECONDS < deadline)) || return 1
    sleep 1
  done
}

# remove SERVICE SECONDS: stopped in peace, then gone.
remove() {
  local id
  for id in $(d ps -aq --no-trunc --filter "label=com.docker.compose.project=$PROJECT" --filter "label=com.docker.compose.service=$1" || true); do
    d stop --time "$2" "$id" >/dev/null || true
    d rm --force --volumes "$id" >/dev/null || return 1
  done
}

# A recreation cut short leaves the container that was to be, never started, under a name of its own.
remove_leftovers() {
  local id name state
  while read -r id name state; do
    [[ $name =~ ^[0-9a-f]{12}_ && $state == created ]] || continue
    docker rm --force --volumes "$id" >/dev/null 2>&1 || true
  done < <(docker ps -a --filter "label=com.docker.compose.project=$PROJECT" --format '{{.ID}} {{.Names}} {{.State}}' 2>/dev/null)
}

# Applied once, in the new image; the container stays, as plain Compose leaves it.
step_migrate() {
  local code=0 id
  {
    echo "# before"
    migrate_status
  } >"$WORK/migrations" 2>&1 || fault "the migrations' state cannot be asked: $(tail -n 12 "$WORK/migrations")" || return 1
  # Applying what is applied does nothing, so doing it again after the engine was away is safe.
  c up -d --no-deps --no-build --force-recreate "$MIGRATE" >/dev/null || fault "cannot be started: $(said)" || return 1
  id=$(container_of "$MIGRATE")
  code=$(d wait "$id") || fault "cannot be waited for: $(said)" || return 1
  {
    echo "# up"
    docker logs "$id"
  } >>"$WORK/migrations" 2>&1 || true
  ((code == 0)) || fault "migrations ended with exit code $code"$'\n'"$(logs_of "$MIGRATE")" || return 1
  {
    echo "# after"
    migrate_status
  } >>"$WORK/migrations" 2>&1 || true
  DETAIL=$(logs_of "$MIGRATE" 3)
}

migrate_status() {
  ((${#MIGRATE_STATUS[@]} > 0)) || return 0
  docker rm --force "$PROJECT-migrate-status" >/dev/null 2>&1 || true
  docker "${COMPOSE[@]}" run --rm --no-deps -T --quiet-pull --name "$PROJECT-migrate-status" "$MIGRATE" "${MIGRATE_STATUS[@]}" </dev/null
}

step_restore_point() {
  local node lsn
  DETAIL='this stack has no PostgreSQL'
  ((${#POSTGRES_NODES[@]} > 0)) || return 0
  for node in "${POSTGRES_NODES[@]}"; do
    [[ $(sql "$node" 'select pg_is_in_recovery()' || true) == f ]] || continue
    lsn=$(sql "$node" "select pg_create_restore_point('$WORKING')") || fault "no restore point on $node: $(said)" || return 1
    DETAIL="$WORKING at $lsn on $node"
    return 0
  done
  # What brings no migrations may be the very repair that the database waits for.
  [[ -n $MIGRATE && $KIND =~ ^(deploy|canary)$ ]] && ! repairs || { DETAIL='no node writes: none was made' && return 0; }
  fault "none of ${POSTGRES_NODES[*]} answers as the one that writes"$'\n'"$(said)"
}

repairs() { differs "${POSTGRES_NODES[0]}"; }

sql() {
  local id
  id=$(container_of "$1")
  [[ -n $id ]] && d exec "$id" psql -h 127.0.0.1 -U postgres -d postgres -qAtX -c "$2" </dev/null
}
