/** The first page: in five seconds, is all well? What is not links to the page that says why. */
import { board } from "../library/board.ts";
import {
  answered,
  backupsOverdue,
  backupsWanted,
  cpuUsed,
  diskUsed,
  edgeErrorShare,
  edgeQuantile,
  edgeRate,
  memoryUsed,
  partsDown,
  promised,
  replicaLag,
} from "../library/metrics.ts";
import { bars, lines, number, strips } from "../library/panels.ts";
import { rows } from "../library/tables.ts";
import { answers, brokenPromises, firing, firingCount, used, verdict } from "../library/verdict.ts";
import { objective, query } from "../library/words.ts";

const down = `${partsDown} or vector(0)`;

export function overview() {
  return board({
    stem: "overview",
    title: "Overview",
    description: "Is all well? Promises, alerts, and the state of every part on one page.",
    deploys: true,
    sections: {
      "Is all well?": [
        number({
          title: "All well",
          description:
            "No: a page fires, a part is down, a backup or a budget is gone, the disk is full. Look: a warning fires, or a promise is broken now. Silenced alerts count, too.",
          unit: "none",
          limits: { warnAbove: 1, above: 2 },
          called: { "0": "Yes", "1": "Look", "2": "No" },
          none: "Not known",
          queries: [query(verdict, "verdict")],
        }),
        number({
          title: "Alerts",
          description: "Alerts that fire now, silenced ones too; the list is below.",
          unit: "none",
          limits: { above: 1 },
          more: "prometheus",
          queries: [
            query(`${firingCount("page")} or vector(0)`, "page"),
            {
              ...query(`${firingCount("warn")} or vector(0)`, "warn"),
              limits: { warnAbove: 1, above: 1000 },
            },
          ],
        }),
        number({
          title: "Parts down",
          description: "Services and exporters that do not answer, or whose container does not run.",
          unit: "none",
          limits: { above: 1 },
          more: "prometheus",
          queries: [query(down, "down")],
        }),
        number({
          title: "Public address",
          description: "Whether nginx answers by the public name, asked within the stack.",
          unit: "none",
          limits: { below: 1 },
          called: { "0": "Silent", "1": "Answers" },
          none: "Not asked",
          more: "edge",
          queries: [query(answers, "answers")],
        }),
        number({
          title: "Broken promises",
          description:
            "Of `objectives` of stack.yaml: uptime over 30 days, errors over 3, the others now; the list is below. A budget may still be left: *Kept* of Objectives tells.",
          unit: "none",
          // An error budget may still be left: what is spent is an alert, and red beside.
          limits: { warnAbove: 1, above: 1000 },
          more: "objectives",
          queries: [query(brokenPromises, "broken")],
        }),
        number({
          title: "Backups overdue",
          description: "Things whose newest backup is older than the schedule allows, or that have none.",
          unit: "none",
          limits: { above: 1 },
          none: "none wanted",
          more: "backup",
          queries: [query(`${backupsOverdue} and on () ${backupsWanted}`, "overdue")],
        }),
      ],
      Promises: [
        bars({
          title: "How much of each promise is used",
          description:
            "Against `objectives` of stack.yaml; at 100% a promise is broken. Uptime of 30 days, errors of 3, the others now.",
          unit: "percentunit",
          width: 12,
          min: 0,
          max: 1,
          limits: { warnAbove: 0.8, above: 1 },
          none: "no data yet",
          more: "objectives",
          queries: Object.entries(used).map(([name, share]) => query(share, name)),
        }),
        rows({
          title: "Firing alerts",
          description: "What fires now. Each has a runbook.",
          unit: "none",
          none: "none",
          columns: { alertname: "Alert", severity: "Severity", instance: "Instance" },
          queries: [query(firing, "alerts")],
        }),
      ],
      Traffic: [
        lines({
          title: "Requests by server",
          description: "Even where weights are even. A server that falls off has failed or is being drained.",
          unit: "reqps",
          width: 8,
          stack: true,
          more: "edge",
          queries: [query(edgeRate("", "server"), "{{server}}")],
        }),
        lines({
          title: "Latency",
          lines: "requests above one second",
          description: "Half and 95% of all requests were answered within this.",
          unit: "s",
          width: 8,
          more: "edge",
          queries: [
            query(edgeQuantile(0.5), "p50"),
            query(edgeQuantile(0.95), "p95"),
            objective(promised.p95, "promised p95"),
          ],
        }),
        lines({
          title: "Failed",
          lines: "requests that failed",
          description: "Share of requests answered with a 5xx.",
          unit: "percentunit",
          width: 8,
          more: "edge",
          queries: [query(edgeErrorShare(), "failed"), objective(promised.errors, "promised")],
        }),
      ],
      Parts: [
        strips({
          title: "Who answered",
          description: "Everything that is asked, over time; what an exporter answers for is as it says.",
          height: 12,
          more: "prometheus",
          queries: [query(answered, "{{who}}")],
        }),
        lines({
          title: "Data",
          description: "Seconds of writes that the replica does not show, and that are not archived yet.",
          unit: "s",
          width: 6,
          height: 12,
          more: "postgres",
          queries: [
            query(`max(${replicaLag()})`, "replica behind"),
            query("max(plimsoll_archive_waiting_seconds)", "not archived"),
          ],
        }),
        lines({
          title: "Machine",
          description: "Share of the machine in use.",
          unit: "percentunit",
          width: 6,
          height: 12,
          max: 1,
          limits: { above: 0.9 },
          more: "host",
          queries: [query(cpuUsed, "CPU"), query(memoryUsed, "memory"), query(diskUsed, "disk")],
        }),
      ],
    },
  });
}
