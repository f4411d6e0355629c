/** Expressions that more than one dashboard needs. */

/** Constants that the generator writes from `objectives` of stack.yaml, as recording rules. */
export const promised = {
  uptime: "plimsoll:objective:uptime_ratio",
  p95: "plimsoll:objective:p95_seconds",
  errors: "plimsoll:objective:error_ratio",
  database: "plimsoll:objective:database_seconds",
  cacheHits: "plimsoll:objective:cache_hit_ratio",
  rpo: "plimsoll:objective:rpo_seconds",
  rto: "plimsoll:objective:rto_seconds",
  backupAge: "plimsoll:threshold:backup_age_seconds",
  verifyAge: "plimsoll:threshold:backup_verify_age_seconds",
  drillAge: "plimsoll:threshold:drill_age_seconds",
  lag: "plimsoll:threshold:postgres_lag_seconds",
  rollbackErrors: "plimsoll:rollback:error_ratio",
} as const;

const EDGE = "plimsoll_edge_requests_total";
const SECONDS = "plimsoll_edge_request_duration_seconds";

/** Requests a second at the edge; `matchers` narrow it, `by` splits it. */
export function edgeRate(matchers = "", by = ""): string {
  return `sum ${by && `by (${by}) `}(rate(${EDGE}{${matchers}}[$__rate_interval]))`;
}

/** Share of requests at the edge that failed with a 5xx: 0 where none did, nothing where there were none. */
export function edgeErrorShare(matchers = "", by = ""): string {
  const failed = edgeRate([matchers, 'code=~"5.."'].filter(Boolean).join(","), by);
  const all = edgeRate(matchers, by);
  return `(${failed} or 0 * ${all}) / (${all} > 0)`;
}

/** Seconds that this share of the requests stayed under; nothing, and not NaN, where there were none. */
export function edgeQuantile(quantile: number, matchers = "", by = ""): string {
  const labels = ["le", by].filter(Boolean).join(", ");
  const buckets = `sum by (${labels}) (rate(${SECONDS}_bucket{${matchers}}[$__rate_interval]))`;
  return `(histogram_quantile(${quantile}, ${buckets}) >= 0)`;
}

/** 1 for each server of the edge, with the release it runs; `not named` where nothing was deployed. */
export const serverRelease = "plimsoll:edge:server_release";

/** 1 for each server that takes nginx's connections: one that died stays on its list. */
export function answering(matchers = ""): string {
  return `(1 - max by (server) (plimsoll_edge_server_suspected{${matchers}}))`;
}

/** What was found by server (and by `by`), added up for each release. What the edge answered by itself is nobody's. */
export function ofRelease(byServer: string, by = ""): string {
  const labels = ["release", by].filter(Boolean).join(", ");
  return `sum by (${labels}) (${byServer} * on (server) group_left (release) ${serverRelease})`;
}

export function releaseRate(matchers = ""): string {
  return ofRelease(edgeRate(matchers, "server"));
}

export function releaseErrorShare(): string {
  return `(${releaseRate('code=~"5.."')} or 0 * ${releaseRate()}) / (${releaseRate()} > 0)`;
}

export function releaseQuantile(quantile: number): string {
  const buckets = `sum by (server, le) (rate(${SECONDS}_bucket[$__rate_interval]))`;
  return `(histogram_quantile(${quantile}, ${ofRelease(buckets, "le")}) >= 0)`;
}

/** Colours of HTTP's statuses. */
export const byStatus = { "/^2/": "green", "/^3/": "blue", "/^4/": "orange", "/^5/": "red" } as const;

/**
 * An exporter and a prober answer for what is dead: what they say of it counts with it. Of itself postgres-exporter says 0.
 * What is asked from outside is no part of the stack.
 */
const ANSWERS =
  'min by (job, instance) ({__name__=~"up|probe_success|pg_up|redis_up",job!="postgres-exporter",instance!~"public|redirect|.+[.].+"} or up{job="postgres-exporter"})';

/** Services that do not answer, or whose container does not run. */
export const partsDown = `count(count by (instance) (${ANSWERS} == 0 or plimsoll:service:expected and on () plimsoll:containers:known unless on (instance) plimsoll:container:running > 0))`;

/** 1 for all that answers when it is asked; `who` names it, as what is only probed has another's name. */
export const answered = (() => {
  const both = `label_join(${ANSWERS}, "both", " ", "job", "instance")`;
  const who = `label_replace(${both}, "who", "$1", "instance", "(.+)")`;
  return `label_replace(${who}, "who", "$1, probed", "both", "probe (.+)")`;
})();

/** Share of reads that found their key. */
export function hitShare(matchers = "", by = "instance"): string {
  const rate = (metric: string) => `sum by (${by}) (rate(${metric}{${matchers}}[$__rate_interval]))`;
  const hits = rate("redis_keyspace_hits_total");
  return `${hits} / (${hits} + ${rate("redis_keyspace_misses_total")} > 0)`;
}

/** The disk that Docker's data is on, as df counts: what is kept for root is neither used nor to be had. */
export const diskUsed = "plimsoll:host:disk_ratio";

export const memoryUsed = "plimsoll:host:memory_ratio";

export const cpuUsed =
  '1 - sum(rate(node_cpu_seconds_total{mode=~"idle|iowait"}[$__rate_interval])) / sum(rate(node_cpu_seconds_total[$__rate_interval]))';

/** Seconds that the replica is behind, by node. */
export function replicaLag(matchers = ""): string {
  return `pg_replication_lag_seconds${matchers && `{${matchers}}`} and pg_replication_is_replica == 1`;
}

/** What waits for the archive, and a disaster would lose, of what may be lost. Alerts: a quarter warns, half pages. */
export const rpoUsed = `max(plimsoll_archive_waiting_seconds) / scalar(${promised.rpo})`;
export const rpoLimits = { warnAbove: 0.25, above: 0.5 } as const;

const LAST_BACKUP = "plimsoll_backup_last_success_timestamp_seconds";

/** Seconds since the newest good backup of each thing. */
export const backupAge = `time() - max by (what) (${LAST_BACKUP})`;

/** One series where stack.yaml wants backups. */
export const backupsWanted = promised.backupAge;

/**
 * Things whose newest backup is older than the schedule allows, in any repository; and one where there is none of a
 * database that answers, or of anything.
 */
export const backupsOverdue = (() => {
  const age = `time() - max by (what, repository) (${LAST_BACKUP})`;
  const none = `absent(${LAST_BACKUP}{what="postgres"}) and on () max(pg_up) or absent(${LAST_BACKUP})`;
  const missing = `max((${none}) and on () ${backupsWanted})`;
  return `((count(${age} > scalar(${promised.backupAge})) or vector(0)) + (${missing} or vector(0)))`;
})();

/** Mean seconds of a statement, by node. */
export const statementSeconds = (() => {
  const rate = (metric: string) => `sum by (instance) (rate(${metric}[$__rate_interval]))`;
  return `${rate("pg_stat_statements_seconds_total")} / (${rate("pg_stat_statements_calls_total")} > 0)`;
})();
