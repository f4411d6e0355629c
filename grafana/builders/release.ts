/** A new release beside the old one: what a person looks at while a canary is at work, and after a deploy. */
import { board } from "../library/board.ts";
import {
  answering,
  edgeRate,
  ofRelease,
  promised,
  releaseErrorShare,
  releaseQuantile,
  releaseRate,
  serverRelease,
} from "../library/metrics.ts";
import { bars, lines, strips } from "../library/panels.ts";
import { rows, sideBySide } from "../library/tables.ts";
import { objective, query } from "../library/words.ts";

/** Where a release is rolled back: `rollback` of stack.yaml. */
const rollback = {
  errors: "plimsoll:rollback:error_ratio",
  p95: "plimsoll:rollback:p95_seconds",
  memory: "plimsoll:rollback:memory_ratio",
  cpu: "plimsoll:rollback:cpu_ratio",
} as const;
const BACK = "rolled back above";

const weights = "max by (server) (plimsoll_edge_server_weight)";
const share = `${ofRelease(weights)} / ignoring (release) group_left () (sum(${weights}) > 0)`;

/** The worst server of each release, of what the servers say of themselves. Their service is their name at the edge. */
function worst(ofInstance: string): string {
  const byServer = `label_replace(max by (instance) (${ofInstance}), "server", "$1", "instance", "(.+)")`;
  return `max by (release) (${byServer} * on (server) group_left (release) ${serverRelease})`;
}

function ofLimit(used: string, limit: string): string {
  return worst(`${used} / on (instance) group_left () ${limit}`);
}

export function release() {
  return board({
    stem: "release",
    title: "Release",
    description:
      "The old release against the new one, as users meet them at the edge and as their servers say. Lines mark deploys.",
    from: "now-1h",
    deploys: true,
    sections: {
      "Is the new one as good as the old one?": [
        sideBySide({
          title: "Side by side",
          description:
            "Each release that has a server, now, and how many of them take connections. One alone: nothing is being rolled out. A stack that was never deployed names none.",
          unit: "none",
          label: { name: "release", heading: "Release" },
          units: ["none", "percentunit", "reqps", "percentunit", "s", "s"],
          queries: [
            query(ofRelease(answering()), "Servers"),
            query(share, "Turns"),
            query(releaseRate(), "Requests"),
            query(releaseErrorShare(), "Failed"),
            query(releaseQuantile(0.5), "p50"),
            query(releaseQuantile(0.95), "p95"),
          ],
        }),
        bars({
          title: "Against the rollback's limits",
          description:
            "100% is where a canary is rolled back, if the old release does better over the same time (`rollback` of stack.yaml).",
          unit: "percentunit",
          min: 0,
          max: 1,
          limits: { warnAbove: 0.8, above: 1 },
          none: "no requests",
          queries: [
            query(`${releaseErrorShare()} / scalar(${rollback.errors})`, "{{release}} failed"),
            query(`${releaseQuantile(0.95)} / scalar(${rollback.p95})`, "{{release}} p95"),
          ],
        }),
      ],
      "As users meet it": [
        lines({
          title: "Requests by release",
          description:
            "A server counts for its new release at once: for a minute after it changed, some of these were the old one's.",
          unit: "reqps",
          width: 8,
          stack: true,
          more: "edge",
          queries: [query(releaseRate(), "{{release}}")],
        }),
        lines({
          title: "Failed by release",
          lines: "errors of the application",
          description: "Share answered with a 5xx. Both rise: a dependency, not the release.",
          unit: "percentunit",
          width: 8,
          more: "edge",
          queries: [query(releaseErrorShare(), "{{release}}"), objective(rollback.errors, BACK)],
        }),
        lines({
          title: "p95 by release",
          lines: "requests above one second",
          description: "A new release is slow in its first minute: nothing is cached or compiled yet.",
          unit: "s",
          width: 8,
          more: "edge",
          queries: [query(releaseQuantile(0.95), "{{release}}"), objective(rollback.p95, BACK)],
        }),
      ],
      "Where it runs": [
        strips({
          title: "Which server runs what",
          description:
            "One strip for each server and release, red while it refuses nginx's connections. A rollout is the old ones ending one after the other.",
          width: 8,
          good: "answers",
          bad: "refuses",
          queries: [query(ofRelease(answering(), "server"), "{{server}} {{release}}")],
        }),
        lines({
          title: "Share of the turns",
          description: "What part of the requests each release is meant to get, by its servers' weights.",
          unit: "percentunit",
          width: 8,
          max: 1,
          stack: true,
          queries: [query(share, "{{release}}")],
        }),
        lines({
          title: "Saved by another server",
          lines: "errors of nginx",
          description:
            "Attempts a second that failed on a release's server and went to another: no error yet, but count against it.",
          unit: "reqps",
          width: 8,
          more: "edge",
          queries: [
            query(
              `${ofRelease("sum by (server) (rate(plimsoll_edge_upstream_retries_total[$__rate_interval]))")} or 0 * ${ofRelease(edgeRate("", "server"))}`,
              "{{release}}",
            ),
          ],
        }),
      ],
      "As the servers say": [
        lines({
          title: "Memory of its limit",
          description:
            "Of the server that uses most. The server of a canary is asked for no metrics: at the edge alone it is seen.",
          unit: "percentunit",
          width: 8,
          max: 1,
          more: "api",
          queries: [
            query(
              ofLimit('process_resident_memory_bytes{job="api"}', "plimsoll:limit:memory_bytes"),
              "{{release}}",
            ),
            objective(rollback.memory, BACK),
          ],
        }),
        lines({
          title: "CPU of its limit",
          description:
            "Of the server that uses most. Twice the old one's for the same requests: a regression.",
          unit: "percentunit",
          width: 8,
          more: "api",
          queries: [
            query(
              ofLimit('rate(process_cpu_seconds_total{job="api"}[$__rate_interval])', "plimsoll:limit:cpus"),
              "{{release}}",
            ),
            objective(rollback.cpu, BACK),
          ],
        }),
        lines({
          title: "Event loop lag by release",
          description:
            "99th percentile of the worst server. Above what a request may take, something computes where it should wait.",
          unit: "s",
          width: 8,
          more: "api",
          queries: [
            query(worst('nodejs_eventloop_lag_p99_seconds{job="api"}'), "{{release}}"),
            objective(promised.p95, "promised p95"),
          ],
        }),
        lines({
          title: "No connection to the database",
          lines: "errors of the application",
          description:
            "Connections a second that did not come about, of the worst server. A rollback's trigger.",
          unit: "ops",
          more: "postgres",
          none: "not counted",
          queries: [
            query(
              worst(
                'sum by (instance) (rate(db_client_connection_errors_total{job="api"}[$__rate_interval]))',
              ),
              "{{release}}",
            ),
          ],
        }),
        rows({
          title: "What each process says it runs",
          description:
            "The label `release` of a process's own build_info, of workers too. One that differs from the edge's was not replaced.",
          unit: "none",
          columns: { instance: "Process", release: "Release" },
          none: "no process says",
          queries: [
            query(
              'max by (instance, release) ({__name__=~"[a-z0-9_]+_build_info",release!=""})',
              "{{instance}} {{release}}",
            ),
          ],
        }),
      ],
    },
  });
}
