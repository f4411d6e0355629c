/** The machine: one droplet carries everything, so what it runs out of, all run out of. */
import { board } from "../library/board.ts";
import { cpuUsed, diskUsed, memoryUsed } from "../library/metrics.ts";
import { lines, number } from "../library/panels.ts";
import { objective, query } from "../library/words.ts";

function rate(metric: string): string {
  return `rate(${metric}[$__rate_interval])`;
}

/** Seconds that stand for a disk that does not fill: a number that is missing is one that nobody measures. */
const NEVER = 1e9;

const USED = "node_filesystem_size_bytes - node_filesystem_free_bytes";

const pressure = ["cpu", "memory", "io"] as const;

export function host() {
  return board({
    stem: "host",
    title: "Host and containers",
    description: "CPU, memory and disk of the machine that carries the stack, and of each service on it.",
    sections: {
      Now: [
        number({
          title: "CPU",
          description: "Share of all cores in use, by containers and system together.",
          unit: "percentunit",
          limits: { warnAbove: 0.75, above: 0.9 },
          queries: [query(cpuUsed, "used")],
        }),
        number({
          title: "Memory",
          description: "Share that cannot be given to anyone else. The kernel kills near 100%.",
          unit: "percentunit",
          limits: { warnAbove: 0.85, above: 0.95 },
          queries: [query(memoryUsed, "used")],
        }),
        number({
          title: "Disk",
          description: "Share in use of the disk with images, volumes and logs. Full, the database stops.",
          unit: "percentunit",
          limits: { warnAbove: 0.8, above: 0.9 },
          queries: [query(diskUsed, "used")],
        }),
        number({
          title: "Disk full in",
          description: "At the pace of the last six hours, of which one must have been seen.",
          unit: "s",
          limits: { warnBelow: 7 * 86_400, below: 86_400 },
          called: { [NEVER]: "not filling" },
          none: "not known yet",
          queries: [
            query(
              `(node_filesystem_avail_bytes / (-deriv(node_filesystem_avail_bytes[6h]) > 1024) and node_filesystem_avail_bytes offset 1h) or 0 * (node_filesystem_avail_bytes and node_filesystem_avail_bytes offset 1h) + ${NEVER}`,
              "left",
            ),
          ],
        }),
        number({
          title: "Stolen CPU",
          description:
            "Share of the CPU that the provider gave to other machines. Above 10% for long: ask, or resize.",
          unit: "percentunit",
          limits: { warnAbove: 0.05, above: 0.1 },
          queries: [query(`avg(${rate('node_cpu_seconds_total{mode="steal"}')})`, "steal")],
        }),
        number({
          title: "Killed for memory",
          description:
            "Processes that the kernel killed in the last day, at a container's limit or the machine's.",
          unit: "none",
          limits: { above: 1 },
          queries: [query("round(increase(node_vmstat_oom_kill[1d]))", "killed")],
        }),
      ],
      CPU: [
        lines({
          title: "Cores in use",
          description: "By what they do. iowait is waiting for the disk, steal is the provider's.",
          unit: "none",
          stack: true,
          queries: [
            query(`sum by (mode) (${rate('node_cpu_seconds_total{mode!="idle"}')})`, "{{mode}}"),
            objective('count(node_cpu_seconds_total{mode="idle"})', "cores"),
          ],
        }),
        lines({
          title: "Load",
          description: "Processes that run or wait. Above the number of cores for long, all get slower.",
          unit: "none",
          queries: [
            query("node_load1", "1 minute"),
            query("node_load15", "15 minutes"),
            objective('count(node_cpu_seconds_total{mode="idle"})', "cores"),
          ],
        }),
      ],
      Memory: [
        lines({
          title: "Memory by use",
          description: "What is used, and what the kernel uses for files and gives back when asked.",
          unit: "bytes",
          stack: true,
          queries: [
            query("node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes", "used"),
            query("node_memory_MemAvailable_bytes - node_memory_MemFree_bytes", "files, can be freed"),
            query("node_memory_MemFree_bytes", "free"),
          ],
        }),
        lines({
          title: "Pressure",
          description:
            "Share of the time in which something waited for it. Memory or disk above 10%: too little of it.",
          unit: "percentunit",
          queries: pressure.map((what) =>
            query(rate(`node_pressure_${what}_waiting_seconds_total`), what === "io" ? "disk" : what),
          ),
        }),
      ],
      Services: [
        lines({
          title: "Memory of its limit",
          description:
            "Share of its container's memory that each holds and that the kernel cannot take back. It kills at 100%.",
          unit: "percentunit",
          max: 1,
          limits: { above: 0.9 },
          queries: [query("plimsoll:service:memory_ratio", "{{instance}}")],
        }),
        lines({
          title: "Cores used",
          description:
            "By service. What is missing to the machine's own use is the engine, and what runs beside it.",
          unit: "none",
          stack: true,
          queries: [
            query(
              "plimsoll:container:cores:5m or max by (instance) (rate(process_cpu_seconds_total[5m]))",
              "{{instance}}",
            ),
          ],
        }),
        lines({
          title: "Waits at its CPU limit",
          description:
            "Share of the periods of a tenth of a second in which it had used up what it may have. Above 25% for long it is slow.",
          unit: "percentunit",
          limits: { above: 0.25 },
          queries: [query("plimsoll:container:throttled_ratio:5m", "{{instance}}")],
        }),
        lines({
          title: "Started, and killed for memory",
          description:
            "How often within 15 minutes. A deploy starts each once; more than two is a crash that repeats.",
          unit: "none",
          limits: { above: 3 },
          none: "nothing",
          queries: [
            query("plimsoll:service:starts:15m > 0", "{{instance}} started"),
            query(
              "sum by (service) (increase(plimsoll_container_oom_kills_total[15m])) > 0",
              "{{service}} killed",
            ),
          ],
        }),
      ],
      Disk: [
        lines({
          title: "Space",
          description:
            "Used, of what can be: what the file system keeps for root is neither, as in Disk above.",
          unit: "bytes",
          width: 8,
          queries: [query(USED, "used"), objective(`${USED} + node_filesystem_avail_bytes`, "can be used")],
        }),
        lines({
          title: "Read and written",
          description: "Bytes a second, by device. A climb without traffic is a backup, a vacuum or a leak.",
          unit: "Bps",
          width: 8,
          queries: [
            query(rate("node_disk_read_bytes_total"), "{{device}} read"),
            query(rate("node_disk_written_bytes_total"), "{{device}} written"),
          ],
        }),
        lines({
          title: "Busy",
          description:
            "Share of the time in which the disk had something to do. Near 100% it is the bottleneck.",
          unit: "percentunit",
          width: 8,
          limits: { above: 0.9 },
          queries: [query(rate("node_disk_io_time_seconds_total"), "{{device}}")],
        }),
      ],
      "Rarely the cause, hard to find": [
        lines({
          title: "Inodes used",
          description:
            "Share of the files that the disk can hold. Full, it refuses new files with space left.",
          unit: "percentunit",
          width: 8,
          max: 1,
          limits: { above: 0.9 },
          queries: [query("1 - node_filesystem_files_free / (node_filesystem_files > 0)", "used")],
        }),
        lines({
          title: "Open files",
          description: "Of all processes, as a share of what the kernel allows: often all there can be.",
          unit: "percentunit",
          width: 8,
          max: 1,
          decimals: 1,
          limits: { above: 0.8 },
          queries: [query("node_filefd_allocated / node_filefd_maximum", "used")],
        }),
        lines({
          title: "Clock",
          description: "How far the clock may be off. Certificates, tokens and replication trust it.",
          unit: "s",
          width: 8,
          queries: [
            query("node_timex_maxerror_seconds", "at most"),
            query("abs(node_timex_offset_seconds)", "offset"),
          ],
        }),
      ],
    },
  });
}
