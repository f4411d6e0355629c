/** What a dashboard's author says of a panel; `panels.ts` makes it one. */
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import type { DashboardStem } from "../stems.ts";

export type Query = { expr: string; legend: string; objective?: true };

/** Where a value turns bad: from a limit upwards, or below one. */
export type Limits = { above: number; warnAbove?: number } | { below: number; warnBelow?: number };

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
  /** The dashboard that says more. */
  more?: DashboardStem;
};

export function query(expr: string, legend: string): Query {
  return { expr: expr.replace(/\s*\n\s*/g, " ").trim(), legend };
}

/** A promise or a limit, drawn as a dashed red line over the values it bounds. */
export function objective(expr: string, legend = "objective"): Query {
  return { ...query(expr, legend), objective: true };
}

/** Explicit in every panel: Grafana's own default paints everything above 80 red. */
export function thresholds(limits: Limits | undefined) {
  const steps: dashboard.Threshold[] = [];
  if (limits === undefined) steps.push({ value: null, color: "blue" });
  else if ("above" in limits) {
    steps.push({ value: null, color: "green" });
    if (limits.warnAbove !== undefined) steps.push({ value: limits.warnAbove, color: "orange" });
    steps.push({ value: limits.above, color: "red" });
  } else {
    steps.push({ value: null, color: "red" });
    if (limits.warnBelow !== undefined) steps.push({ value: limits.below, color: "orange" });
    steps.push({ value: limits.warnBelow ?? limits.below, color: "green" });
  }
  return new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps);
}
