/** Every PromQL expression of a dashboard, of its markers too, ready for a parser or for Prometheus itself. */
import { type Finished, isRow } from "./library/finish.ts";

export type Expression = { dashboard: string; panel: string; expr: string };

/** Of three hours, scraped seldom. */
const MACROS = { __rate_interval: "5m", __interval: "1m", __range: "3h", __range_s: "10800" };

/** What Grafana puts in place of its macros before it asks; a picker at `All` asks for everything. */
export function substitute(
  expr: string,
  pickers: readonly string[],
  macros: Readonly<Record<string, string>> = MACROS,
): string {
  const values: Record<string, string> = {
    ...macros,
    ...Object.fromEntries(pickers.map((name) => [name, ".*"])),
  };
  return expr.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced, bare) => {
    // A group of label_replace: Grafana leaves it alone too.
    if (/^\d+$/.test(bare)) return whole;
    const value = values[braced ?? bare];
    if (value === undefined) throw new Error(`${whole} is no macro or picker that is known here: ${expr}`);
    return value;
  });
}

export function expressions(dashboard: Finished): Expression[] {
  const pickers = (dashboard.templating?.list ?? []).map(({ name }) => name);
  const found: Expression[] = (dashboard.annotations?.list ?? []).flatMap(({ name, target }) => {
    const { expr } = target as unknown as { expr: string };
    return { dashboard: dashboard.uid as string, panel: name, expr: substitute(expr, pickers) };
  });
  for (const panel of dashboard.panels) {
    if (isRow(panel)) continue;
    for (const { expr } of panel.targets)
      found.push({
        dashboard: dashboard.uid as string,
        panel: panel.title ?? "",
        expr: substitute(expr, pickers),
      });
  }
  return found;
}
