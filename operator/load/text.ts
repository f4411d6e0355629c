/** A load's report for people. */
import type { Paint } from "../../generator/report/paint.ts";
import { tableLines } from "../../generator/report/table.ts";
import type { Loaded } from "./load.ts";
import type { Row } from "./report.ts";

export function loadText({ report, rows, outcomes, notes }: Loaded, paint: Paint): string {
  const header = ["OBJECTIVE", "MEASURED", "RATIO", "VERDICT"];
  const cells = rows.map((row) => [
    `${row.objective} ${row.objective === "rate" ? "of" : "at most"} ${said(row.bound, row.unit)}`,
    row.measured === null ? "nothing" : said(row.measured, row.unit),
    row.ratio === null ? "" : row.ratio.toFixed(2),
    row.met ? "met" : "MISSED",
  ]);
  const [first = "", ...lines] = tableLines([header, ...cells]);
  const { requests, seconds, p50, p99, errors, limited, release, environment } = report;
  const spread = [p50 !== null && `p50 ${said(p50, "s")}`, p99 !== null && `p99 ${said(p99, "s")}`];
  return [
    paint("dim", first),
    ...lines.map((line, index) => paint((rows[index] as Row).met ? "green" : "red", line)),
    "",
    [
      `${requests} requests in ${seconds} s to ${environment}${release ? ` ${release}` : ""}`,
      ...spread.filter((part) => part !== false),
      `${errors} failed`,
      ...(limited > 0 ? [`${limited} limited (429)`] : []),
    ].join(", "),
    ...Object.entries(outcomes)
      .filter(([outcome]) => !/ [23]\d\d$/.test(outcome))
      .sort(([, one], [, other]) => other - one)
      .slice(0, 10)
      .map(([outcome, count]) => `  ${count} x ${outcome}`),
    ...notes.map((note) => paint("yellow", note)),
  ].join("\n");
}

export function said(value: number, unit: Row["unit"]): string {
  if (unit === "ratio") return `${Number((value * 100).toFixed(3))}%`;
  if (unit === "per second") return `${Number(value.toFixed(1))}/s`;
  if (value >= 1) return `${Number(value.toFixed(2))} s`;
  return `${Number((value * 1_000).toFixed(value < 0.01 ? 1 : 0))} ms`;
}
