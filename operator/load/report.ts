/** What a load says: measured against the objectives, one row each. */
import { z } from "zod";
import type { Tally } from "./drive.ts";
import type { Shape } from "./shape.ts";

/** state/checks/load.json. Latencies in seconds; null where nothing was answered. */
export const LoadReport = z.object({
  at: z.iso.datetime(),
  /** The release that was asked; null where none was ever deployed. */
  release: z.string().nullable(),
  environment: z.string(),
  rate: z.number(),
  seconds: z.number(),
  requests: z.number(),
  p50: z.number().nullable(),
  p95: z.number().nullable(),
  p99: z.number().nullable(),
  /** Without a whole answer, or answered 4xx or 5xx; but 429. */
  errors: z.number(),
  limited: z.number(),
  /** Answers a second, but 429. */
  reached: z.number(),
  passed: z.boolean(),
});
export type LoadReport = z.output<typeof LoadReport>;

export type Row = {
  objective: string;
  measured: number | null;
  bound: number;
  unit: "s" | "ratio" | "per second";
  /** Measured to bound; null where nothing was measured, or the bound is 0. */
  ratio: number | null;
  met: boolean;
};

export type Objectives = { p95: number; errors: number };

/** Of the asked rate: below it the load was not the one that was asked for. */
const REACHED = 0.95;

export type About = Pick<LoadReport, "at" | "release" | "environment"> & { shape: Shape };

export function reportOf(tally: Tally, objectives: Objectives, about: About) {
  const { at, release, environment, shape } = about;
  const waits = Float64Array.from(tally.waits).sort();
  const counted = tally.requests - tally.limited;
  const p95 = percentile(waits, 0.95);
  const share = counted > 0 ? tally.errors / counted : null;
  const reached = round(tally.answered / shape.seconds);
  const rows: Row[] = [
    row("p95", p95, objectives.p95, "s"),
    row("errors", share, objectives.errors, "ratio"),
    { ...row("rate", reached, shape.rate, "per second"), met: reached >= shape.rate * REACHED },
  ];
  const report: LoadReport = {
    at,
    release,
    environment,
    rate: shape.rate,
    seconds: shape.seconds,
    requests: tally.requests,
    p50: percentile(waits, 0.5),
    p95,
    p99: percentile(waits, 0.99),
    errors: tally.errors,
    limited: tally.limited,
    reached,
    passed: rows.every(({ met }) => met),
  };
  return { report, rows };
}

function row(objective: string, measured: number | null, bound: number, unit: Row["unit"]): Row {
  const ratio = measured === null || bound === 0 ? null : round(measured / bound);
  return { objective, measured, bound, unit, ratio, met: measured !== null && measured <= bound };
}

/** The nearest rank: a wait that there was. */
export function percentile(sorted: Float64Array, share: number): number | null {
  const at = Math.max(0, Math.ceil(sorted.length * share) - 1);
  const found = sorted[at];
  return found === undefined ? null : round(found);
}

function round(value: number): number {
  return Number(value.toFixed(4));
}
