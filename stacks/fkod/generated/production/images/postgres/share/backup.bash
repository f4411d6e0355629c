# The steps of plimsoll-backup.

# One line as the scheduler writes its own.
log() {
  local level=${2-info} text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//[[:cntrl:]]/ }
  printf '{"level":"%s","msg":"%s","time":"%s"}\n' "$level" "$text" "$(date -u +%FT%TZ)"
}

prepare() {
  rm -f "$metrics"/.backup-postgres*
  mkdir -p "$run/pgbackrest"
  if [[ -r /run/secrets/backup_pgbackrest ]]; then
    ln -sf /run/secrets/backup_pgbackrest "$run/pgbackrest/secrets.conf"
  fi
  local password node
  password=$(<"/run/secrets/postgres_backup_password")
  password=${password//\\/\\\\}
  (umask 0077 && printf '*:*:*:backup:%s\n' "${password//:/\\:}" >"$PGPASSFILE")
  for node in $PLIMSOLL_NODES; do ln -sfn "/nodes/$node" "$home/$node"; done
  clear_left_over
}

# Who takes writes, and who follows it closely enough to be read in its place. A server knows its data directory by its
# node's name (see plimsoll-postgres), so that pgBackRest can tell the two apart; here that name is a link.
look_at_nodes() {
  local node role
  primary="" standby=""
  for node in $PLIMSOLL_NODES; do
    role=$(ask "$node" "select case when not pg_is_in_recovery() then 'primary'
      when pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) < 67108864 then 'standby' end") || continue
    case $role in primary) primary=$node ;; standby) standby=$node ;; esac
  done
  [[ -n $primary ]]
}

ask() {
  psql -XqAtw "host=/nodes/$1/run user=backup dbname=postgres connect_timeout=3" -c "$2" 2>/dev/null
}

pgbr() { pgbackrest --stanza="$stanza" "$@"; }

at_primary() { pgbr --pg1-path="$home/$primary/$PG_MAJOR/docker" --pg1-socket-path="/nodes/$primary/run" "$@"; }

# By checksum (--delta) and not by size and time, which are those at the primary, while the copy is the standby's. An index
# that was made between a backup's begin and its list of files may be in the standby's memory alone: what is copied then is
# empty. Recovery of that backup writes it again; the next differential one would take the empty copy over.
at_both() {
  at_primary --delta --pg2-path="$home/$standby/$PG_MAJOR/docker" --pg2-socket-path="/nodes/$standby/run" \
    --pg2-user=backup --pg2-database=postgres --backup-standby=prefer "$@"
}

# pgBackRest's number of each repository, and what kind it is: lines of "1 local".
repositories() { tr ' :' '\n ' <<<"${PLIMSOLL_REPOSITORIES:-1:local}"; }

# pgBackRest's lines as lines of the log: "P00   INFO: backup begins".
told() {
  local line level
  "$@" 2>&1 | while IFS= read -r line; do
    line=$(sed -E 's/^[0-9-]+ [0-9:.]+ (P[0-9]+) +/\1 /' <<<"$line")
    case $line in *" ERROR:"* | *" ASSERT:"*) level=error ;; *" WARN:"*) level=warning ;; *) level=info ;; esac
    log "$line" "$level"
  done
}

# After the first start, and after every other one: proves that the archive works before anybody relies on it.
first_backup() {
  until look_at_nodes; do sleep 1; done
  # Both look at all repositories, and fail for any.
  until told at_primary stanza-create && told at_primary check; do
    log "the repository is not usable yet: trying again in 5 seconds" warning
    ready_without || true
    mend_stanza
    sleep 5
    look_at_nodes || true
  done
  until every_repository_has_one; do
    backup "" missing || { ready_without || true; sleep 15; }
  done
  write_metrics || true
  touch "$run/ready"
}

# A bucket that is away keeps no deploy from its end where another repository opens and has a backup: the alerts tell of it,
# and what is missing is tried on. Where all of them open, what fails is the archive, and that is waited for.
ready_without() {
  local all
  [[ ! -e $run/ready ]] || return 0
  all=$(info 2>/dev/null) || return 1
  jq -e '[.[].repo[]? | select(.status.code == 99) | .key] as $closed
    | ($closed | length > 0) and any(.[].backup[]?; .error != true and ((.database."repo-key" // 1) as $number | $closed | index($number) | not))' \
    <<<"$all" >/dev/null || return 1
  log "one repository does not open, another has a backup: ready without it" warning
  write_metrics || true
  touch "$run/ready"
}

# A stanza whose making was cut short has its archive's half only, and pgBackRest will not go on from there. Without a
# single file of a backup there is nothing to lose: the archived segments lead to no backup.
mend_stanza() {
  local number backups
  while read -r number _; do
    [[ $(pgbackrest --repo="$number" repo-ls "archive/$stanza" 2>/dev/null) == *archive.info* ]] || continue
    backups=$(pgbackrest --repo="$number" repo-ls "backup/$stanza" 2>/dev/null) && [[ -z $backups ]] || continue
    log "the stanza was half made: making it anew" warning
    at_primary stop && told at_primary --repo="$number" stanza-delete --force || true
    at_primary start || true
  done < <(repositories)
}

info() { pgbr info --output=json | as_json; }

# $1: number of a repository; stdin: info.
any_in() { jq -e --argjson number "$1" 'any(.[].backup[]?; (.database."repo-key" // 1) == $number)' >/dev/null; }

# The good ones only: over a bad page pgBackRest makes a backup, ends with 0 and marks it.
backups_in() { jq --argjson number "$1" '[.[].backup[]? | select((.database."repo-key" // 1) == $number and .error != true)]'; }

# Also one over a bad page counts: another right after it would meet the page again. The schedule makes the next.
every_repository_has_one() {
  local number all
  all=$(info) || return 1
  while read -r number _; do
    any_in "$number" <<<"$all" || return 1
  done < <(repositories)
}

# $1: full, diff or incr; by age if empty. $2: `missing`: only where there is none yet. Each repository by itself: one
# that fails keeps no other from its backup.
backup() {
  # The scheduler does not overlap a job with itself; this keeps the first backup and one by hand apart from it too.
  exec 8>"$run/backup.lock"
  flock -w 2 8 || { log "another backup is running: this one is left out" warning; return "$busy"; }
  local number kind all failed=0 results="" other
  all=$(info) || all='[]'
  other=$(superseded_by) || other=""
  [[ -z $other ]] || log "another site took over, $other: no backup of this one goes into its repository" error
  while read -r number kind <&6; do
    if [[ ${2-} == missing ]] && any_in "$number" <<<"$all"; then continue; fi
    local result=0
    if [[ -n $other ]]; then result=1; else backup_into "$number" "$kind" "${1:-$(due_type "$number" "$all")}" || result=1; fi
    results+="$kind $result"$'\n'
    failed=$((failed | result))
  done 6< <(repositories)
  write_results "$results"
  write_metrics || true
  exec 8>&-
  return "$failed"
}

# Read from the standby where it is well, which spares the primary; else, or where that fails, from the primary.
backup_into() {
  local number=$1 kind=$2 type=$3 into="" result=0
  [[ $(repositories | wc -l) -eq 1 ]] || into=" into $kind"
  look_at_nodes || { log "no primary answers" error; return 1; }
  if [[ -n $standby ]]; then
    log "backup of $primary begins ($type)$into: read from $standby"
    told at_both --repo="$number" --type="$type" backup || result=$?
    ((result != 0)) || return 0
    look_at_nodes || { log "no primary answers" error; return 1; }
    log "it failed with $result: again, read from $primary" warning
  fi
  log "backup of $primary begins ($type)$into"
  told at_primary --repo="$number" --type="$type" backup
}

# By age, not by weekday: a full backup that was missed is made up for the next day.
due_type() {
  local full
  full=$(backups_in "$1" <<<"$2" | jq '[.[] | select(.type == "full") | .timestamp.stop] | max // 0') || full=0
  if (($(date +%s) - full > PLIMSOLL_FULL_EVERY - 7200)); then echo full; else echo diff; fi
}

# Written whole and then renamed: a reader never sees half a file.
publish() {
  local whole
  whole=$(mktemp "$metrics/.$1.XXXXXX")
  cat >"$whole"
  chmod 0644 "$whole"
  mv "$whole" "$metrics/$1"
}

# $1: lines of a kind of repository and 0 or 1. What stands of one that was left out this time stays.
write_results() {
  local kind result lines="" labels standing
  standing=$(cat "$metrics/backup-postgres-result.prom" 2>/dev/null) || standing=""
  while read -r _ kind; do
    labels="{what=\"postgres\",repository=\"$kind\"}"
    result=$(awk -v kind="$kind" '$1 == kind { print $2 }' <<<"$1")
    if [[ -n $result ]]; then
      lines+="plimsoll_backup_last_run_timestamp_seconds$labels $(date +%s)"$'\n'"plimsoll_backup_last_run_failed$labels $result"$'\n'
    else
      lines+=$(grep -F "$labels" <<<"$standing" || true)$'\n'
    fi
  done < <(repositories)
  {
    echo '# HELP plimsoll_backup_last_run_timestamp_seconds When a backup was last tried.'
    echo '# TYPE plimsoll_backup_last_run_timestamp_seconds gauge'
    grep '_timestamp_seconds{' <<<"$lines" || true
    echo '# HELP plimsoll_backup_last_run_failed 1 where the last try failed.'
    echo '# TYPE plimsoll_backup_last_run_failed gauge'
    grep '_failed{' <<<"$lines" || true
  } | publish backup-postgres-result.prom
}

write_metrics() {
  clear_left_over || true
  # Set whatever happens: a primary that goes away between two questions must not end who asks.
  local archived="" oldest="" waiting="" written="" all
  all=$(info 2>/dev/null) || all='[]'
  if look_at_nodes; then
    written=$(ask "$primary" 'select pg_walfile_name(pg_current_wal_lsn())') || written=""
    archived=$(ask "$primary" 'select extract(epoch from last_archived_time)::bigint from pg_stat_archiver') || archived=""
    # Segments that are done and not archived. Counted on disk: an archiver that hangs counts no failure.
    waiting=$(find "/nodes/$primary/$PG_MAJOR/docker/pg_wal/archive_status/" -name '*.ready' -printf '%T@\n' 2>/dev/null | sort -n)
    oldest=$(head -n 1 <<<"$waiting")
  fi
  {
    backup_figures <<<"$all"
    repository_figures "$written" <<<"$all"
    verify_figures
    echo '# HELP plimsoll_site_superseded 1 where another site took over and this one must serve nobody any more.'
    echo '# TYPE plimsoll_site_superseded gauge'
    echo "plimsoll_site_superseded $(if superseded_by >/dev/null; then echo 1; else echo 0; fi)"
    damage_figures <<<"$all"
    drill_figures
    follower_figures
    if [[ -n $archived ]]; then
      echo '# HELP plimsoll_archive_last_timestamp_seconds When a WAL segment last reached the repository.'
      echo '# TYPE plimsoll_archive_last_timestamp_seconds gauge'
      echo "plimsoll_archive_last_timestamp_seconds $archived"
    fi
    if [[ -n ${primary-} ]]; then
      echo '# HELP plimsoll_archive_waiting_segments WAL segments that are finished and not in the repository.'
      echo '# TYPE plimsoll_archive_waiting_segments gauge'
      echo "plimsoll_archive_waiting_segments $(grep -c . <<<"$waiting" || true)"
      echo '# HELP plimsoll_archive_waiting_bytes What they use of the disk of the database.'
      echo '# TYPE plimsoll_archive_waiting_bytes gauge'
      echo "plimsoll_archive_waiting_bytes $(($(grep -c . <<<"$waiting" || true) * 16777216))"
      echo '# HELP plimsoll_archive_waiting_seconds How long the oldest of them has waited; 0 without any.'
      echo '# TYPE plimsoll_archive_waiting_seconds gauge'
      if [[ -n $oldest ]]; then oldest=$(($(date +%s) - ${oldest%.*})); fi
      echo "plimsoll_archive_waiting_seconds ${oldest:-0}"
    fi
  } | publish backup-postgres.prom
}

# stdin: info. Nothing of a repository that cannot be read: that it holds no backup is not known then.
backup_figures() {
  jq -r --arg repositories "$(repositories)" '
    ($repositories | split("\n") | map(split(" ") | {key: .[0], value: .[1]}) | from_entries) as $kinds
    | [.[].repo[]? | select(.status.code == 99) | .key] as $closed
    | [.[].backup[]? | select(.error != true)] as $all
    | ($kinds | to_entries | map(select((.key | tonumber) as $number | $closed | index($number) | not)) | map({
        labels: "what=\"postgres\",repository=\"\(.value)\"", number: (.key | tonumber)
      } | . + {backups: [.number as $number | $all[] | select((.database."repo-key" // 1) == $number)]})) as $each
    | ($each | map(. as $one | .backups | group_by(.type) | map(max_by(.timestamp.stop)) | map({backup: ., labels: ($one.labels + ",type=\"\(.type)\"")})) | add // []) as $last
    | "# HELP plimsoll_backup_last_success_timestamp_seconds End of the newest good backup.",
      "# TYPE plimsoll_backup_last_success_timestamp_seconds gauge",
      ($last[] | "plimsoll_backup_last_success_timestamp_seconds{\(.labels)} \(.backup.timestamp.stop)"),
      "# HELP plimsoll_backup_duration_seconds How long the newest good backup took.",
      "# TYPE plimsoll_backup_duration_seconds gauge",
      ($last[] | "plimsoll_backup_duration_seconds{\(.labels)} \(.backup.timestamp | .stop - .start)"),
      "# HELP plimsoll_backup_size_bytes What the newest good backup restores to.",
      "# TYPE plimsoll_backup_size_bytes gauge",
      ($last[] | "plimsoll_backup_size_bytes{\(.labels)} \(.backup.info.size)"),
      "# HELP plimsoll_backup_count Good backups in the repository.",
      "# TYPE plimsoll_backup_count gauge",
      ($each[] | "plimsoll_backup_count{\(.labels)} \(.backups | length)"),
      "# HELP plimsoll_backup_oldest_timestamp_seconds How far back a restore can reach.",
      "# TYPE plimsoll_backup_oldest_timestamp_seconds gauge",
      ($each[] | select(.backups | length > 0) | "plimsoll_backup_oldest_timestamp_seconds{\(.labels)} \(.backups | map(.timestamp.stop) | min)")
  '
}

# stdin: info; $1: the segment that is being written. Each repository by itself: does it open, how far is it behind,
# how much does it hold.
repository_figures() {
  local all number kind last failed
  all=$(cat)
  echo '# HELP plimsoll_backup_repository_failed 1 where it cannot be read.'
  echo '# TYPE plimsoll_backup_repository_failed gauge'
  while read -r number kind; do
    failed=$(jq --argjson number "$number" '[.[].repo[]? | select(.key == $number) | .status.code] | if length == 1 and .[0] != 99 then 0 else 1 end' <<<"$all") || failed=1
    echo "plimsoll_backup_repository_failed{what=\"postgres\",repository=\"$kind\"} $failed"
  done < <(repositories)
  echo '# HELP plimsoll_archive_behind_segments Segments from the last in the repository to the one that is being written.'
  echo '# TYPE plimsoll_archive_behind_segments gauge'
  while read -r number kind; do
    last=$(jq -r --argjson number "$number" '[.[].archive[]? | select((.database."repo-key" // 1) == $number) | .max // empty] | max // empty' <<<"$all") || last=""
    [[ $last =~ ^[0-9A-F]{24}$ && $1 =~ ^[0-9A-F]{24}$ ]] || continue
    last=$(behind "$1" "$last") || continue
    echo "plimsoll_archive_behind_segments{repository=\"$kind\"} $last"
  done < <(repositories)
  echo '# HELP plimsoll_backup_repository_bytes What the repository holds.'
  echo '# TYPE plimsoll_backup_repository_bytes gauge'
  while read -r number kind; do
    last=$(repository_size "$number" "$kind") || last=""
    [[ -z $last ]] || echo "plimsoll_backup_repository_bytes{what=\"postgres\",repository=\"$kind\"} $last"
  done < <(repositories)
}

# behind WRITTEN LAST: segments of the primary's way that are finished and not in the repository. What another timeline left
# there, after a restore in place, is none of them. Fails where the way is not known.
behind() {
  local ways at left
  at=$(position_of "$2")
  if [[ ${1:0:8} != "${2:0:8}" ]]; then
    ways=$(stages "$primary" "${1:0:8}") || return 1
    # Where its own timeline was left; where the way does not lead over it, where the primary's begins.
    left=$(awk -v of="${2:0:8}" '{ last = $2 } $1 "" == of "" { found = $2 } END { print found == "" ? last : found }' <<<"$ways")
    # The segment in which it was left is the next timeline's.
    left=$((left / 16777216 - 1))
    if ((at > left)) || ! grep -q "^${2:0:8} " <<<"$ways"; then at=$left; fi
  fi
  at=$(($(position_of "$1") - at - 1))
  echo $((at > 0 ? at : 0))
}

# stages NODE TIMELINE: lines of each timeline on the way to it (eight digits), and of the byte of the log where it was left
# for the next, as the node's own history file has it. Fails where that is not there.
stages() {
  local left place
  [[ $2 != 00000001 ]] || return 0
  [[ -r ${nodes:-/nodes}/$1/$PG_MAJOR/docker/pg_wal/$2.history ]] || return 1
  while read -r left place _; do
    [[ $left =~ ^[0-9]+$ && $place =~ ^[0-9A-F]+/[0-9A-F]+$ ]] || continue
    printf '%08X %d\n' "$left" "$(((16#${place%/*} << 32) + 16#${place#*/}))"
  done <"${nodes:-/nodes}/$1/$PG_MAJOR/docker/pg_wal/$2.history"
}

position_of() { echo $((16#${1:8:8} * 256 + 16#${1:16:8})); }

# A bucket is listed at most once an hour: it is paid for by the request.
repository_size() {
  local file="$run/size-$1"
  if [[ $2 == local ]]; then
    [[ -d /var/lib/pgbackrest/archive ]] || return 0
    du -sb /var/lib/pgbackrest | cut -f 1
    return
  fi
  if [[ -z $(find "$file" -mmin -60 2>/dev/null) ]]; then
    pgbackrest --repo="$1" --log-level-console=off repo-ls --recurse --output=json 2>/dev/null |
      jq '[.[] | .size // 0] | add // 0' >"$file.new" && mv "$file.new" "$file" || return 1
  fi
  cat "$file"
}
