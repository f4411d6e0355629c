/** The application's own view: routes of the servers, and the health of every Node process of its image. */
import { board } from "../library/board.ts";
import { byStatus, promised } from "../library/metrics.ts";
import { lines, number } from "../library/panels.ts";
import { objective, query } from "../library/words.ts";

const OWN = 'job="api",instance=~"$process"';
/** Workers and clocks have jobs of their own. */
const NODE = 'instance=~"$process"';
const SECONDS = "http_request_duration_seconds";

function rate(metric: string, matchers = OWN, by = ""): string {
  return `sum ${by && `by (${by}) `}(rate(${metric}{${matchers}}[$__rate_interval]))`;
}

function quantile(share: number, by = ""): string {
  return `histogram_quantile(${share}, ${rate(`${SECONDS}_bucket`, OWN, ["le", by].filter(Boolean).join(", "))})`;
}

function failed(by: string): string {
  const all = rate(`${SECONDS}_count`, OWN, by);
  return `(${rate(`${SECONDS}_count`, `${OWN},status=~"5.."`, by)} or 0 * ${all}) / (${all} > 0)`;
}

const ofNode = "and on (instance) nodejs_version_info";

/** Gauges of a pool of connections, by the ending of their names: `fkod_pg_pool_waiting`. */
function pool(state: string): string {
  return `sum by (instance, pool) ({__name__=~"[a-z0-9_]+_pg_pool_${state}",${NODE}})`;
}

export function api() {
  return board({
    stem: "api",
    title: "API",
    description: "Requests by route; event loop, memory and database connections of every Node process.",
    pickers: [{ name: "process", label: "Process", metric: "nodejs_version_info", values: "instance" }],
    deploys: true,
    sections: {
      Now: [
        number({
          title: "Servers down",
          description: "Servers whose metrics Prometheus cannot read.",
          unit: "none",
          limits: { above: 1 },
          queries: [query(`count(up{${OWN}}) - sum(up{${OWN}})`, "down")],
        }),
        number({
          title: "Requests",
          description: "Requests a second, as the application counts them.",
          unit: "reqps",
          queries: [query(rate(`${SECONDS}_count`), "requests")],
        }),
        number({
          title: "95% answered within",
          description: "As the application measures it: the edge adds the network and waiting.",
          unit: "s",
          none: "no requests",
          queries: [query(`${quantile(0.95)} >= 0`, "p95")],
        }),
        number({
          title: "Event loop lag",
          description:
            "99th percentile of the worst server, of objectives.p95. At 100%, an alert, something computes where it should wait.",
          unit: "percentunit",
          limits: { warnAbove: 0.5, above: 1 },
          queries: [
            query(`max(nodejs_eventloop_lag_p99_seconds{${OWN}}) / scalar(${promised.p95})`, "of the p95"),
          ],
        }),
        number({
          title: "Waiting for the pool",
          description:
            "Queries that wait for a database connection. Above 0 for long: the pools are too small.",
          unit: "none",
          limits: { above: 1 },
          none: "no pools",
          queries: [query(`sum(${pool("waiting")})`, "waiting")],
        }),
        number({
          title: "Youngest server",
          description: "Time since the last server started. Short without a deploy: it restarts.",
          unit: "s",
          queries: [query(`time() - max(process_start_time_seconds{${OWN}})`, "age")],
        }),
      ],
      Routes: [
        lines({
          title: "Busiest routes",
          description: "Requests a second of the ten busiest routes.",
          width: 24,
          unit: "reqps",
          queries: [
            query(`topk(10, ${rate(`${SECONDS}_count`, OWN, "method, route")})`, "{{method}} {{route}}"),
          ],
        }),
        lines({
          title: "Slowest routes",
          lines: "requests above one second",
          description: "p95 of the ten slowest routes. Look for a missing index in PostgreSQL.",
          width: 24,
          unit: "s",
          more: "postgres",
          queries: [
            query(`topk(10, ${quantile(0.95, "method, route")} >= 0)`, "{{method}} {{route}}"),
            objective(promised.p95, "promised p95"),
          ],
        }),
        lines({
          title: "Failing routes",
          lines: "errors of the application",
          description: "Share of a route's requests that ended with a 5xx; the ten worst.",
          unit: "percentunit",
          queries: [
            query(`topk(10, ${failed("method, route")} > 0)`, "{{method}} {{route}}"),
            objective(promised.errors, "promised"),
          ],
        }),
        lines({
          title: "By status",
          lines: "errors of the application",
          description: "Requests a second by HTTP status.",
          paint: byStatus,
          unit: "reqps",
          stack: true,
          queries: [query(rate(`${SECONDS}_count`, OWN, "status"), "{{status}}")],
        }),
      ],
      "Node.js": [
        lines({
          title: "Event loop lag, p99",
          description: "How late the event loop is. It delays every request of that server.",
          unit: "s",
          width: 8,
          queries: [
            query(`nodejs_eventloop_lag_p99_seconds{${NODE}}`, "{{instance}}"),
            objective(promised.p95, "promised p95"),
          ],
        }),
        lines({
          title: "CPU",
          description: "Cores in use. One Node process cannot use much more than one.",
          unit: "none",
          width: 8,
          queries: [
            query(`${rate("process_cpu_seconds_total", NODE, "instance")} ${ofNode}`, "{{instance}}"),
          ],
        }),
        lines({
          title: "Garbage collection",
          description: "Share of the time spent collecting. Above 5% the heap is too small or leaks.",
          unit: "percentunit",
          width: 8,
          limits: { above: 0.05 },
          queries: [query(rate("nodejs_gc_duration_seconds_sum", NODE, "instance"), "{{instance}}")],
        }),
        lines({
          title: "Heap in use",
          description: "A line that only climbs between collections is a leak.",
          unit: "bytes",
          width: 8,
          queries: [query(`nodejs_heap_size_used_bytes{${NODE}}`, "{{instance}}")],
        }),
        lines({
          title: "Memory",
          description: "Resident memory; the container's limit kills above it.",
          unit: "bytes",
          width: 8,
          queries: [query(`process_resident_memory_bytes{${NODE}} ${ofNode}`, "{{instance}}")],
        }),
        lines({
          title: "Open files",
          description: "Sockets and files of a process. A line that only climbs is a leak.",
          unit: "none",
          width: 8,
          queries: [query(`process_open_fds{${NODE}} ${ofNode}`, "{{instance}}")],
        }),
      ],
      "Database connections": [
        lines({
          title: "In use",
          description: "Connections of each pool that work for a request now.",
          unit: "none",
          queries: [query(`${pool("total")} - ${pool("idle")}`, "{{instance}} {{pool}}")],
        }),
        lines({
          title: "Waiting",
          description: "Queries that wait for a free connection of their pool.",
          unit: "none",
          limits: { above: 1 },
          queries: [query(pool("waiting"), "{{instance}} {{pool}}")],
        }),
      ],
    },
  });
}
