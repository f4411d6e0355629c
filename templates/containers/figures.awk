# One round's figures as Prometheus text. From `known` and `places` of the folder `run`, the kernel's files, and `state`:
# what the round before saw. Writes `state.new`.

function text(path,   line) {
  line = ""
  getline line < path
  close(path)
  return line
}

# The value beside a word, in a file with a word and a number a line.
function word(path, name,   line, parts, value) {
  value = ""
  while ((getline line < path) > 0)
    if (split(line, parts, " ") == 2 && parts[1] == name) { value = parts[2]; break }
  close(path)
  return value
}

# All words of memory.stat, into `stat`.
function read_stat(path,   line, parts) {
  split("", stat)
  while ((getline line < path) > 0) if (split(line, parts, " ") == 2) stat[parts[1]] = parts[2]
  close(path)
}

function number(value) { return value ~ /^[0-9]+$/ }

# Keeps a figure until all of its name stand together. What could not be read is left out.
function figure(name, i, value) {
  if (value != "") lines[name] = lines[name] sprintf("%s{service=\"%s\",container=\"%s\"} %s\n", name, service[i], title[i], value)
}

# A whole number may be larger than awk's integers.
function whole(value) { return number(value) ? sprintf("%.0f", value) : "" }
function scaled(value, unit) { return number(value) ? sprintf("%.6f", value / unit) : "" }

function family(name, type, help) {
  if (lines[name] == "") return
  printf "# HELP %s %s\n# TYPE %s %s\n%s", name, help, name, type, lines[name]
}

function single(name, help, value) {
  printf "# HELP %s %s\n# TYPE %s gauge\n%s %s\n", name, help, name, name, value
}

function read_figures(i, place,   memory, cpu, account, pids, usage, held, idle, limit, quota, parts) {
  if (unified) {
    memory = cpu = account = pids = cgroup "/" place
    usage = text(memory "/memory.current")
    read_stat(memory "/memory.stat")
    idle = stat["inactive_file"]
    held = usage - idle - stat["active_file"] - stat["slab_reclaimable"]
    limit = text(memory "/memory.max")
    split(text(cpu "/cpu.max"), parts, " ")
    figure("plimsoll_container_cpu_seconds_total", i, scaled(word(cpu "/cpu.stat", "usage_usec"), 1000000))
    figure("plimsoll_container_cpu_throttled_seconds_total", i, scaled(word(cpu "/cpu.stat", "throttled_usec"), 1000000))
    kills[i] = word(memory "/memory.events", "oom_kill")
  } else {
    memory = cgroup "/memory/" place
    cpu = cgroup "/cpu/" place
    account = cgroup "/cpuacct/" place
    pids = cgroup "/pids/" place
    usage = text(memory "/memory.usage_in_bytes")
    read_stat(memory "/memory.stat")
    # Those of its children too, as its usage.
    idle = stat["total_inactive_file"]
    held = usage - idle - stat["total_active_file"]
    limit = text(memory "/memory.limit_in_bytes")
    parts[1] = text(cpu "/cpu.cfs_quota_us")
    parts[2] = text(cpu "/cpu.cfs_period_us")
    figure("plimsoll_container_cpu_seconds_total", i, scaled(text(account "/cpuacct.usage"), 1000000000))
    figure("plimsoll_container_cpu_throttled_seconds_total", i, scaled(word(cpu "/cpu.stat", "throttled_time"), 1000000000))
    kills[i] = word(memory "/memory.oom_control", "oom_kill")
  }
  # Its control group went while it was read: it ended.
  if (!number(usage)) return 0
  # Read one after the other, they need not agree.
  if ((usage -= idle) < 0) usage = 0
  if (held < 0) held = 0
  figure("plimsoll_container_memory_working_set_bytes", i, whole(usage))
  figure("plimsoll_container_memory_held_bytes", i, whole(held))
  # Without a limit v2 says `max`, and v1 a number that no machine has.
  if (number(limit) && limit < 1e18) {
    figure("plimsoll_container_memory_limit_bytes", i, whole(limit))
    share[i] = held / limit
  }
  if (number(parts[1]) && number(parts[2]) && parts[2] > 0)
    figure("plimsoll_container_cpu_limit_cores", i, sprintf("%.3f", parts[1] / parts[2]))
  figure("plimsoll_container_cpu_periods_total", i, whole(word(cpu "/cpu.stat", "nr_periods")))
  figure("plimsoll_container_cpu_throttled_periods_total", i, whole(word(cpu "/cpu.stat", "nr_throttled")))
  figure("plimsoll_container_pids", i, whole(text(pids "/pids.current")))
  return 1
}

BEGIN {
  FS = "\t"
  again = 0
  while ((getline line < (run "/state")) > 0) {
    split(line, part, "\t")
    if (part[1] == "machine") { again = 1; before_all = part[2] }
    else {
      name = part[2]
      had[name] = part[1]; had_start[name] = part[3]; had_kills[name] = part[4]; had_end[name] = part[5]
      had_share[name] = part[6]; total[name] = part[7]; had_running[name] = part[8]
    }
  }
  while ((getline line < (run "/places")) > 0) { split(line, part, "\t"); place[part[1]] = part[2] }
  all = word(vmstat, "oom_kill")
  # Kills on this machine since the round before, of whatever. Each that is found a container for is taken off.
  left = again && number(all) && number(before_all) ? all - before_all : 0

  count = failed = up = 0
  while ((getline line < (run "/known")) > 0) {
    split(line, part, "\t")
    i = ++count
    id[i] = part[1]; service[i] = part[2]; title[i] = name = part[3]
    running[i] = part[4]; start[i] = part[5]; ended[i] = part[8]; kills[i] = ""; share[i] = 0
    figure("plimsoll_container_running", i, running[i])
    if (start[i] > 0) figure("plimsoll_container_start_time_seconds", i, whole(start[i]))
    figure("plimsoll_container_restarts_total", i, whole(part[6]))
    figure("plimsoll_container_oom_killed", i, part[7])
    if (running[i]) {
      up++
      if (!(id[i] in place) || !read_figures(i, place[id[i]])) failed++
    }

    # Counted here, since the kernel's count goes with the control group at the end of each run. From the first round on:
    # what was before is not this one's to tell.
    if (!(name in total)) total[name] = 0
    same = (name in had) && had[name] == id[i] && had_start[name] == start[i]
    if (again && number(kills[i])) {
      fresh = kills[i] - (same ? had_kills[name] : 0)
      if (fresh > 0) { total[name] += fresh; left -= fresh }
    }
    died[i] = again && (name in had) && had_running[name] == 1 && (had[name] == id[i]) && (!same || !running[i])
    if (died[i] && part[7] == 1 && ended[i] != had_end[name]) {
      # Docker says so itself, until it starts it again.
      if (!(same && number(kills[i]) && kills[i] > had_kills[name])) { total[name]++; left-- }
      died[i] = 0
    }
  }

  # A run that ended since the round before took its count along, and Docker forgets why at the next start, a tenth of a
  # second later. The machine's count does not: a kill that belongs to nobody else was its. Of several the fullest first.
  while (left > 0) {
    best = 0
    for (i = 1; i <= count; i++) if (died[i] && (!best || had_share[title[i]] > had_share[title[best]])) best = i
    if (!best) break
    died[best] = 0
    total[title[best]]++
    left--
  }

  printf "machine\t%s\n", all > (run "/state.new")
  for (i = 1; i <= count; i++) {
    figure("plimsoll_container_oom_kills_total", i, whole(total[title[i]]))
    printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", id[i], title[i], start[i], number(kills[i]) ? kills[i] : 0, ended[i], share[i], total[title[i]], running[i] > (run "/state.new")
  }
  close(run "/state.new")

  family("plimsoll_container_running", "gauge", "1 where it runs, 0 where it ended or waits to be started again.")
  family("plimsoll_container_start_time_seconds", "gauge", "When it was last started.")
  family("plimsoll_container_restarts_total", "counter", "Starts by Docker after it had ended by itself.")
  family("plimsoll_container_oom_killed", "gauge", "1 where the kernel killed a process of its latest run for want of memory.")
  family("plimsoll_container_oom_kills_total", "counter", "Processes of it that the kernel killed for want of memory.")
  family("plimsoll_container_memory_working_set_bytes", "gauge", "Memory in use, without files that nobody reads: as docker stats has it.")
  family("plimsoll_container_memory_held_bytes", "gauge", "Memory that the kernel cannot take back: no files, whether read or not.")
  family("plimsoll_container_memory_limit_bytes", "gauge", "Memory at which the kernel kills.")
  family("plimsoll_container_cpu_seconds_total", "counter", "CPU time used.")
  family("plimsoll_container_cpu_limit_cores", "gauge", "Cores that it may use.")
  family("plimsoll_container_cpu_periods_total", "counter", "Periods in which it ran, each with its share of CPU.")
  family("plimsoll_container_cpu_throttled_periods_total", "counter", "Periods in which it had used its share up and waited.")
  family("plimsoll_container_cpu_throttled_seconds_total", "counter", "Time for which it waited at its limit.")
  family("plimsoll_container_pids", "gauge", "Processes and threads.")
  single("plimsoll_containers_running", "Containers of this project that run, as Docker's files say.", up)
  # Where not even its own container is found, there is nothing that could be missing.
  single("plimsoll_containers_failed", "Running containers whose figures cannot be read; 1 where none is found at all.", count ? failed : 1)
  single("plimsoll_containers_timestamp_seconds", "When this was written.", now)
}
