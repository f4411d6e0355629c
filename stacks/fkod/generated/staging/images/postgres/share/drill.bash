# What a drill measures here, and what is kept of drills. The daily proof restores what a drill would restore: so it is
# the restore drill of the schedule, and leaves a report as the one by hand does.
#   /trial/drills/ID.json   reports of the schedule, the latest of them
#   /trial/drills/since     when a drill could first have been held

drill_asked=/etc/plimsoll-backup/checks.json

# What a loss of the host would lose at this moment, as one line of JSON. Looks, and changes nothing: a segment that was
# ended for it would save what it is to count.
at_risk() (
  local segment survivor work end now current bytes saved=null lost written ways left
  find_writer || { echo "no primary answers" >&2; exit 1; }
  survivor=$(outlives_host)
  written=$(ask "$primary" 'select pg_walfile_name(pg_current_wal_lsn())') && [[ $written =~ ^[0-9A-F]{24}$ ]] ||
    { echo "$primary does not answer" >&2; exit 1; }
  # What a restore in place took back may be archived further than what came after it: it saves nothing of that.
  ways=$(stages "$primary" "${written:0:8}") || { echo "$primary does not have the history of its timeline" >&2; exit 1; }
  segment=$(archive_last "$survivor" "$(cut -d ' ' -f 1 <<<"$ways" | tr '\n' ' ')${written:0:8}") || { echo "the archive is empty, or cannot be listed" >&2; exit 1; }
  work=$(mktemp -d /tmp/risk.XXXXXX)
  # shellcheck disable=SC2064 # the folder as it is now
  trap "rm -rf '$work'" EXIT
  end=$(((16#${segment:8:8} << 32) + ((16#${segment:16:8} + 1) << 24)))
  left=$(awk -v of="${segment:0:8}" '$1 "" == of "" { print $2 }' <<<"$ways")
  if [[ -n $left ]] && ((left < end)); then
    end=$left
    segment=${segment:0:8}$(printf '%08X%08X' $((end - 1 >> 32)) $(((end - 1 & 0xFFFFFFFF) >> 24)))
  fi
  lost=$(waiting_commits "$segment" | awk -v end="$end" "$HEX"'
    { at = hex($1) * 4294967296 + hex($2) }
    # One that reaches into the next segment is not whole in the repository.
    at + $3 > end { count++; last = $4 " " $5; if (count == 1) first = last }
    END { printf "%d|%s|%s", count, first, last }')
  now=$(date +%s.%3N)
  current=$(ask "$primary" "select greatest(0, pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0') - $end)::bigint") || current=""
  bytes=${current:-null}
  saved=$(saved_commit "$segment" "$work" "$survivor" "$end")
  jq -cn --argjson now "$now" --arg segment "$segment" --argjson saved "${saved:-null}" \
    --argjson commits "${lost%%|*}" --argjson bytes "$bytes" \
    --argjson first "$(epoch "$(cut -d '|' -f 2 <<<"$lost")")" --argjson last "$(epoch "${lost##*|}")" '{
      now: $now, segment: $segment, saved: $saved,
      lost: {commits: $commits, bytes: $bytes, first: $first, last: $last},
      seconds: (if $first == null then 0 else ([0, $now - $first] | max * 1000 | round / 1000) end)
    }'
)

nodes=${nodes:-/nodes}

# The number of the repository that a loss of the host leaves: the bucket where there is one.
outlives_host() { repositories | awk '$2 == "s3" { s3 = $1 } NR == 1 { first = $1 } END { print s3 == "" ? first : s3 }'; }

find_writer() {
  for primary in $PLIMSOLL_NODES; do
    if [[ $(ask "$primary" 'select pg_is_in_recovery()') == f ]]; then return; fi
  done
  return 1
}

HEX='function hex(text, value, at) {
  value = 0
  for (at = 1; at <= length(text); at++) value = value * 16 + index("0123456789ABCDEF", substr(text, at, 1)) - 1
  return value
}'

# Seconds of the epoch, or null.
epoch() { if [[ -n $1 ]]; then date -d "$1 UTC" +%s.%3N; else echo null; fi; }

# commits FOLDER FIRST LAST: lines of position (two words), length and time (two words) of every commit in these segments.
# The log that is being written ends in the middle, which pg_waldump calls an error.
commits() {
  { pg_waldump --rmgr=Transaction -p "$1" "$2" "$3" 2>/dev/null || true; } | sed -nE \
    's|.*len \(rec/tot\): *[0-9]+/ *([0-9]+),.* lsn: ([0-9A-F]+)/([0-9A-F]+),.* desc: COMMIT.*([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+) UTC.*|\2 \3 \1 \4|p'
}

# Of the primary's own log, from the archive's last segment on. Where a promotion lies between, one timeline after the
# other.
waiting_commits() {
  local folder=$nodes/$primary/$PG_MAJOR/docker/pg_wal name first="" last=""
  while read -r name; do
    if [[ -n $first && ${name:0:8} != "${last:0:8}" ]]; then
      commits "$folder" "$first" "$last"
      first=""
    fi
    first=${first:-$name} last=$name
  done < <(find "$folder" -maxdepth 1 -type f -printf '%f\n' | grep -E '^[0-9A-F]{24}$' |
    # Of a segment that two timelines have the newer one's: it holds what both share.
    LC_ALL=C sort -k 1.9,1.24 -k 1.1,1.8 | awk -v from="${1:8}" '
      substr($0, 9) "" < from "" { next }
      substr($0, 9) "" != place "" { if (held != "") print held }
      { held = $0; place = substr($0, 9) }
      END { if (held != "") print held }')
  [[ -z $first ]] || commits "$folder" "$first" "$last"
}

# saved_commit SEGMENT FOLDER REPOSITORY END: when the last transaction that the repository holds was committed; nothing where its last
# four segments hold none. Fetched from the repository: that it is listed would prove less.
saved_commit() {
  local segment=$1 tries at
  for ((tries = 0; tries < 4; tries++)); do
    pgbr --pg1-path="$nodes/$primary/$PG_MAJOR/docker" --repo="$3" --no-archive-async --log-level-console=off archive-get "$segment" "$2/$segment" >/dev/null 2>&1 || return 0
    at=$(commits "$2" "$segment" "$segment" | awk -v end="$4" "$HEX"' hex($1) * 4294967296 + hex($2) < end' | tail -n 1 | cut -d ' ' -f 4-)
    rm -f "$2/$segment"
    if [[ -n $at ]]; then epoch "$at" && return 0; fi
    at=$((16#${segment:8:8} * 256 + 16#${segment:16:8} - 1))
    segment=${segment:0:8}$(printf '%08X%08X' $((at / 256)) $((at % 256)))
  done
}

# timed NAME COMMAND…: how long a step of a verification took is noted, also of one that fails.
timed() {
  local name=$1 began=${EPOCHREALTIME/[.,]/} result=0
  shift
  "$@" || result=$?
  note --arg name "$name" --argjson took "$((${EPOCHREALTIME/[.,]/} - began))" \
    '.steps += [{name: $name, seconds: ($took / 1000 | round / 1000)}]'
  return "$result"
}

# keep_drill RESULT: the report of the drill that a verification was, and its figures.
keep_drill() {
  local report id
  report=$(drill_report "$1") || return 0
  id=$(jq -r .id <<<"$report")
  mkdir -p "$trial/drills"
  keep "$trial/drills/$id.json" "$report"
  find "$trial/drills" -name '*-restore.json' -printf '%f\n' | LC_ALL=C sort -r | tail -n +61 |
    while IFS= read -r id; do rm -f "$trial/drills/$id"; done
  drilled <<<"$report" || true
}

# operator/drill/report.ts has the form, and says what each word means.
drill_report() {
  local asked=$drill_asked backup by="the schedule"
  [[ -r $asked ]] || return 1
  backup=$(words info --output=json 2>/dev/null | jq -c --arg wanted "$(jq -r '.label // ""' <<<"$1")" '
    [.[].backup[]? | select(.label == $wanted)][0] | if . == null then null else
      {"label": .label, kind: .type, size: .info.size, stored: .info.repository.delta, finished: .timestamp.stop, wal: .archive} end') ||
    backup=null
  # Only by hand it is told where it is left out.
  if ((busy != 0)); then by="plimsoll backup verify"; fi
  jq -ce --slurpfile asked "$asked" --argjson backup "${backup:-null}" --arg by "$by" \
    --arg postgres "$(postgres --version | grep -oE '[0-9]+[.0-9]*' | head -n 1)" \
    --arg pgbackrest "$(pgbackrest version | grep -oE '[0-9]+[.0-9]*' | head -n 1)" '
    ($asked[0].objectives // halt_error) as $objectives
    | (.steps // [] | map(. + {rto: (.name == "restore" or .name == "recovery")})) as $steps
    | (if .recovered_to == null and .lsn == null then null else ([$steps[] | select(.rto) | .seconds] | add) end) as $rto
    | (.risk.seconds? // null) as $rpo
    | def measure($objective; $found): {objective: $objective, measured: $found, met: (if $found == null then null else $found <= $objective end)};
    measure($objectives.rto; $rto) as $rto | measure($objectives.rpo; $rpo) as $rpo
    | {
      version: 1, id: "\(.started | strftime("%Y%m%dT%H%M%SZ"))-restore", kind: "restore",
      how: "the verification of the newest backup, in the sidecar",
      stack: $asked[0].stack, environment: $asked[0].environment, by: $by, release: null,
      began: .started, seconds,
      outcome: (if .outcome == "passed" and $rto.met == true and $rpo.met == true then "passed" else "failed" end),
      versions: {PostgreSQL: $postgres, pgBackRest: $pgbackrest},
      backup: $backup, risk: (.risk // null), reached: (.recovered_to // null), size: (.size // null),
      steps: $steps, rto: $rto, rpo: $rpo, checks: (.checks // []), tables: [], legs: [],
      faults: (if .outcome == "passed" then [] else [.said] end),
      notes: [
        "The server that recovered it ran without fsync: on a disk that is slow to write, one that keeps its data takes longer.",
        (select(.risk == null) | "What was at risk could not be found out: no primary answered, or the archive is empty.")
      ]
    }' <<<"$1"
}

# A report on stdin becomes the figures of its kind.
drilled() {
  local report kind
  report=$(jq -ce 'select(.version == 1)') || { echo "no report of a drill" >&2; return 2; }
  kind=$(jq -r .kind <<<"$report")
  [[ $kind =~ ^(restore|failover|disaster)$ ]] || { echo "no kind of drill: $kind" >&2; return 2; }
  jq -r '
    def figure($name; $help; $value):
      "# HELP plimsoll_drill_\($name) \($help)", "# TYPE plimsoll_drill_\($name) gauge",
      "plimsoll_drill_\($name){kind=\"\(.kind)\"} \($value)";
    figure("last_timestamp_seconds"; "When the last drill of its kind ended."; .began + .seconds),
    figure("last_failed"; "1 where it failed, or missed an objective."; if .outcome == "passed" then 0 else 1 end),
    (select(.rto.measured != null) | figure("rto_seconds"; "How long the service would have been down."; .rto.measured)),
    (select(.rpo.measured != null) | figure("rpo_seconds"; "How much a loss would have lost."; .rpo.measured))
  ' <<<"$report" | publish "drill-$kind.prom"
}

drills() {
  local file
  for file in "$trial"/drills/*.json; do
    if [[ -e $file ]]; then jq -c . "$file" 2>/dev/null || true; fi
  done
}

# A kind that was never held is overdue, too: counted from here.
drill_figures() {
  [[ -s $trial/drills/since ]] || { mkdir -p "$trial/drills" && keep "$trial/drills/since" "$(date +%s)"; }
  echo '# HELP plimsoll_drill_since_timestamp_seconds When a drill could first have been held.'
  echo '# TYPE plimsoll_drill_since_timestamp_seconds gauge'
  echo "plimsoll_drill_since_timestamp_seconds $(<"$trial/drills/since")"
}
