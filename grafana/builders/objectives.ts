/** The promises of stack.yaml, as `plimsoll objectives` prints them, and how fast their error budgets are used. */
import { objectiveFigures as asked } from "../../operator/observe/figures.ts";
import { board } from "../library/board.ts";
import { promised } from "../library/metrics.ts";
import { bars, lines, number, strips } from "../library/panels.ts";
import { rows } from "../library/tables.ts";
import { objective, query } from "../library/words.ts";

const LEFT = "plimsoll:budget:left_ratio";
const BURN = "plimsoll:budget:burn_rate:1h";

const rto = `(${asked.rto_drill} or ${asked.rto_verify})`;

/** What may fail, as a share: a burn rate is what did fail, in units of it. */
const allowed = {
  uptime: `clamp_min(1 - ${promised.uptime}, 1e-6)`,
  errors: `clamp_min(${promised.errors}, 1e-6)`,
  // 95% are promised.
  p95: "vector(0.05)",
} as const;
type Budgeted = keyof typeof allowed;

/** Where the alerts draw the line for each long window. */
const FACTORS = { "1h": 14.4, "6h": 6, "3d": 1 } as const;
type LongWindow = keyof typeof FACTORS;
type Window = "5m" | "30m" | LongWindow;
const spoken: Record<Window, string> = {
  "5m": "5 minutes",
  "30m": "30 minutes",
  "1h": "1 hour",
  "6h": "6 hours",
  "3d": "3 days",
};

/** The rate over a window of an alert, in the words of the rules; that of an hour is recorded as such. */
function burn(what: Budgeted, window: Window) {
  const failed = {
    uptime: `(1 - plimsoll:uptime:ratio:${window})`,
    errors: `plimsoll:edge:error_ratio:${window}`,
    p95: `(1 - plimsoll:edge:fast_ratio:${window})`,
  };
  const rate =
    window === "1h" ? `${BURN}{objective="${what}"}` : `${failed[what]} / scalar(${allowed[what]})`;
  // Without requests there is no share: no line, rather than one that is no number.
  return query(what === "p95" ? `${rate} >= 0` : rate, spoken[window]);
}

function limit(what: Budgeted, window: LongWindow, legend: string) {
  if (what === "p95") return objective(`vector(${FACTORS[window]})`, legend);
  const name = what === "uptime" ? "plimsoll:uptime:limit" : "plimsoll:edge:error_limit";
  return objective(`${name}:${window} / ${allowed[what]}`, legend);
}

/** The pairs of windows of an alert: the short one ends it when the trouble ends. */
function burns(what: Budgeted, name: string) {
  const more = "edge";
  const panel = (title: string, description: string, long: LongWindow, short: Window, does: string) =>
    lines({
      title: `${name}: ${title}`,
      description,
      unit: "none",
      width: 8,
      more,
      none: "nothing measured yet",
      queries: [burn(what, long), burn(what, short), limit(what, long, does)],
    });
  return [
    panel(
      "within hours",
      "1 uses the budget up exactly within the window. Both above the line wake somebody: 2% of a month are gone in an hour.",
      "1h",
      "5m",
      "pages above",
    ),
    panel(
      "within days",
      "As beside, slower: both above the line use 5% of a month's budget in six hours, and wake somebody.",
      "6h",
      "30m",
      "pages above",
    ),
    panel(
      "by the end of the window",
      "Both above 1 for days: it will not be kept. A warning, for daylight.",
      "3d",
      "6h",
      "warns above",
    ),
  ];
}

export function objectives() {
  return board({
    stem: "objectives",
    title: "Objectives",
    description:
      "What `objectives` of stack.yaml promise, what is measured, and what is left of the error budgets. As `plimsoll objectives` prints it.",
    from: "now-7d",
    deploys: true,
    sections: {
      "Are they kept?": [
        strips({
          title: "Kept",
          description:
            "Uptime, errors and p95: kept while the window's budget lasts. The others: as they are now. The Overview's *Broken promises* judges errors by three days and p95 by now, whatever budget is left.",
          width: 9,
          good: "kept",
          bad: "broken",
          queries: [
            query(`max by (objective) (${LEFT} >= bool 0)`, "{{objective}}"),
            query(`${asked.database} <= bool scalar(${promised.database})`, "database"),
            // As the alert: less than one read a second says little, unless it is good.
            query(
              `(${asked.cache_hits} >= bool scalar(${promised.cacheHits})) > 0 or ${asked.cache_hits} >= bool scalar(${promised.cacheHits}) and on () ${asked.cache_reads} > 1`,
              "cache_hits",
            ),
            query(`${asked.rpo} <= bool scalar(${promised.rpo})`, "rpo"),
            query(`${rto} <= bool scalar(${promised.rto})`, "rto"),
          ],
        }),
        bars({
          title: "Error budget left",
          description:
            "Of what may fail within the window. Below 0 more failed than was promised: release nothing risky.",
          unit: "percentunit",
          width: 6,
          min: 0,
          max: 1,
          limits: { warnBelow: 0.1, below: 0 },
          none: "not computed yet",
          queries: [query(`max by (objective) (${LEFT})`, "{{objective}}")],
        }),
        rows({
          title: "Promises in danger",
          description:
            "Alerts of a promise that fire now; the Overview lists all. Each has a runbook: `plimsoll runbook NAME`.",
          unit: "none",
          width: 9,
          none: "none",
          more: "prometheus",
          columns: { alertname: "Alert", objective: "Objective", severity: "Severity" },
          queries: [
            query(
              'max by (alertname, objective, severity) (ALERTS{alertstate="firing",objective!=""})',
              "{{alertname}}",
            ),
          ],
        }),
      ],
      "Measured and promised": [
        number({
          title: "Uptime",
          description:
            "Share of probes of /health through nginx, within the stack, that were answered, over the window.",
          unit: "percentunit",
          width: 6,
          decimals: 3,
          more: "edge",
          queries: [query(`max(${asked.uptime})`, "measured"), query(promised.uptime, "promised, at least")],
        }),
        number({
          title: "Errors",
          description: "Share of requests answered with a 5xx, over the window.",
          unit: "percentunit",
          width: 6,
          decimals: 3,
          none: "no requests",
          more: "edge",
          queries: [query(`max(${asked.errors})`, "measured"), query(promised.errors, "promised, at most")],
        }),
        number({
          title: "95% answered within",
          description:
            "Of the requests of the last five minutes. Its budget is of requests that took longer.",
          unit: "s",
          width: 6,
          none: "no requests",
          more: "edge",
          queries: [query(`${asked.p95} >= 0`, "measured"), query(promised.p95, "promised, at most")],
        }),
        number({
          title: "Database",
          description: "Until the slowest node answers a small statement, over five minutes.",
          unit: "s",
          width: 6,
          none: "no probe",
          more: "postgres",
          queries: [query(asked.database, "measured"), query(promised.database, "promised, at most")],
        }),
        number({
          title: "Cache hits",
          description: "Share of reads that the cache answered, over half an hour.",
          unit: "percentunit",
          width: 8,
          none: "no reads",
          more: "redis",
          queries: [query(asked.cache_hits, "measured"), query(promised.cacheHits, "promised, at least")],
        }),
        number({
          title: "RPO",
          description:
            "What a disaster would lose now: how long the oldest finished log has waited for the archive.",
          unit: "s",
          width: 8,
          none: "no archive",
          more: "backup",
          queries: [query(asked.rpo, "measured"), query(promised.rpo, "promised, at most")],
        }),
        number({
          title: "RTO",
          description:
            "Until the database answered in the last disaster or restore drill, or in the last verification of a backup.",
          unit: "s",
          width: 8,
          none: "never tried",
          more: "backup",
          queries: [query(rto, "measured"), query(promised.rto, "promised, at most")],
        }),
      ],
      "Error budgets": [
        number({
          title: "Window",
          description: "What the budgets are for: 30 days, or what Prometheus keeps where that is less.",
          unit: "suffix:days",
          height: 8,
          queries: [query(`${asked.window} / 86400`, "window")],
        }),
        number({
          title: "Seen of it",
          description: "How much of the window Prometheus has seen. What lies before costs nothing.",
          unit: "s",
          height: 8,
          queries: [query(asked.known, "seen")],
        }),
        lines({
          title: "Budget left over time",
          description:
            "A step down is an incident, a slope is a defect. It climbs as old failures leave the window.",
          unit: "percentunit",
          width: 8,
          max: 1,
          none: "not computed yet",
          queries: [query(`max by (objective) (${LEFT})`, "{{objective}}")],
        }),
        lines({
          title: "At this pace it lasts",
          description: "What is left, at the pace of the last hour. No line: nothing failed in it.",
          unit: "suffix:days",
          width: 8,
          none: "nothing fails",
          queries: [
            query(
              `max by (objective) (clamp_min(${LEFT}, 0) / (${BURN} > 0)) * scalar(${asked.window}) / 86400`,
              "{{objective}}",
            ),
          ],
        }),
      ],
      "How fast is the budget of uptime used?": burns("uptime", "Uptime"),
      "How fast is the budget of errors used?": burns("errors", "Errors"),
      "And of requests that take too long?": [
        ...burns("p95", "Slow requests"),
        lines({
          title: "p95 against the promise",
          description: "A quarter of an hour above the line is a warning.",
          unit: "s",
          width: 24,
          more: "edge",
          none: "no requests",
          queries: [query(`${asked.p95} >= 0`, "p95"), objective(promised.p95, "promised p95")],
        }),
      ],
    },
  });
}
