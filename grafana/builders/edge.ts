/** The edge: what every user sees, measured by nginx, whatever the application exposes. */
import { board } from "../library/board.ts";
import { answering, byStatus, edgeErrorShare, edgeQuantile, edgeRate, promised } from "../library/metrics.ts";
import { lines, number, strips } from "../library/panels.ts";
import { objective, query } from "../library/words.ts";

const SERVER = 'server=~"$server"';

const inUse =
  "max by (server) (plimsoll_edge_server_weight > 0) unless max by (server) (plimsoll_edge_server_suspected == 1)";

export function edge() {
  return board({
    stem: "edge",
    title: "Edge",
    description: "What users get: requests, errors and latency at nginx, in all and by server.",
    pickers: [{ name: "server", label: "Server", metric: "plimsoll_edge_requests_total", values: "server" }],
    deploys: true,
    sections: {
      Now: [
        number({
          title: "Requests",
          description: "Requests a second that nginx answered.",
          unit: "reqps",
          queries: [query(edgeRate(SERVER), "requests")],
        }),
        number({
          title: "Failed",
          description:
            "Share answered with a 5xx, and of the share at which an alert comes and a release rolls back. See Errors.",
          unit: "percentunit",
          decimals: 2,
          queries: [
            query(edgeErrorShare(SERVER), "failed"),
            {
              ...query(`(${edgeErrorShare(SERVER)}) / scalar(${promised.rollbackErrors})`, "of the limit"),
              limits: { warnAbove: 0.5, above: 1 },
            },
          ],
        }),
        number({
          title: "95% answered within",
          description:
            "95th percentile of the time until a server began its answer. A slow reader does not count.",
          unit: "s",
          none: "no requests",
          queries: [query(edgeQuantile(0.95, SERVER), "p95")],
        }),
        number({
          title: "Servers",
          description:
            "In use: they take requests; none is an outage. Out: drained or refusing, as one is for a while in each deploy.",
          unit: "none",
          limits: { below: 1 },
          queries: [
            query(`count(${inUse}) or vector(0)`, "in use"),
            {
              ...query(
                `count(max by (server) (plimsoll_edge_server_weight{server!~".+-spare"}) unless (${inUse})) or vector(0)`,
                "out",
              ),
              limits: { warnAbove: 1 },
            },
          ],
        }),
        number({
          title: "Connections",
          description: "Connections of clients that are open at nginx.",
          unit: "none",
          queries: [query('sum(plimsoll_edge_connections{state="active"})', "active")],
        }),
        number({
          title: "Refused",
          description: "Requests a second refused with 429: over the rate limit.",
          unit: "reqps",
          queries: [query(`${edgeRate(`${SERVER},code="429"`)} or vector(0)`, "refused")],
        }),
      ],
      Traffic: [
        lines({
          title: "Requests by server",
          description: "Even where weights are even. A server that falls off has failed or is being drained.",
          unit: "reqps",
          stack: true,
          queries: [query(edgeRate(SERVER, "server"), "{{server}}")],
        }),
        lines({
          title: "Requests by status",
          description: "What was answered, by HTTP status.",
          paint: byStatus,
          unit: "reqps",
          stack: true,
          queries: [query(edgeRate(SERVER, "code"), "{{code}}")],
        }),
      ],
      Latency: [
        lines({
          title: "Latency",
          lines: "requests above one second",
          description: "Half, 95% and 99% of all requests were answered within this. The promise is for p95.",
          unit: "s",
          queries: [
            query(edgeQuantile(0.5, SERVER), "p50"),
            query(edgeQuantile(0.95, SERVER), "p95"),
            query(edgeQuantile(0.99, SERVER), "p99"),
            objective(promised.p95, "promised p95"),
          ],
        }),
        lines({
          title: "p95 by server",
          lines: "requests above one second",
          description: "One server slower than the others: look at its event loop and memory in API.",
          unit: "s",
          more: "api",
          queries: [
            query(edgeQuantile(0.95, SERVER, "server"), "{{server}}"),
            objective(promised.p95, "promised p95"),
          ],
        }),
      ],
      Errors: [
        lines({
          title: "Failed by server",
          lines: "requests that failed",
          description:
            "Share of a server's requests answered with a 5xx. One server: restart it. All: a dependency.",
          unit: "percentunit",
          width: 8,
          queries: [
            query(edgeErrorShare(SERVER, "server"), "{{server}}"),
            objective(promised.errors, "promised"),
          ],
        }),
        lines({
          title: "Failed and refused by status",
          lines: "requests that failed",
          description:
            "502: no server answered. 503: none in use. 504: too slow. 499: the client left. 429: too many.",
          unit: "reqps",
          width: 8,
          none: "none",
          paint: byStatus,
          queries: [query(edgeRate(`${SERVER},code=~"5..|499|429"`, "code"), "{{code}}")],
        }),
        lines({
          title: "Tried again",
          lines: "errors of nginx",
          description:
            "Attempts a second that failed on a server and went to another: users saw nothing of it.",
          unit: "reqps",
          width: 8,
          none: "none",
          queries: [
            query(
              `sum by (server) (rate(plimsoll_edge_upstream_retries_total{${SERVER}}[$__rate_interval]))`,
              "{{server}}",
            ),
          ],
        }),
      ],
      "As a client finds it": [
        lines({
          title: "A question's way",
          description:
            "What each part of one question costs: the name, the connection, TLS, the answer. By the public name where that is asked, else within the stack.",
          unit: "s",
          stack: true,
          queries: [query(`${phases("public")} or ${phases("edge")}`, "{{phase}}")],
        }),
        strips({
          title: "Answers",
          description:
            "edge: nginx, within the stack. public: by the public address. redirect: http leads to https. Others: nginx.names.",
          bad: "no",
          good: "yes",
          queries: [
            query(
              'max by (instance) (probe_success{job="probe",instance=~"edge|public|redirect|.+[.].+"})',
              "{{instance}}",
            ),
          ],
        }),
      ],
      Balancing: [
        lines({
          title: "Weight",
          description: "What share of the requests each server is meant to get. 0: drained.",
          unit: "none",
          width: 6,
          queries: [query(`max by (server) (plimsoll_edge_server_weight{${SERVER}})`, "{{server}}")],
        }),
        lines({
          title: "Share of the requests",
          description: "What share each server really gets; a canary is the small one.",
          more: "release",
          unit: "percentunit",
          width: 6,
          max: 1,
          queries: [
            query(
              `${edgeRate(SERVER, "server")} / ignoring (server) group_left () ${edgeRate(SERVER)}`,
              "{{server}}",
            ),
          ],
        }),
        strips({
          title: "Reachable",
          description:
            "Servers that accept connections. One that refuses is asked again each second and gets no requests.",
          width: 6,
          bad: "refuses",
          good: "accepts",
          queries: [query(answering(SERVER), "{{server}}")],
        }),
        lines({
          title: "Connections by state",
          description: "Many waiting is normal with keep-alive; many reading is slow clients.",
          unit: "none",
          width: 6,
          queries: [query("sum by (state) (plimsoll_edge_connections)", "{{state}}")],
        }),
      ],
    },
  });
}

const phases = (instance: string) =>
  `max by (phase) (probe_http_duration_seconds{job="probe",instance="${instance}"})`;
