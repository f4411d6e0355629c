/** Figures of Prometheus, all asked for in one query: each under a name of its own. */
import { z } from "zod";

const EDGE = "plimsoll_edge_requests_total";
const grown = (name: string) => `sum(increase({__name__=~".+_${name}_total"}[1d]))`;
const month = (name: string, more = "") => `sum(increase({__name__=~".+_${name}"${more}}[30d]))`;

export const expressions = {
  targets: "count(up)",
  targets_up: "sum(up)",
  firing: 'count(ALERTS{alertstate="firing",severity="page"}) or vector(0)',
  uptime: 'avg(avg_over_time(probe_success{job="probe",instance="edge"}[3d]))',
  errors: `(sum(increase(${EDGE}{code=~"5.."}[1d])) or vector(0)) / (sum(increase(${EDGE}[1d])) > 0)`,
  errors_now: "plimsoll:edge:error_ratio:5m",
  p95: "plimsoll:edge:p95_seconds:5m",
  database: "plimsoll:database:latency_seconds:5m",
  cache_hits: "plimsoll:cache:hit_ratio:30m",
  registrations: grown("registrations"),
  enrolments: grown("enrolments"),
  matches: grown("mentor_matches"),
  satisfaction: `${month("satisfaction_score_sum")} / (${month("satisfaction_score_count")} > 0)`,
  nps: `100 * (${month("nps_responses_total", ',kind="promoter"')} - (${month("nps_responses_total", ',kind="detractor"')} or vector(0))) / (${month("nps_responses_total")} > 0)`,
} as const;
export type FigureName = keyof typeof expressions;
export type Figures = ReadonlyMap<FigureName, number>;

export function expression(): string {
  return Object.entries(expressions)
    .map(([name, promql]) => `label_replace(${promql}, "plimsoll_check", "${name}", "", "")`)
    .join(" or ");
}

const Answer = z.array(
  z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) }),
);

/** A figure that is no number (nothing divided by nothing) is left out. */
export function parseFigures(text: string): Figures {
  const figures = new Map<FigureName, number>();
  for (const { metric, value } of Answer.parse(JSON.parse(text))) {
    const name = metric.plimsoll_check ?? "";
    const number = Number(value[1]);
    if (Object.hasOwn(expressions, name) && Number.isFinite(number)) figures.set(name as FigureName, number);
  }
  return figures;
}
