#!/bin/bash
# How long each PostgreSQL node takes to answer a statement, for node-exporter to read.
#   run       the service: asks every node, each a few seconds after its last answer
#   healthy   for Docker: was each asked a short while ago?
# Each node has a loop and a session of its own: one that is frozen holds up no other, and a login is not timed.
set -Eeuo pipefail
umask 0022

metrics=${PLIMSOLL_METRICS-/metrics}
run=${PLIMSOLL_RUN-/run/plimsoll}
secrets=${PLIMSOLL_SECRETS-/run/secrets}
every=${PLIMSOLL_EVERY-15}
# Seconds. A node that is frozen never answers: this much is what it is known to take.
limit=${PLIMSOLL_LIMIT-5}

# It reads a table, and writes nothing: an idle database's log would never rest.
statement='select count(*), pg_is_in_recovery() from pg_class;'
session=""
role=unknown
said=""

# One line as other services write theirs.
log() {
  local text=${1//[\"\\]/ }
  printf '{"level":"%s","msg":"%s","time":"%(%FT%TZ)T"}\n' "${2-info}" "${text//[[:cntrl:]]/ }" -1
}

# libpq reads passwords only from a file that is its user's alone; a secret's file is not.
write_passfile() {
  (umask 0077 && printf '*:*:*:monitoring:%s\n' "$(<"$secrets/postgres_monitoring_password")" >"$run/pgpass")
}

# $questions is open at both ends here, so that writing to it neither waits for psql nor fails once it is gone; but not
# in psql, which ends when this ends. Not over TLS: where a node has it, it is for a follower alone.
open_session() {
  rm -f "$run/$node.pipe"
  mkfifo "$run/$node.pipe"
  exec {questions}<>"$run/$node.pipe"
  exec {answers}< <(
    export LC_ALL=C PGPASSFILE=$run/pgpass PGAPPNAME=probe PGOPTIONS="-c statement_timeout=$((2 * limit))s"
    exec psql -XAtqw -v ON_ERROR_STOP=1 -c '\timing on' -f - \
      -d "host=$node dbname=postgres user=monitoring sslmode=disable" \
      <"$run/$node.pipe" 2>"$run/$node.error" {questions}>&-
  )
  session=$!
}

close_session() {
  kill "$session" 2>/dev/null || true
  wait "$session" 2>/dev/null || true
  exec {questions}>&- {answers}<&-
  session=""
}

# Sets $milliseconds, as psql's clock has them. Fails with 1 where there is no session, above 128 where no answer came.
ask() {
  local answer
  echo "$statement" >&"$questions"
  read -rt "$limit" -u "$answers" answer || return
  read -rt "$limit" -u "$answers" _ milliseconds _ || return
  case $answer in
    *'|t') role=replica ;;
    *'|f') role=primary ;;
  esac
}

# At once: node-exporter must not read half of it.
write_figures() {
  printf '%s\n' \
    "# HELP plimsoll_postgres_probe_seconds What a statement took that reads a table; where no answer came, $limit." \
    '# TYPE plimsoll_postgres_probe_seconds gauge' \
    "plimsoll_postgres_probe_seconds{node=\"$node\",role=\"$role\"} ${milliseconds}e-3" \
    '# HELP plimsoll_postgres_probe_timestamp_seconds When that was.' \
    '# TYPE plimsoll_postgres_probe_timestamp_seconds gauge' \
    "plimsoll_postgres_probe_timestamp_seconds{node=\"$node\"} $now" >"$metrics/.postgres-probe-$node.new" || return 1
  mv "$metrics/.postgres-probe-$node.new" "$metrics/postgres-probe-$node.prom"
}

# Once for each change.
say() {
  [[ $1 != "$said" ]] || return 0
  said=$1
  log "$node $1" "${2-info}"
}

round() {
  local code=0 milliseconds="" words level=warning now
  # The first answer of a session waited for the login too.
  if [[ -z $session ]]; then open_session && ask || code=$?; fi
  ((code != 0)) || ask || code=$?
  ((code == 0)) || close_session
  printf -v now '%(%s)T' -1
  # It was asked, whether or not its figures can be written: of a full disk others tell.
  echo "$now" >"$run/$node.last" || return 1
  if ((code == 0)); then
    words="answers, as $role" level=info
  elif ((code > 128)); then
    words="does not answer within $limit s"
    milliseconds=${limit}000
  else
    words="cannot be asked: $(head -n 1 "$run/$node.error")"
  fi
  # Of a node that is gone there is no figure: that it is gone, others tell.
  if [[ -z $milliseconds ]]; then
    rm -f "$metrics/postgres-probe-$node.prom"
  elif ! write_figures 2>/dev/null; then
    words+=", and its figures cannot be written" level=warning
  fi
  say "$words" "$level"
}

watch() {
  node=$1
  # Nothing ever comes from it: a wait that starts no program.
  exec {nothing}<> <(:)
  while :; do
    round || log "a round of $node failed" error
    read -rt "$every" -u "$nothing" _ || true
  done
}

forget() { rm -f "$metrics"/postgres-probe-*.prom; }

# No figure outlives the loops.
end() {
  local loops
  mapfile -t loops < <(jobs -p)
  kill "${loops[@]}" 2>/dev/null || true
  wait "${loops[@]}" 2>/dev/null || true
  forget
}

healthy() {
  local node last now
  printf -v now '%(%s)T' -1
  for node in $PLIMSOLL_NODES; do
    read -r last <"$run/$node.last" && ((now - last < 4 * every)) || return 1
  done
}

case "${1-run}" in
  run)
    mkdir -p "$run"
    # A node that is no more of the stack has no figure.
    forget
    write_passfile
    trap end EXIT
    trap 'exit 0' TERM INT
    for node in $PLIMSOLL_NODES; do watch "$node" & done
    # A loop that ended ends the service, or its last figure would stand.
    wait -n || true
    exit 1
    ;;
  healthy) healthy ;;
  *) exec "$@" ;;
esac
