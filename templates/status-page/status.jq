# How the application is, from Prometheus's answers. What is not known is null, and never taken for well.
def answer(text): (text | try fromjson catch null) as $all | if $all.status == "success" then $all.data.result else [] end;
def date: todateiso8601 | .[0:10];

(if $known then answer($figures) else [] end
  | map({key: .metric.figure, value: (.value[1] | tonumber? // null)}) | from_entries) as $now_is
| ($before[0] // {}) as $last
| (($midnight - 86400) | date) as $yesterday
# Days as they were last known. Once one is over it stays: Prometheus forgets sooner than this page shows, the half of a day first.
| ($last.days // [] | map(select(.answered != null) | {key: .date, value: .answered}) | from_entries) as $was
| (if $known
    then (answer($days) | map(.values // []) | add // [] | map({key: ((.[0] - 86400) | date), value: (.[1] | tonumber)}) | from_entries)
      + ($was | with_entries(select(.key < $yesterday)))
      + {($midnight | date): $now_is.today}
    else $was end) as $by_date
| [range($count - 1; -1; -1) | ($midnight - . * 86400) | date | {date: ., answered: ($by_date[.] // null)}] as $all
| ($all | map(.answered | select(. != null))) as $seen
| (if $now_is.maintenance == 1 then "maintenance"
    elif $now_is.answers == null then "unknown"
    elif $now_is.answers == 0 then "down"
    elif ($now_is.answered // 1) < 0.9
      or ($now_is.errors != null and $now_is.errors_limit != null and $now_is.errors > $now_is.errors_limit)
      or ($now_is.p95 != null and $now_is.p95_limit != null and $now_is.p95 > $now_is.p95_limit) then "degraded"
    else "operational" end) as $state
| {
    title: $title,
    state: $state,
    since: (if $last.state == $state then $last.since else null end // ($now | todateiso8601)),
    updated: ($now | todateiso8601),
    promised: ($now_is.promised // $last.promised),
    # Of the days that are known, each counting as one.
    answered: (if ($seen | length) > 0 then ($seen | add / length) else null end),
    days: $all
  }
