/** What a dashboard's author says of a panel; `panels.ts` makes it one. */
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import type { DashboardStem } from "../stems.ts";
import type { Lines } from "./logs.ts";

export type Query = {
  expr: string;
  legend: string;
  objective?: true;
  /** Of this one alone, in a panel of several numbers. */
  limits?: Limits;
};

/** Where a value turns bad: from a limit upwards, or below one. With `warnAbove` alone it is never more than a warning. */
export type Limits =
  | { above: number; warnAbove?: number }
  | { warnAbove: number }
  | { below: number; warnBelow?: number };

export type Words = {
  title: string;
  /** What a person learns from it, and what to do when it is bad. */
  description: string;
  unit: string;
  queries: readonly Query[];
  limits?: Limits;
  /** Of 24 columns. */
  width?: number;
  /** In rows of the grid. */
  height?: number;
  min?: number;
  max?: number;
  decimals?: number;
  /** Shown where there is no series at all. */
  none?: string;
  /** What a value is called instead of its number: `{ "0": "down", "1": "answers" }`. */
  called?: Readonly<Record<string, string>>;
  /** Colours of series whose name matches a pattern. */
  paint?: Readonly<Record<string, string>>;
  /** The dashboard that says more. */
  more?: DashboardStem;
  /** The lines of the logs that say more, where there is logging. */
  lines?: Lines;
};

export function query(expr: string, legend: string): Query {
  return { expr: expr.replace(/\s*\n\s*/g, " ").trim(), legend };
}

/** A promise or a limit, drawn as a dashed red line over the values it bounds. */
export function objective(expr: string, legend = "objective"): Query {
  return { ...query(expr, legend), objective: true };
}

/** Names in place of values, and grey for a number that is not there: it would have the colour of the lowest value. */
export function mappings({ called = {}, none = "No data" }: Words): dashboard.ValueMapping[] {
  const named = Object.entries(called).map(([value, text], index) => [value, { text, index }] as const);
  const unknown: dashboard.ValueMapping = {
    type: dashboard.MappingType.SpecialValue,
    options: {
      match: dashboard.SpecialValueMatch.NullAndNan,
      result: { text: none, color: "#7f8087", index: named.length },
    },
  };
  if (!named.length) return [unknown];
  return [{ type: dashboard.MappingType.ValueToText, options: Object.fromEntries(named) }, unknown];
}

/** As far as an axis reaches at least: Grafana draws a line of zeros on one that ends at 100 (of `percentunit`, 10,000%). */
export function softMax(unit: string): number {
  if (unit === "percentunit") return 0.01;
  if (unit === "bytes" || unit === "Bps") return 1024;
  return unit === "s" ? 0.001 : 1;
}

/** Explicit in every panel: Grafana's own default paints everything above 80 red. */
export function thresholds(limits: Limits | undefined) {
  const steps: dashboard.Threshold[] = [];
  if (limits === undefined) steps.push({ value: null, color: "blue" });
  else if ("below" in limits) {
    steps.push({ value: null, color: "red" });
    if (limits.warnBelow !== undefined) steps.push({ value: limits.below, color: "orange" });
    steps.push({ value: limits.warnBelow ?? limits.below, color: "green" });
  } else {
    steps.push({ value: null, color: "green" });
    if (limits.warnAbove !== undefined) steps.push({ value: limits.warnAbove, color: "orange" });
    if ("above" in limits) steps.push({ value: limits.above, color: "red" });
  }
  return new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps);
}
