# The judge's arithmetic: differences of one look, sums, quantiles, the old version's figures. After judge-read.awk.

# ---- one look's differences ---------------------------------------------------------------------------------------

# Fields of a look: 1 time, 2 seconds, then for new and old: requests, errors, slow, failed database connections, CPU
# seconds; 13 and 14 the busiest new server's CPU share times seconds, and the seconds it was known for; then the
# buckets of new and of old.
function differences(    key, side, part, i, begun, value) {
  FIELDS = 14
  split("requests errors slow db cpu", NAME, " ")
  OFFSET["new"] = 2; OFFSET["old"] = 7
  first_needed = 1
  if (began < 0) { began = now; last = now; return }
  # Another nginx with other buckets: what was counted in the old ones cannot be added to.
  if (edge && was_bounds != "" && was_bounds != bounds_text()) { restarted = 1; looks = 0; for (key in total) delete total[key] }
  looks++
  look[looks, 1] = now; look[looks, 2] = now - last
  for (i = 3; i <= FIELDS + 2 * bounds; i++) look[looks, i] = 0
  if (edge) {
    # One that fell means that nginx began again, and all its counters with it.
    begun = restarted
    for (key in was) if (key !~ /\|db$/ && raw[key] + 0 < was[key]) begun = 1
    for (key in raw) {
      value = raw[key] - (begun || !(key in was) ? 0 : was[key])
      # nginx was not seen before: what it has counted so far is not this watch's.
      if (!edge_before) value = 0
      split(key, part, "|")
      side = side_by[part[1]]
      if (part[2] == "requests" || part[2] == "retries") look[looks, OFFSET[side] + 1] += value
      if (part[2] == "errors" || part[2] == "retries") look[looks, OFFSET[side] + 2] += value
      if (part[2] ~ /^le/) look[looks, FIELDS + (side == "old" ? bounds : 0) + substr(part[2], 3)] += value
    }
    look[looks, 5] = slower(looks, "new"); look[looks, 10] = slower(looks, "old")
  }
  for (key in db_now) {
    side = side_by[key]
    if (side == "" || !((key "|db") in was)) continue
    value = db_now[key] - was[key "|db"]
    look[looks, OFFSET[side] + 4] += value < 0 ? db_now[key] : value
  }
  look[looks, 7] = cpu_sum["new"] * look[looks, 2]; look[looks, 12] = cpu_sum["old"] * look[looks, 2]
  if (used["new"] > 0) { look[looks, 13] = cpu_max["new"] * look[looks, 2]; look[looks, 14] = look[looks, 2] }
  for (i = 3; i <= FIELDS + 2 * bounds; i++) total[i] += look[looks, i]
  worst_ever(4, "errors"); worst_ever(5, "slow")
}

# The look with the most of it, of the whole watch.
function worst_ever(field, name) {
  if (look[looks, field] <= total["worst_" name] + 0) return
  total["worst_" name] = look[looks, field]; total["worst_" name "_of"] = look[looks, 3]
}

# Requests of one look that took longer than the limit: linear within a bucket, as histogram_quantile has it.
function slower(i, side,    base, j, low, below, count) {
  base = FIELDS + (side == "old" ? bounds : 0)
  count = look[i, base + bounds]; below = 0; low = 0
  for (j = 1; j < bounds; j++) {
    if (bound[j] + 0 >= p95) {
      if (bound[j] + 0 == low) return count - below
      return count - below - (look[i, base + j] - below) * (p95 - low) / (bound[j] - low)
    }
    low = bound[j] + 0; below = look[i, base + j]
  }
  return count - below
}

# histogram_quantile(0.95, …) of cumulative counts in sum[base + 1 …]; beyond the last bound the last bound.
function quantile(base,    count, rank, j, low, below) {
  count = sum[base + bounds]
  if (bounds < 2 || count <= 0) return -1
  rank = 0.95 * count; low = 0; below = 0
  for (j = 1; j < bounds; j++) {
    if (sum[base + j] >= rank) return low + (bound[j] - low) * (sum[base + j] > below ? (rank - below) / (sum[base + j] - below) : 1)
    low = bound[j] + 0; below = sum[base + j]
  }
  return low
}

# ---- the old version's figures, for a time when it no longer runs --------------------------------------------------

function write_baseline(    i, key, side) {
  # Without an earlier look: all that nginx has counted since it began.
  if (looks == 0) {
    looks = 1; look[1, 2] = 0
    for (key in raw) {
      split(key, word, "|"); i = 0
      if (side_by[word[1]] != "new") continue
      if (word[2] == "requests" || word[2] == "retries") total[3] += raw[key]
      if (word[2] == "errors" || word[2] == "retries") total[4] += raw[key]
      if (word[2] ~ /^le/) { look[1, FIELDS + substr(word[2], 3)] += raw[key]; total[FIELDS + substr(word[2], 3)] += raw[key] }
    }
    total[5] = slower(1, "new")
  }
  for (i = FIELDS + 1; i <= FIELDS + bounds; i++) sum[i] = total[i]
  print "requests " precise(total[3] + 0)
  print "errors " precise(total[4] + 0)
  print "slow " precise(total[5] + 0)
  print "p95 " quantile(FIELDS)
  if (used["new"] > 0) { print "memory " memory_max["new"]; print "cpu " cpu_sum["new"] / used["new"] }
  else { print "memory -1"; print "cpu -1" }
  print "cost " (total[3] >= samples && total[7] > 0 ? total[7] / total[3] : -1)
  print "ready " (asked["new"] > 0 && answered["new"] < asked["new"] ? 0 : 1)
  print "db " (now > began ? total[6] / new_count / (now - began) : 0)
}

function read_baseline(    line, part) {
  has_baseline = 0; base_memory = base_cpu = base_cost = base_p95 = -1; base_ready = 1; base_db = 0
  if (baseline == "" || old_count > 0) return
  while ((getline line < baseline) > 0) {
    split(line, part, " ")
    has_baseline = 1
    if (part[1] == "requests") base_requests = part[2] + 0
    else if (part[1] == "errors") base_errors = part[2] + 0
    else if (part[1] == "slow") base_slow = part[2] + 0
    else if (part[1] == "p95") base_p95 = part[2] + 0
    else if (part[1] == "memory") base_memory = part[2] + 0
    else if (part[1] == "cpu") base_cpu = part[2] + 0
    else if (part[1] == "cost") base_cost = part[2] + 0
    else if (part[1] == "ready") base_ready = part[2] + 0
    else if (part[1] == "db") base_db = part[2] + 0
  }
  close(baseline)
}
