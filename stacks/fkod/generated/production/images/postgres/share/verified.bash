# What is known of a verification while it runs, and what is kept of it.

# note [jq's options] FILTER: a change of what is known of the one that runs.
note() {
  local whole
  whole=$(mktemp "$trial/.running.XXXXXX")
  jq -c "$@" "$trial/running.json" >"$whole" && mv "$whole" "$trial/running.json"
}

failed() {
  local said=${1//[[:cntrl:]]/ }
  log "not proven: $said" error
  note --arg said "${said:0:1000}" '.outcome = "failed" | .said = $said'
  return 1
}

# Nothing was found out about the backup: that a repository does not open has an alert of its own.
untold() {
  local said=${1//[[:cntrl:]]/ }
  log "not verified: $said" error
  note --arg said "${said:0:1000}" '.said = $said'
}

# Kept by label as long as there is such a backup. One that was ended half way says nothing about the backup; one that
# is not the newest nothing about today's.
conclude() {
  local result label good newest
  [[ -s $trial/running.json ]] || return 0
  result=$(jq -c --argjson now "$(date +%s)" '.finished = $now | .seconds = ($now - .started)' "$trial/running.json") ||
    result=""
  rm -f "$trial/running.json"
  [[ -n $result ]] || return 0
  mkdir -p "$trial/results"
  label=$(jq -r '.label // empty' <<<"$result")
  if [[ -n $label ]]; then keep "$trial/results/$label.json" "$result"; fi
  if jq -e '.newest and .outcome != "unfinished"' <<<"$result" >/dev/null; then
    newest=$trial/$(jq -r '"newest" + (if (.repository // 1) == 1 then "" else "-\(.repository)" end) + ".json"' <<<"$result")
    good=$(jq --argjson one "$result" 'select((.kind // $one.kind) == $one.kind) | .succeeded // empty' "$newest" 2>/dev/null) || good=""
    keep "$newest" "$(jq -c --argjson good "${good:-null}" \
      '.succeeded = (if .outcome == "passed" then .finished else $good end)' <<<"$result")"
    keep_drill "$result" || true
  fi
  forget_expired
}

keep() {
  local whole
  whole=$(mktemp "$trial/.kept.XXXXXX")
  printf '%s\n' "$2" >"$whole"
  mv "$whole" "$1"
}

forget_expired() {
  local have file label
  have=$(words info --output=json 2>/dev/null | jq -r '.[].backup[]?.label') && [[ -n $have ]] || return 0
  for file in "$trial"/results/*.json; do
    label=${file##*/}
    if [[ -e $file ]] && ! grep -qxF -- "${label%.json}" <<<"$have"; then rm -f "$file"; fi
  done
}

verify_figures() {
  local files=("$trial"/newest*.json)
  [[ -s ${files[0]} ]] || return 0
  jq -rs --arg repositories "$(repositories)" '
    ($repositories | split("\n") | map(split(" ") | {key: .[0], value: .[1]}) | from_entries) as $kinds
    # What is left of a repository that is none any more, or is another by now, is not said of this one.
    | map(select($kinds[.repository // 1 | tostring] as $kind | $kind != null and (.kind // $kind) == $kind))
    | map(. + {labels: ("what=\"postgres\"" + if ($kinds | length) > 1 then ",repository=\"\($kinds[.repository // 1 | tostring])\"" else "" end)})
    | . as $all
    | if length == 0 then empty else . end
    | def figure($name; $help; value):
        "# HELP plimsoll_backup_verify_\($name) \($help)", "# TYPE plimsoll_backup_verify_\($name) gauge",
        ($all[] | "plimsoll_backup_verify_\($name){\(.labels)} \(value)");
    figure("last_run_timestamp_seconds"; "When the newest backup was last restored to prove it."; .finished),
    figure("last_run_failed"; "1 where that failed."; if .outcome == "passed" then 0 else 1 end),
    figure("seconds"; "How long it took."; .seconds),
    "# HELP plimsoll_backup_verify_label_info Which backup it was.", "# TYPE plimsoll_backup_verify_label_info gauge",
    ($all[] | "plimsoll_backup_verify_label_info{\(.labels),label=\"\(.label // "")\"} 1"),
    if any($all[]; .succeeded) then figure("last_success_timestamp_seconds"; "When a backup was last proven."; .succeeded // empty) else empty end
  ' "${files[@]}"
}
