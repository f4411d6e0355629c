/** `objectives` as a table for people. */
import type { Paint, Style } from "../../generator/report/paint.ts";
import { span } from "../operate/ps-text.ts";
import { type Objective, type ObjectivesFound, type Verdict, windowText } from "./objectives.ts";

export const TITLES: Record<Objective["objective"], string> = {
  uptime: "uptime",
  errors: "errors",
  p95: "p95",
  database: "database",
  cache_hits: "cache hits",
  rpo: "RPO",
  rto: "RTO",
};

const STYLES: Record<Verdict, Style> = { kept: "green", "at risk": "yellow", broken: "red", unknown: "dim" };

export function objectivesText(found: ObjectivesFound, paint: Paint): string {
  const rows = found.objectives.map((one) => [
    TITLES[one.objective],
    targetText(one),
    measuredText(one),
    one.over === undefined ? "" : span(one.over),
    one.left === undefined ? "" : leftText(one.left),
    one.burn === undefined ? "" : burnText(one.burn),
  ]);
  const header = ["OBJECTIVE", "PROMISED", "MEASURED", "OVER", "BUDGET LEFT", "BURN", "VERDICT"];
  const widths = header.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    row.map((cell, at) => cell.padEnd(widths[at] as number)).join("  ");
  const window = windowText(found);
  return [
    paint("dim", line(header).trimEnd()),
    ...found.objectives.map(({ verdict, note }, index) => {
      const told = paint(STYLES[verdict], verdict);
      return `${line(rows[index] as string[])}  ${told}${note ? paint("dim", `: ${note}`) : ""}`;
    }),
    "",
    ...(found.unknown ? [paint("red", found.unknown)] : []),
    ...(window
      ? [`The window is ${window}. Burn is of the last hour: 1x uses the budget up within the window.`]
      : []),
  ].join("\n");
}

export function targetText({ below, target, unit }: Pick<Objective, "below" | "target" | "unit">): string {
  return `${below ? "<" : ">"} ${amount(target, unit)}`;
}

export function measuredText({ measured, unit }: Pick<Objective, "measured" | "unit">): string {
  return measured === undefined ? "not known" : amount(measured, unit);
}

/** A share with as many digits as tell it from the next promise: `99.98%`, `0.03%`, `91%`. */
export function amount(value: number, unit: Objective["unit"]): string {
  if (unit === "seconds") return seconds(value);
  const percent = 100 * value;
  // 99.996% is not all of it.
  if (value < 1 && percent > 99.995) return ">99.99%";
  if (value > 0 && percent < 0.005) return "<0.01%";
  return `${Number(percent.toFixed(2))}%`;
}

function seconds(value: number): string {
  if (value === 0) return "0 s";
  if (value < 1) return `${value < 0.01 ? Number((value * 1000).toFixed(1)) : Math.round(value * 1000)} ms`;
  if (value >= 3600 && value % 3600 === 0 && value < 48 * 3600) return `${value / 3600}h`;
  return value < 90 ? `${Number(value.toFixed(value < 10 ? 1 : 0))} s` : span(value);
}

export function leftText(left: number): string {
  return left < 0 ? `overspent ${Math.ceil(-100 * left)}%` : `${Math.floor(100 * left)}%`;
}

export function burnText(burn: number): string {
  return `${burn < 10 ? Number(burn.toFixed(1)) : Math.round(burn)}x`;
}
