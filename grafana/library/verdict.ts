/** Is all well? In one number, and what it is made of. */
import { backupsOverdue, diskUsed, partsDown, promised, rpoUsed } from "./metrics.ts";

export const answers = 'min(probe_success{job="probe",instance="edge"})';

/** Alerts that want a person: the watchdog fires always and says that all is well. */
export const firing = 'ALERTS{alertstate="firing",severity!="none"}';

export function firingCount(severity: "page" | "warn"): string {
  return `count(ALERTS{alertstate="firing",severity="${severity}"})`;
}

/** What is used of each promise: more than 1 where it is broken. */
export const used = {
  Uptime: `(1 - plimsoll:uptime:ratio:30d) / (1 - scalar(${promised.uptime}))`,
  Errors: `plimsoll:edge:error_ratio:3d / scalar(${promised.errors})`,
  "p95 latency": `(plimsoll:edge:p95_seconds:5m >= 0) / scalar(${promised.p95})`,
  Database: `plimsoll:database:latency_seconds:5m / scalar(${promised.database})`,
  "Cache misses": `(1 - plimsoll:cache:hit_ratio:30m) / (1 - scalar(${promised.cacheHits}))`,
  "Data at risk": rpoUsed,
} as const;

/** One slow request at night, or three reads of an empty cache, break no promise: as its alerts, by a rate at least. */
const judged = {
  ...used,
  "p95 latency": `(${used["p95 latency"]}) and on () plimsoll:edge:visits:rate5m > 0.1`,
  "Cache misses": `(${used["Cache misses"]}) and on () plimsoll:cache:reads:rate30m > 1`,
} as const;

const isBroken = (share: string) => `sum((${share}) > bool 1)`;
const sumOf = (counts: readonly string[]) => counts.map((found) => `((${found}) or vector(0))`).join(" + ");

export const brokenPromises = sumOf(Object.values(judged).map(isBroken));

const wrong = sumOf([
  firingCount("page"),
  partsDown,
  `1 - ${answers}`,
  backupsOverdue,
  "count(plimsoll:budget:left_ratio < 0)",
  isBroken(used["Data at risk"]),
  `sum(${diskUsed} > bool 0.9)`,
]);

/** Where no rule is evaluated nothing fires, the watchdog neither: then it is not known. */
const seeing = 'max(ALERTS{alertname="Watchdog",alertstate="firing"})';

/** 0 where all is well, 1 where somebody should look, 2 where something is wrong; none where it is not known. */
export const verdict = `clamp_max(2 * (${wrong}) + clamp_max((count(${firing}) or vector(0)) + ${brokenPromises}, 1), 2) and on () ${seeing}`;
