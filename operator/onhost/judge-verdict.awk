# The judge's verdict: each trigger over its window, beside the old version. After judge-figures.awk.

# ---- the verdict --------------------------------------------------------------------------------------------------

END {
  if (!edge) bounds = split(was_bounds, bound, " ")
  differences()
  if (task == "baseline") { write_baseline(); exit }
  if (task != "begin") judge()
  leave()
}

# The least of the latest looks that make up the window and enough requests; then all of the watch.
function judge(    i, j, seconds, name) {
  read_baseline()
  for (j = 3; j <= FIELDS + 2 * bounds; j++) sum[j] = 0
  seconds = 0; db_looks = 0; win_looks = 0
  for (i = looks; i >= 1; i--) {
    if (seconds >= window - 0.001 && sum[3] >= samples) break
    seconds += look[i, 2]; win_looks++
    for (j = 3; j <= FIELDS + 2 * bounds; j++) sum[j] += look[i, j]
    if (look[i, 6] > 0) db_looks++
  }
  first_needed = i + 1
  # The window itself, however few requests came in it.
  busy = 0; busy_of = 0; seconds_of = 0
  for (i = looks; i >= 1 && seconds_of < window - 0.001; i--) { seconds_of += look[i, 2]; busy += look[i, 13]; busy_of += look[i, 14] }
  span = seconds
  worst_of_window(first_needed)
  old_figures()
  new_p95 = quantile(FIELDS); old_p95 = has_baseline ? base_p95 : quantile(FIELDS + bounds)
  state = "ok"
  watch_down(); watch_errors("window"); watch_p95("window")
  watch_ready(); watch_db(); watch_memory(); watch_cpu()
  # A little worse, but for long: what one window cannot tell from chance, the whole watch can.
  if (state != "fired" && now - began >= window && total[3] >= samples && total[3] > sum[3]) {
    for (j = 3; j <= FIELDS + 2 * bounds; j++) sum[j] = total[j]
    span = now - began
    worst["errors"] = total["worst_errors"]; worst["errors_of"] = total["worst_errors_of"]
    worst["slow"] = total["worst_slow"]; worst["slow_of"] = total["worst_slow_of"]
    old_figures()
    new_p95 = quantile(FIELDS); old_p95 = has_baseline ? base_p95 : quantile(FIELDS + bounds)
    watch_errors("whole"); watch_p95("whole")
  }
  if (state == "ok" && total[3] < samples) state = "few"
  print "state " state
  if (reason != "") print "reason " reason
  if (note != "") print "note " note
  print "count samples " precise(total[3] + 0)
  print "count harmed " precise(total[4] + 0)
  print "count blind " (edge ? 0 : 1)
}

function worst_of_window(from,    i) {
  worst["errors"] = 0; worst["errors_of"] = 0; worst["slow"] = 0; worst["slow_of"] = 0
  for (i = from; i <= looks; i++) {
    if (look[i, 4] > worst["errors"]) { worst["errors"] = look[i, 4]; worst["errors_of"] = look[i, 3] }
    if (look[i, 5] > worst["slow"]) { worst["slow"] = look[i, 5]; worst["slow_of"] = look[i, 3] }
  }
}

function old_figures() {
  if (has_baseline) { o_requests = base_requests; o_errors = base_errors; o_slow = base_slow }
  else { o_requests = sum[8]; o_errors = sum[9]; o_slow = sum[10] }
}

function fire(text) { state = "fired"; reason = reason (reason == "" ? "" : "; ") text }
function hold(text) { if (state != "fired") state = "pending"; note = note (note == "" ? "" : "; ") text }
# Where several say the same of one watch the first is enough.
function row(name, new, old, limit, what) { if (!(name in told)) { told[name] = 1; print "row " name " " new " " old " " limit " " what } }
function pct(share) { return sprintf("%.1f%%", share * 100) }
function short(share) { return share * 100 == int(share * 100) ? sprintf("%.0f%%", share * 100) : pct(share) }
function s(value) { return value < 0 ? "-" : sprintf(value < 10 ? "%.3g s" : "%.0f s", value) }
function secs(value) { return sprintf("%.0f s", value) }

# A share of requests: 0 within its limit, 1 beyond it but not yet told from chance or from one bad look, 2 beyond it
# and worse than the old version, -1 beyond it and the old version no better.
function worse(bad, limit, name,    n, share, other, both, error) {
  n = sum[3]
  if (n < samples || n <= 0) return 0
  share = bad / n
  if (share <= limit) return 0
  # Not for one look: without its worst one it is beyond the limit still.
  if (n - worst[name "_of"] <= 0 || (bad - worst[name]) / (n - worst[name "_of"]) <= limit) return 1
  if (o_requests < samples) return 2
  other = (name == "errors" ? o_errors : o_slow) / o_requests
  if (name == "errors" && !(share > 2 * other || 1 - share < (1 - other) / 2)) return -1
  if (name == "slow" && old_p95 >= 0 && new_p95 < 1.5 * old_p95) return -1
  both = (bad + other * o_requests) / (n + o_requests)
  error = sqrt(both * (1 - both) * (1 / n + 1 / o_requests))
  return share - other - 0.5 * (1 / n + 1 / o_requests) >= SIGMA * error ? 2 : 1
}

function watch_errors(horizon,    kind, share, text, old) {
  if (errors <= 0) return
  share = sum[3] > 0 ? sum[4] / sum[3] : 0
  old = o_requests > 0 ? pct(o_errors / o_requests) : "-"
  kind = span < window - 0.001 && horizon == "window" ? 0 : worse(sum[4], errors, "errors")
  # Without a server of the old version to compare with, a database that is down is nobody's release.
  if (kind == 2 && has_baseline && sick != "") { kind = -1; old = old " before, but " sick " is not healthy" }
  text = pct(share) " > " short(errors) " over " secs(span) " (" precise(sum[4]) " of " precise(sum[3]) " requests" versus(old, " of " precise(o_requests)) ")"
  if (kind == 2) fire("errors " text)
  else if (kind == -1) hold("errors " text ": the old version fares no better, so this is not the release's doing")
  else if (kind == 1 && horizon == "window") hold("errors " text ": not sure yet")
  if (horizon == "window" || kind == 2) row("errors", sum[3] > 0 ? pct(share) : "-", o_requests > 0 ? pct(o_errors / o_requests) : "-", short(errors), word_of(kind))
}

function versus(old, count) { return o_requests > 0 ? "; " old_name ": " old count : "; nothing to compare with" }
function word_of(kind) { return kind == 2 ? "fired" : kind == -1 ? "everybody" : kind == 1 ? "unsure" : "ok" }

function watch_p95(horizon,    kind, text) {
  if (p95 <= 0) return
  kind = span < window - 0.001 && horizon == "window" ? 0 : worse(sum[5], 0.05, "slow")
  text = s(new_p95) " > " s(p95) " over " secs(span) " (" precise(sum[3]) " requests" versus(s(old_p95), " of " precise(o_requests)) ")"
  if (kind == 2) fire("p95 " text)
  else if (kind == -1) hold("p95 " text ": the old version fares no better, so this is not the release's doing")
  else if (kind == 1 && horizon == "window") hold("p95 " text ": not sure yet")
  if (horizon == "window" || kind == 2) row("p95", joined(s(new_p95)), joined(s(old_p95)), joined(s(p95)), word_of(kind))
}

function joined(text) { gsub(/ /, "", text); return text }

# How long it has been so, in seconds: 0 where it is not; where nothing could be read, neither.
function lasting(name, known, bad) {
  if (known && !bad) delete since[name]
  if (known && bad && !(name in since)) since[name] = now
  return name in since ? now - since[name] + 0.001 : 0
}

function watch_ready(    everybody, held, text, kind) {
  if (!database) return
  if (asked["new"] == 0) { row("ready", "-", "-", "-", "unknown"); held = lasting("ready", 0, 0); if (held) hold("not seen whether the new version is ready"); return }
  everybody = (asked["old"] > 0 && answered["old"] < asked["old"]) || (has_baseline && !base_ready) || (!asked["old"] && sick != "")
  held = lasting("ready", 1, answered["new"] < asked["new"] && !everybody)
  text = not_ready["new"] " is not ready (it says " not_ready_code["new"] ")"
  kind = answered["new"] < asked["new"] ? everybody ? -1 : held >= window ? 2 : 1 : 0
  if (kind == 2) fire("database: " text " for " secs(held) (asked["old"] > 0 ? "; " old_name ": ready" : has_baseline ? "; " old_name " was ready" : ""))
  else if (kind == -1) hold("database: " text ", and " (sick != "" ? sick " is not healthy" : asked["old"] > 0 ? old_name " is no more so (" not_ready["old"] ")" : old_name " was not ready either") ": not the release's doing")
  else if (kind == 1) hold("database: " text " for " secs(held) " of " secs(window))
  row("ready", answered["new"] + 0 "/" asked["new"], asked["old"] > 0 ? answered["old"] + 0 "/" asked["old"] : "-", asked["new"], word_of(kind))
}

function watch_db(    each, other, kind) {
  if (!database || !(seen_db())) return
  each = sum[6] / new_count
  other = has_baseline ? base_db * span : old_count > 0 ? sum[11] / old_count : 0
  kind = 0
  if (span >= window - 0.001 && sum[6] >= 5 && db_looks * 2 >= win_looks && db_looks >= 2) kind = each > 2 * other ? 2 : -1
  if (kind == 2 && has_baseline && sick != "") kind = -1
  if (kind == 2) fire("database: " precise(sum[6]) " failed connections over " secs(span) " (a server of " old_name ": " precise(other) ")")
  else if (kind == -1) hold("database: connections fail, and " old_name "'s fail as well: not the release's doing")
  row("connections", precise(sum[6]), precise(sum[11]), "5", word_of(kind))
}

function seen_db(    key) { for (key in db_now) if (side_by[key] == "new") return 1; return 0 }

function watch_memory(    kind, held, old, everybody) {
  if (memory <= 0) return
  old = has_baseline ? base_memory : used["old"] > 0 ? memory_max["old"] : -1
  everybody = old >= memory
  # The kernel ends what outgrows its limit, too quickly for a window where it grows quickly.
  if (oom["new"] != "" && oom["old"] == "") { fire("memory: " oom["new"] " was ended by the kernel at its limit"); row("memory", "100%", old < 0 ? "-" : pct(old), short(memory), "fired"); return }
  held = lasting("memory", used["new"] > 0, memory_max["new"] > memory && !everybody)
  kind = used["new"] > 0 && memory_max["new"] > memory ? everybody ? -1 : held >= window ? 2 : 1 : 0
  if (kind == 2) fire("memory " pct(memory_max["new"]) " > " short(memory) " for " secs(held) " (" memory_server["new"] ": " memory_text["new"] (old < 0 ? "" : "; " old_name ": " pct(old)) ")")
  else if (kind == -1) hold("memory " pct(memory_max["new"]) " > " short(memory) ", but " old_name " has " pct(old) ": not the release's doing")
  else if (kind == 1) hold("memory " pct(memory_max["new"]) " > " short(memory) " for " secs(held) " of " secs(window))
  row("memory", used["new"] > 0 ? pct(memory_max["new"]) : "-", old < 0 ? "-" : pct(old), short(memory), word_of(kind))
}

# Of the core that a server's loop has, or of its limit where that is less; the mean of the window, since a reading of
# one second swings. Under load the old version is the measure: what a request costs, where both have enough of them,
# else how busy it is.
function watch_cpu(    kind, old, everybody, mean, cost, other, text) {
  # All of a core is no fault: an application with threads of its own says so.
  if (cpu <= 0 || cpu >= 1) return
  old = has_baseline ? base_cpu : used["old"] > 0 ? cpu_sum["old"] / used["old"] : -1
  everybody = kind = 0
  mean = busy_of > 0 ? busy / busy_of : 0
  if (mean > cpu && old >= 0) {
    other = has_baseline ? base_cost : sum[8] >= samples ? sum[12] / sum[8] : -1
    cost = sum[3] >= samples ? sum[7] / sum[3] : -1
    everybody = cost >= 0 && other > 0 ? cost <= 1.5 * other : old >= 0.8 * mean
  }
  if (mean > cpu) kind = everybody ? -1 : seconds_of >= window - 0.001 && busy_of * 2 > window ? 2 : 1
  text = "cpu " pct(mean) " > " short(cpu) " over " secs(busy_of)
  if (kind == 2) fire(text " (" cpu_server["new"] (old < 0 ? "" : "; " old_name ": " pct(old)) ")")
  else if (kind == -1) hold(text ", but a request costs " old_name " as much: it is the load")
  else if (kind == 1) hold(text " of " secs(window))
  row("cpu", busy_of > 0 ? pct(mean) : "-", old < 0 ? "-" : pct(old), short(cpu), word_of(kind))
}

# Beside the five: a server of the new version that ends by itself, again and again or for good.
function watch_down(    held, known) {
  known = boxes["new"] > 0
  held = lasting("down", known, down["new"] != "" && down["old"] == "")
  if (restarts_of["new"] >= 2 && restarts_of["old"] + 0 == 0) fire("crash: " restarted_server["new"] " ended by itself " restarts_of["new"] " times (" old_name ": not once)")
  else if (held >= window) fire("crash: " down["new"] " for " secs(held))
  else if (held) hold("crash: " down["new"] " for " secs(held) " of " secs(window))
}
