# What is known of backups, as one line of JSON: pgBackRest's own words, the archive as ranges of segments, what
# verifications found, and what is at work.

# $1: a label to say more about, or nothing. A repository that cannot be read is said in `error`, in pgBackRest's words.
report() {
  local work part
  work=$(mktemp -d /tmp/report.XXXXXX)
  # shellcheck disable=SC2064 # the folder as it is now
  trap "rm -rf '$work'" EXIT
  for part in info set archives verified; do echo '[]' >"$work/$part"; done
  if words info --output=json >"$work/said" 2>"$work/error"; then
    mv "$work/said" "$work/info"
    archives <"$work/info" >"$work/said" 2>"$work/error" && jq -s . "$work/said" >"$work/archives" && : >"$work/error"
  fi
  if [[ -n $1 ]] && words info --set="$1" --output=json >"$work/said" 2>/dev/null; then mv "$work/said" "$work/set"; fi
  if verified | jq -s . >"$work/said" 2>/dev/null; then mv "$work/said" "$work/verified"; fi
  jq -cn --arg repositories "$(repositories)" --slurpfile info "$work/info" --slurpfile set "$work/set" --slurpfile archives "$work/archives" \
    --slurpfile verified "$work/verified" --rawfile error "$work/error" \
    --argjson backup "$(at_work backup)" --argjson verify "$(at_work verify)" '{
      now: (now | floor), repositories: ($repositories | split("\n") | map(split(" ") | {number: (.[0] | tonumber), kind: .[1]})),
      info: $info[0], set: $set[0], archives: $archives[0], verified: $verified[0],
      error: ($error | sub("\\s+$"; "") | split("\n") | last // ""), running: {backup: $backup, verify: $verify}
    }'
}

# What a wrong key makes of a name is bytes of any kind, which are no JSON.
as_json() { LC_ALL=C tr -d '\000-\037'; }

# pgBackRest with its answer alone on stdout, and its faults on stderr.
words() {
  if [[ " $* " == *" --output=json "* ]]; then
    pgbr --log-level-console=off --log-level-stderr=error "$@" | as_json
  else
    pgbr --log-level-console=off --log-level-stderr=error "$@"
  fi
}

# Held for a moment, which whoever begins just then waits for.
at_work() {
  if (flock -ns 9) 9>>"$run/$1.lock"; then echo false; else echo true; fi
}

verified() {
  local file
  for file in "$trial"/results/*.json; do
    if [[ -e $file ]]; then jq -c . "$file" 2>/dev/null || true; fi
  done
}

# From info on stdin: one object for each archive (there is another after an upgrade), of what all repositories have
# together: a recovery takes a segment from whichever has it. $1: of this repository alone. Fails where none answers.
archives() {
  local id work result=0
  work=$(mktemp -d /tmp/names.XXXXXX)
  for id in $(jq -r '[.[].archive[]?.id] | unique[]'); do
    archive_of "$id" "$work" "${1-}" || { result=1 && break; }
  done
  rm -rf "$work"
  return "$result"
}

archive_of() {
  local number answered=1
  : >"$2/segments"
  : >"$2/history"
  while read -r number _; do
    [[ ${3:-$number} == "$number" ]] || continue
    words --repo="$number" repo-ls --recurse --output=json "archive/$stanza/$1" >"$2/names" || continue
    answered=0
    segments <"$2/names" >>"$2/segments"
    history_of "$number" "$1" <"$2/names" >"$2/said" || continue
    (($(wc -c <"$2/said") <= $(wc -c <"$2/history"))) || cp "$2/said" "$2/history"
  done < <(repositories)
  ((answered == 0)) || return 1
  LC_ALL=C sort -u "$2/segments" | ranges |
    jq -cs --arg id "$1" --rawfile history "$2/history" '{id: $id, ranges: ., history: ($history | sub("\n+$"; ""))}'
}

# Lines of: name, seconds of the epoch, in the order of the log.
segments() {
  jq -r 'to_entries[] | select(.value.type == "file") | {name: (.key | split("/") | last), time: .value.time}
    | select(.name | test("^[0-9A-F]{24}-[0-9a-f]{40}")) | "\(.name[0:24]) \(.time)"' | LC_ALL=C sort -u
}

# Segments that follow each other become one line: an archive of months has some ten thousand.
ranges() {
  awk '
    function hex(text, value, at) {
      value = 0
      for (at = 1; at <= length(text); at++) value = value * 16 + index("0123456789ABCDEF", substr(text, at, 1)) - 1
      return value
    }
    function tell() {
      if (count > 0) printf "{\"first\":\"%s\",\"last\":\"%s\",\"count\":%d,\"from\":%d,\"to\":%d}\n", first, last, count, from, to
    }
    # As text: a name of digits alone would be compared as a number, and a large one has neighbours that are equal to it.
    $1 "" != last "" {
      position = hex(substr($1, 9, 8)) * 256 + hex(substr($1, 17, 8))
      if (count == 0 || substr($1, 1, 8) "" != substr(last, 1, 8) "" || position != before + 1) {
        tell()
        first = $1; from = $2; count = 0
      }
      last = $1; to = $2; before = position; count++
    }
    END { tell() }'
}

# Where the newest timeline left those before it: lines of timeline, LSN and reason. Nothing on the first one.
history_of() {
  local newest
  newest=$(jq -r '[keys[] | select(test("^[0-9A-F]{8}\\.history$"))] | max // empty')
  [[ -n $newest ]] || return 0
  words --repo="$1" repo-get "archive/$stanza/$2/$newest"
}

# The last segment of the newest timeline that has one, in the repository $1. $2: of these timelines alone.
archive_last() {
  words info --output=json | archives "$1" | jq -ers --arg of "${2-}" \
    '($of | split(" ")) as $of | [.[].ranges[].last | select($of == [] or (.[0:8] | IN($of[])))] | max // empty'
}

# Its position.
archive_end() {
  local last
  last=$(archive_last "$1") || return 1
  echo $((16#${last:8:8} * 256 + 16#${last:16:8}))
}
