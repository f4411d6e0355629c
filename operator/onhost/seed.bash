# shellcheck shell=bash
# Volumes of a stack that comes back on a new host, filled from its repository before anything starts. What is to be
# filled stands in the release's file `seed`, a line each: postgres NODE DATA-DIRECTORY, files WHAT VOLUME, or later WHAT, of which it only tells.
# What is done is seen in the volumes, so that a second run goes on.

# with_seed FUNCTION…: with the release's file seed.yaml laid over its services, where it has one. In a drill only these
# services reach the bucket, and only now.
with_seed() {
  local plain=("${COMPOSE[@]}") code=0
  [[ ! -s $WORK/seed.yaml ]] || COMPOSE+=(-f "$WORK/seed.yaml")
  "$@" || code=$?
  COMPOSE=("${plain[@]}")
  return "$code"
}

step_seed() {
  local kind name more done=()
  end_followers || return 1
  # An empty volume takes owner and mode from the image of the service that it is made for, so those come first.
  c up --no-start --no-build --quiet-pull "${WANTED[@]}" >/dev/null || fault "the containers cannot be made: $(said)" || return 1
  while read -r kind name more; do
    case $kind in
      postgres) seed_postgres "$name" "$more" || return 1 ;;
      files) seed_files "$name" "$more" || return 1 ;;
      later)
        note "$name comes back once all serves, and by a command: plimsoll restore … --files $name --to 'TIME OF THE LOSS'"
        continue
        ;;
      *) continue ;;
    esac
    done+=("$name")
  done <"$WORK/seed"
  DETAIL="from the repository: ${done[*]}"
}

# Images of the application that are in no registry come out of the backups; of them the sidecar's own comes first.
step_kept_images() {
  local name image got=()
  declare -A seen
  DETAIL='none is kept with the backups'
  read_services || fault "Compose refuses the release's files: $(said)" || return 1
  [[ -n ${W_IMAGE[$BUNDLE_SERVICE]-} ]] || return 0
  for name in "${SERVERS[@]}" "${PROCESSES[@]}"; do
    image=${W_IMAGE[$name]-}
    [[ ${W_BUILT[$name]-} == 1 && -z ${W_ID[$name]-} && -z ${seen[$image]-} ]] || continue
    seen[$image]=1
    get_sidecar || return 1
    note "$image comes out of the backups"
    if docker "${COMPOSE[@]}" run --rm --no-deps -T --quiet-pull "$BUNDLE_SERVICE" image-get "$image" </dev/null 2>"$ERR" |
      docker load >/dev/null 2>>"$ERR"; then
      got+=("$image")
    else
      note "$image does not: $(said | tail -n 2). It is built or pulled instead"
    fi
  done
  ((${#got[@]} == 0)) || DETAIL="${got[*]}"
}

get_sidecar() {
  [[ -z ${W_ID[$BUNDLE_SERVICE]} ]] || return 0
  requires_room || return 1
  if [[ ${W_BUILT[$BUNDLE_SERVICE]} == 1 ]]; then
    get_images build "$BUNDLE_SERVICE" || fault "cannot be built: $(why_not_built)" || return 1
  else
    get_images pull --quiet "$BUNDLE_SERVICE" || fault "cannot be pulled: $(said)" || return 1
  fi
  read_images
}

# A volume of files, out of the newest backup of it. One without a backup stays empty: its service begins anew.
seed_files() {
  local what=$1 volume=$2 clean='' begun=$STATE/seed
  mkdir -p -- "$begun"
  [[ ! -e $begun/$what.done ]] || return 0
  # Nobody has written there but a try that was cut short.
  [[ ! -e $begun/$what.begun ]] || clean='find /volume -mindepth 1 -delete'
  cat >"$TMP/seed.yaml" <<YAML
services:
  $BUNDLE_SERVICE:
    user: "0:0"
    cap_add: [CHOWN, DAC_OVERRIDE, FOWNER]
    volumes: [{ type: volume, source: "$volume", target: /volume }]
YAML
  put "$begun/$what.begun" "$volume"
  if docker "${COMPOSE[@]}" -f "$TMP/seed.yaml" run --rm --no-deps -T --quiet-pull "$BUNDLE_SERVICE" \
    bash -euc "$clean"$'\n''exec plimsoll-backup-files volume fill "$1" "$2" latest' seed "$what" "$volume" </dev/null >"$ERR" 2>&1; then
    note "$what: $(said | grep -m 1 -oE 'snapshot .*' || echo filled)"
  elif grep -q 'there is no backup latest' "$ERR"; then
    note "$what: no backup of it is there, and it begins anew"
  else
    fault "the volume of $what cannot be filled: $(said)" || return 1
  fi
  put "$begun/$what.done" "$volume"
}

# has_file ID PATH: in a volume of the container, which need not run.
has_file() { docker cp "$1:$2" - >/dev/null 2>&1; }

# lines_of ID PATH: what is in it there.
lines_of() { docker cp "$1:$2" - 2>/dev/null | tar -xOf - 2>/dev/null; }

# Which activation this is. A volume may outlive its host's folder, and an earlier activation's data are old ones.
activation_id() { sed -nE 's/.*"id": *"([A-Za-z0-9]+)".*/\1/p' "$STATE/recovery.json" 2>/dev/null | head -n 1; }

# What recover.bash reads there and writes has the activation in it: only its own is gone on with.
seed_postgres() {
  local node=$1 data=$2 id activation volume=/var/lib/postgresql marker=$TMP/recover
  id=$(container_of "$node")
  [[ -n $id ]] || fault "$node has no container" || return 1
  activation=$(activation_id)
  [[ -n $activation ]] || fault "$STATE/recovery.json does not say which activation this is" || return 1
  if [[ $(lines_of "$id" "$volume/recovered" | sed -n 2p) != "$activation" && $(lines_of "$id" "$volume/recover") != "$activation" ]]; then
    has_file "$id" "$volume/follow" || ! has_file "$id" "$data/PG_VERSION" ||
      fault "the volume of $node holds a database already, which is none of this recovery: nothing was written over it" || return 1
    printf '%s\n' "$activation" >"$marker"
    d cp "$marker" "$id:$volume/recover" >/dev/null && has_file "$id" "$volume/recover" ||
      fault "the volume of $node cannot be written: $(said)" || return 1
  fi
  d start "$id" >/dev/null || fault "$node cannot be started: $(said)" || return 1
  arrive_recovered "$node" "$id" "$data" || return 1
  as_expected "$node" "$id" "$data" || return 1
  keep_recovered "$node"
}

# No deadline: a big database takes hours. It ends where the node ends again and again.
arrive_recovered() {
  local node=$1 id=$2 data=$3 told=0 state health restarts first='' next=$((SECONDS + 30)) since lines line
  since=$(started_at "$node")
  while :; do
    read -r state health restarts < <(d container inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.RestartCount}}' "$id") ||
      fault "$node went away: $(said)" || return 1
    : "${first:=$restarts}"
    mapfile -t lines < <(docker logs --since "$since" "$id" 2>&1 | sed -nE 's/.*"backend_type":"plimsoll","message":"(.*)"\}$/\1/p')
    for (( ; told < ${#lines[@]}; told++)); do
      line=${lines[told]}
      note "$node: $line"
    done
    [[ $state:$health != running:healthy ]] || return 0
    ((restarts - first < 3)) || fault "$node does not come out of the repository: $line"$'\n'"$(logs_of "$node")" || return 1
    if ((SECONDS >= next)); then
      next=$((SECONDS + 30))
      note "$node: $(docker exec "$id" du -sh "$data" 2>/dev/null | cut -f 1) there"
      # A copy that is to follow, and cannot: it waits for a person.
      [[ ! -s $WORK/follow ]] || ! has_file "$id" /var/lib/postgresql/follow.left ||
        fault "$node does not follow: $line" || return 1
    fi
    sleep 0.3
  done
}

# How far it goes, once and for good: after the server's next start it says nothing of its recovery any more.
keep_recovered() {
  local node=$1 reached set before
  [[ ! -s $STATE/recovered ]] || return 0
  whole_recovered "$node" || return 1
  reached=$(sql "$node" "select coalesce(extract(epoch from pg_last_xact_replay_timestamp())::text, '-') || ' ' || ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int || ' ' || (select sum(pg_database_size(oid)) from pg_database)") ||
    fault "$node does not say how far it goes: $(said)" || return 1
  # One that followed before had it all when it was told to open: nothing was replayed then.
  before=$(docker exec "$(container_of "$node")" cat /var/lib/postgresql/recovered.replayed 2>/dev/null) || before=''
  if [[ $reached == -* && -n $before ]]; then reached=$before${reached#-}; fi
  set=$(docker exec "$(container_of "$node")" head -n 1 /var/lib/postgresql/recovered 2>/dev/null) || set=-
  put "$STATE/recovered" "$reached ${set// /_}"
  if [[ $reached == -* ]]; then
    note "$node: no transaction was committed after the backup: its end is as far as the database goes"
  else
    note "$node: the last transaction was committed at $(date -u -d "@${reached%% *}" +'%F %T UTC' 2>/dev/null || echo "${reached%% *}")"
  fi
}

# Did the recovery come to the end that the archive had when it began? Where it opened before, what came after is no
# longer replayed by anybody: that is said before anything serves, and a person decides.
whole_recovered() {
  local node=$1 id end left ways
  id=$(container_of "$node")
  ways="To try again: an empty host. To serve with what is there: docker cp of an empty file to $id:/var/lib/postgresql/recovered.end, then run this again"
  end=$(docker exec "$id" cat /var/lib/postgresql/recovered.end 2>/dev/null) || end=''
  if [[ ! $end =~ ^[0-9A-F]{24}$ ]]; then
    note "$node: where the archive ended is not known, or a person put it aside: nothing is compared with it"
    return 0
  fi
  left=$(sql "$node" "select $((16#${end:8:8} * 256 + 16#${end:16:8})) - floor((pg_last_wal_replay_lsn() - '0/1'::pg_lsn) / 16777216)") ||
    fault "$node does not say where its recovery ended: $(said)" || return 1
  # A server that was started again since knows nothing of it, and that is no yes.
  [[ $left =~ ^-?[0-9]+$ ]] ||
    fault "$node no longer knows where its recovery ended, since it was started again: whether it has all of the archive, to $end, is not known. $ways" || return 1
  ((left > 0)) || return 0
  fault "the recovery of $node ended before the archive does (segments left: $left, the last is $end): what is in them is not in the database. $ways" || return 1
}

# Of a site that was closed before it was left: is everything here that was acknowledged there? The release's file `expected`
# has the timeline and the end of its log: the new timeline must have parted from that one, and no earlier.
as_expected() {
  local node=$1 id=$2 data=$3 timeline end now parted
  [[ -s $WORK/expected ]] || return 0
  read -r timeline end <"$WORK/expected"
  now=$(sql "$node" "select left(pg_walfile_name(pg_current_wal_lsn()), 8)") || fault "$node does not say on which timeline it is: $(said)" || return 1
  parted=$(docker exec "$id" cat "$data/pg_wal/$now.history" 2>/dev/null | awk -v of="$timeline" '$1 == of { at = $2 } END { print at }') || parted=''
  [[ -n $parted && $(sql "$node" "select '$parted'::pg_lsn >= '$end'::pg_lsn") == t ]] ||
    fault "the recovery of $node ended at ${parted:-another timeline} ($now), and the site before wrote until $end on timeline $timeline: something that was acknowledged is not there. Nothing serves here" || return 1
  put "$STATE/arrived" "$timeline $end $parted"
  note "$node: all of the log of the site before is there, to $end on timeline $timeline"
}
