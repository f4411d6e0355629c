/** A stack's own figures as recording rules: the rules that compare with them are the same in every stack. */
import type { Core } from "../../spec/core.ts";
import type { Grants, Scrape, Threshold } from "../component.ts";

export function ownThresholds(spec: Core, { retention }: { retention: number }): Threshold[] {
  const { objectives, rollback } = spec;
  const objective = (what: string, value: number, word: string): Threshold => ({
    record: `plimsoll:objective:${what}`,
    value,
    because: `objectives.${word}`,
  });
  const trigger = (what: string, value: number, word: string): Threshold => ({
    record: `plimsoll:rollback:${what}`,
    value,
    because: `rollback.${word}`,
  });
  return [
    objective("uptime_ratio", objectives.uptime, "uptime"),
    objective("p95_seconds", objectives.p95, "p95"),
    objective("error_ratio", objectives.errors, "errors"),
    objective("database_seconds", objectives.database, "database"),
    objective("cache_hit_ratio", objectives.cache_hits, "cache_hits"),
    objective("rpo_seconds", objectives.rpo, "rpo"),
    objective("rto_seconds", objectives.rto, "rto"),
    trigger("error_ratio", rollback.errors, "errors"),
    trigger("p95_seconds", rollback.p95, "p95"),
    trigger("memory_ratio", rollback.memory, "memory"),
    trigger("cpu_ratio", rollback.cpu, "cpu"),
    {
      record: "plimsoll:retention:metrics_seconds",
      value: retention,
      because: "monitoring.prometheus.retention",
    },
  ];
}

/**
 * What each service that speaks for itself may use, so that rules can compare its own figures with it. A target that
 * speaks for another (an exporter asked about a database) is left out: its process is not the other's.
 */
export function limitThresholds(scrapes: readonly Scrape[], grants: Grants): Threshold[] {
  const services = scrapes.flatMap(({ targets }) =>
    targets.filter(({ labels }) => labels?.instance === undefined).map(({ service }) => service),
  );
  return [...new Set(services)].flatMap((service) => {
    const { memory, cpus } = grants.service(service);
    const labels = { instance: service };
    return [
      { record: "plimsoll:limit:memory_bytes", value: memory, labels, because: "its container's limit" },
      { record: "plimsoll:limit:cpus", value: cpus, labels, because: "its container's limit" },
    ];
  });
}

/** @throws Error where two components give one threshold */
export function thresholdRules(thresholds: readonly Threshold[]) {
  const keys = thresholds.map(({ record, labels }) => JSON.stringify([record, labels ?? {}]));
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw new Error(`two components give the threshold ${twice}`);
  const rule = ({ record, value, expr, labels }: Threshold) => ({
    record,
    expr: expr ?? `vector(${value})`,
    ...(labels && { labels }),
  });
  const [constant, computed] = [true, false].map((wanted) =>
    thresholds.filter(({ expr }) => (expr === undefined) === wanted).map(rule),
  );
  return {
    groups: [
      { name: "thresholds", rules: constant },
      // Days of samples are not read again every 15 seconds. Shorter than the five minutes that a figure is seen for.
      ...(computed?.length ? [{ name: "computed", interval: "2m", rules: computed }] : []),
    ],
  };
}
