import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Database } from "./data/database.ts";

/** Every metric of fkod's processes, in a registry of its own so that tests can make many. */
export function createMetrics(release: string) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const metrics = {
    registry,
    requestSeconds: new Histogram({
      name: "http_request_duration_seconds",
      help: "Time from the request's arrival to the end of its response.",
      labelNames: ["method", "route", "status"] as const,
      enableExemplars: true,
      // Registered below: the check for exemplars knows nothing of a page in two formats.
      registers: [],
      // 0.2 s is the target for the 95th percentile, 1 s the limit for a rollback: both are edges.
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10],
    }),
    requestsInFlight: new Gauge({
      name: "http_requests_in_flight",
      help: "Requests being served.",
      registers,
    }),
    // A name that is not fkod's own: the promise of cache hits is measured by it in any application.
    cacheRequests: counter("cache_requests_total", "Reads of the cache, and whether it could answer.", [
      "cache",
      "result",
    ]),
    readFallbacks: counter(
      "fkod_read_fallbacks_total",
      "Reads sent to the primary as the replica failed.",
      [],
    ),
    // Not fkod's own name either: a release whose connections fail is rolled back by it.
    connectionErrors: counter(
      "db_client_connection_errors_total",
      "Database connections that were wanted and did not come about.",
      ["pool"],
    ),
    registrations: counter("fkod_registrations_total", "Users registered.", []),
    enrolments: counter("fkod_enrolments_total", "Course enrolments made.", []),
    mentorMatches: counter("fkod_mentor_matches_total", "Mentor matches made.", []),
    nps: counter("fkod_nps_responses_total", "Answers to the recommendation question.", ["kind"]),
    jobs: counter("fkod_jobs_total", "Jobs handled by the worker.", ["job", "outcome"]),
    taskSeconds: new Histogram({
      name: "fkod_clock_task_duration_seconds",
      help: "Time a task of the clock took.",
      labelNames: ["task", "outcome"] as const,
      registers,
    }),
    satisfaction: new Histogram({
      name: "fkod_satisfaction_score",
      help: "Satisfaction from 1 to 5.",
      buckets: [1, 2, 3, 4, 5],
      registers,
    }),
  };

  function counter<L extends string>(name: string, help: string, labelNames: L[]) {
    return new Counter<L>({ name, help, labelNames, registers });
  }

  registry.registerMetric(metrics.requestSeconds);
  // A series that starts at its first event hides that event from rate().
  for (const kind of ["promoter", "passive", "detractor"]) metrics.nps.inc({ kind }, 0);
  for (const pool of ["primary", "replica", "primary probe", "replica probe"])
    metrics.connectionErrors.inc({ pool }, 0);
  for (const result of ["hit", "miss"]) metrics.cacheRequests.inc({ cache: "courses", result }, 0);
  new Gauge({
    name: "fkod_build_info",
    help: "1, with the release as a label.",
    labelNames: ["release", "node"],
    registers,
  }).set({ release, node: process.version }, 1);
  return metrics;
}
export type Metrics = ReturnType<typeof createMetrics>;

/** The pools' gauges are read when asked for, not kept. */
export function watchPools(registry: Registry, database: Database): void {
  for (const state of ["total", "idle", "waiting"] as const)
    new Gauge({
      name: `fkod_pg_pool_${state}`,
      help: {
        total: "Open connections.",
        idle: "Connections unused.",
        waiting: "Queries without a connection.",
      }[state],
      labelNames: ["pool"],
      registers: [registry],
      collect() {
        for (const [pool, counts] of Object.entries(database.counts())) this.set({ pool }, counts[state]);
      },
    });
}
