# One look of the judge (judge.bash): what was read now, and what earlier looks left, become a verdict. Runs in mawk.
#
# -v task=watch|baseline|begin  mark=TEXT  before=FILE (what the last look left)  after=FILE (what this one leaves)
# -v news="api-spare"  olds="api-1 api-2"  helpers="postgres-1"  old_name=v11  window samples errors p95 memory cpu database
# -v baseline=FILE  (figures of the old version, where it no longer runs beside the new one)
#
# In: nginx's metrics, and lines that begin with `mark`:
#   time T | edge CODE | ready SERVER CODE | app SERVER CODE (its metrics stand before it) | oom SERVER
#   box ID SERVER NANOCPUS RESTARTS STATUS STARTED HEALTH | use ID CPU% MEMORY% USAGE / LIMIT
# Out: `state ok|few|pending|fired`, `reason TEXT`, `note TEXT`, `row NAME NEW OLD LIMIT WORD`, `count NAME NUMBER`.
#
# Counters become differences at once (a counter that fell began again at 0), and differences become two sides: the new
# version's servers and the old one's.

BEGIN {
  # Standard errors between the two versions before a difference of shares is no chance. 4, since there are many looks.
  SIGMA = 4
  LOOKS = keep > 0 ? keep : 400
  side_of("new", news); side_of("old", olds)
  helper_count = split(helpers, list, " ")
  for (i = 1; i <= helper_count; i++) helper[list[i]] = 1
  remember()
  edge = 0; seen = 0; db_body = 0
}

function side_of(side, names,    i, n, parts) {
  n = split(names, parts, " ")
  for (i = 1; i <= n; i++) { side_by[parts[i]] = side; if (side == "new") new_list[++new_count] = parts[i]; else old_count++ }
}

# ---- reading ------------------------------------------------------------------------------------------------------

index($0, mark " ") == 1 {
  n = split($0, word, " ")
  if (word[2] == "time") now = word[3] + 0
  else if (word[2] == "edge") edge = (word[3] == 200 && seen)
  else if (word[2] == "ready") ready(word[3], word[4])
  else if (word[2] == "app") { if (word[4] == 200 && db_seen) db_now[word[3]] = db_body; db_body = 0; db_seen = 0 }
  else if (word[2] == "oom") { if (side_by[word[3]] != "") oom[side_by[word[3]]] = word[3] }
  else if (word[2] == "box") box(n)
  else if (word[2] == "use") use(n)
  next
}

/^plimsoll_edge_(requests_total|upstream_retries_total|request_duration_seconds_bucket)[{]/ {
  value = number($NF)
  server = label("server")
  if (value == "" || server == "") next
  seen = 1
  if (side_by[server] == "") next
  if ($0 ~ /^plimsoll_edge_requests_total/) {
    code = label("code")
    raw[server "|requests"] += value
    if (code ~ /^5[0-9][0-9]$/) raw[server "|errors"] += value
  } else if ($0 ~ /^plimsoll_edge_upstream/) raw[server "|retries"] += value
  else if ((le = label("le")) != "") {
    # Cumulative, in the order of their bounds.
    if (!((server "|" le) in at)) { at[server "|" le] = ++places[server]; bound[places[server]] = le; if (places[server] > bounds) bounds = places[server] }
    raw[server "|le" at[server "|" le]] = value
  }
  next
}

# Where the application counts them: attempts to connect to its database that failed (or, as OpenTelemetry has it, that
# found no connection in time).
/^db_client_connection_(errors|timeouts)_total[ {]/ { value = number($NF); if (value != "") { db_body += value; db_seen = 1 } }

/^plimsoll_edge_/ { seen = 1 }

function label(name,    text, from) {
  from = match($0, "[{,]" name "=\"[^\"]*\"")
  if (!from) return ""
  text = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4)
  return text
}

function number(text) { return text ~ /^[0-9][0-9.]*([eE][+-]?[0-9]+)?$/ ? text + 0 : "" }

function ready(server, code,    side) {
  side = side_by[server]
  if (side == "") return
  asked[side]++
  if (code ~ /^[23][0-9][0-9]$/) answered[side]++
  else { not_ready[side] = server; not_ready_code[side] = code }
}

function box(n,    id, server, side) {
  id = word[3]; server = word[4]
  if (n < 9 && !(server in helper)) return
  if (server in helper) { if (word[9] == "unhealthy" || word[7] != "running") sick = server; return }
  if (server == nginx_name) { if (nginx_was != "" && nginx_was != word[8]) restarted = 1; nginx_now = word[8]; return }
  side = side_by[server]
  if (side == "") return
  server_of[id] = server
  cores[id] = word[5] > 0 ? word[5] / 1e9 : 1
  # A Node server's loop has one core: more than that does not make it quicker.
  if (cores[id] > 1) cores[id] = 1
  if (word[7] != "running") down[side] = server " is " word[7]
  if (!(id in restarts_first)) restarts_first[id] = word[6] + 0
  restarts_of[side] += word[6] - restarts_first[id]
  if (word[6] > restarts_first[id]) restarted_server[side] = server
  boxes[side]++
}

function use(n,    id, side, share) {
  id = word[3]; side = side_by[server_of[id]]
  if (side == "" || word[4] !~ /^[0-9.]+%$/ || word[5] !~ /^[0-9.]+%$/) return
  share = percent(word[4]) / cores[id]
  # One second of several threads at once must not make up for others of rest.
  if (share > 1) share = 1
  used[side]++
  cpu_sum[side] += share
  if (share >= cpu_max[side]) { cpu_max[side] = share; cpu_server[side] = server_of[id] }
  share = percent(word[5])
  if (share >= memory_max[side]) { memory_max[side] = share; memory_server[side] = server_of[id]; memory_text[side] = word[6] " of " word[8] }
}

function percent(text) { sub(/%/, "", text); return text / 100 }

# ---- memory of earlier looks --------------------------------------------------------------------------------------

function remember(    line, part, n, i, b) {
  began = -1; looks = 0; bounds = 0
  while (before != "" && (getline line < before) > 0) {
    n = split(line, part, " ")
    if (part[1] == "began") began = part[2] + 0
    else if (part[1] == "last") last = part[2] + 0
    else if (part[1] == "nginx") nginx_was = part[2]
    else if (part[1] == "edge") edge_before = 1
    else if (part[1] == "bounds") was_bounds = substr(line, 7)
    else if (part[1] == "raw") was[part[2]] = part[3] + 0
    else if (part[1] == "restarts") restarts_first[part[2]] = part[3] + 0
    else if (part[1] == "since") since[part[2]] = part[3] + 0
    else if (part[1] == "sum") total[part[2]] = part[3] + 0
    else if (part[1] == "look") { looks++; for (i = 2; i <= n; i++) look[looks, i - 1] = part[i] + 0 }
  }
  if (before != "") close(before)
}

function leave(    key, i, j, line, from) {
  if (after == "") return
  printf "" > after
  print "began " began >> after
  print "last " now >> after
  if (edge || edge_before) print "edge" >> after
  if (nginx_now != "" || nginx_was != "") print "nginx " (nginx_now != "" ? nginx_now : nginx_was) >> after
  if (edge) {
    print "bounds" bounds_text() >> after
    for (key in raw) print "raw " key " " precise(raw[key]) >> after
  } else {
    print "bounds" was_bounds >> after
    for (key in was) if (key !~ /\|db$/) print "raw " key " " precise(was[key]) >> after
  }
  for (key in db_now) print "raw " key "|db " precise(db_now[key]) >> after
  for (key in was) if (key ~ /\|db$/) { line = key; sub(/\|db$/, "", line); if (!(line in db_now)) print "raw " key " " precise(was[key]) >> after }
  for (key in restarts_first) print "restarts " key " " restarts_first[key] >> after
  for (key in since) print "since " key " " since[key] >> after
  for (key in total) print "sum " key " " precise(total[key]) >> after
  from = first_needed
  for (i = from; i <= looks; i++) {
    # Long without traffic: of the older half every second look joins the one after it.
    if (looks - from > LOOKS && i < from + LOOKS / 2 && (i - from) % 2 == 0) {
      for (j = 2; j <= FIELDS + 2 * bounds; j++) look[i + 1, j] += look[i, j]
      continue
    }
    line = "look"
    for (j = 1; j <= FIELDS + 2 * bounds; j++) line = line " " precise(look[i, j])
    print line >> after
  }
  close(after)
}

function precise(value) { return value == int(value) ? sprintf("%.0f", value) : sprintf("%.4f", value) }

function bounds_text(    i, text) { for (i = 1; i <= bounds; i++) text = text " " bound[i]; return text }
