/** What is asked of Prometheus, by name. Those of a window are recorded by rules; a young stack has them a little later. */

const PROBE = 'probe_success{job="probe", instance="edge"}';
const DISK = "node_filesystem_avail_bytes";

export const objectiveFigures = {
  window: "plimsoll:budget:window_seconds",
  known: "plimsoll:budget:known_seconds",
  uptime: `(plimsoll:uptime:ratio:30d or avg(avg_over_time(${PROBE}[30d])))`,
  errors: "(plimsoll:edge:error_ratio:30d or plimsoll:edge:error_ratio:1h)",
  p95: "plimsoll:edge:p95_seconds:5m",
  fast: "(plimsoll:edge:fast_ratio:30d or plimsoll:edge:fast_ratio:1h)",
  database: "plimsoll:database:latency_seconds:5m",
  cache_hits: "plimsoll:cache:hit_ratio:30m",
  cache_reads: "plimsoll:cache:reads:rate30m",
  rpo: "max(plimsoll_archive_waiting_seconds)",
  // A failover is quick and says nothing of a loss. A verification of the schedule counts as a restore drill.
  rto_drill:
    'max(plimsoll_drill_rto_seconds{kind="disaster"}) or max(plimsoll_drill_rto_seconds{kind="restore"})',
  // Of two repositories the slower: it may be the only one that is left.
  rto_verify: 'max(plimsoll_backup_verify_seconds{what="postgres"})',
  left_uptime: 'plimsoll:budget:left_ratio{objective="uptime"}',
  left_errors: 'plimsoll:budget:left_ratio{objective="errors"}',
  left_p95: 'plimsoll:budget:left_ratio{objective="p95"}',
  burn_uptime: 'plimsoll:budget:burn_rate:1h{objective="uptime"}',
  burn_errors: 'plimsoll:budget:burn_rate:1h{objective="errors"}',
  burn_p95: 'plimsoll:budget:burn_rate:1h{objective="p95"}',
} as const;

export const statusFigures = {
  ...objectiveFigures,
  requests: "plimsoll:edge:requests:rate5m",
  errors_now: "plimsoll:edge:error_ratio:5m",
  targets: "count(up)",
  targets_up: "sum(up)",
  disk_ratio: "max(plimsoll:host:disk_ratio)",
  disk_free: `min(${DISK})`,
  // Seconds until it is full if it goes on as in the last six hours; nothing where it does not grow.
  disk_full: `min(${DISK} / -(deriv(${DISK}[6h]) < 0))`,
} as const;

export type Figures = ReadonlyMap<string, number>;
