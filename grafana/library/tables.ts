/** Tables as the dashboards need them. */
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as table from "@grafana/grafana-foundation-sdk/table";
import { fill, type PanelBuilder } from "./panels.ts";
import type { Words } from "./words.ts";

/** Pixels: of seven columns on half a page the last ones would be out of sight, at Grafana's 150. */
const COLUMN = 80;

/** A table of labels (name to heading) of an instant query, with its value last where that has a heading. */
export function rows(
  words: Words & { columns: Readonly<Record<string, string>>; value?: string },
): PanelBuilder {
  const { columns, value } = words;
  const panel = fill(new table.PanelBuilder(), words, { width: 12, height: 8, as: "table" })
    .showHeader(true)
    .minWidth(COLUMN)
    .withTransformation({
      id: "filterFieldsByName",
      options: { include: { names: [...Object.keys(columns), ...(value ? ["Value"] : [])] } },
    })
    .withTransformation({
      id: "organize",
      options: {
        excludeByName: {},
        indexByName: Object.fromEntries(
          [...Object.keys(columns), "Value"].map((name, index) => [name, index]),
        ),
        renameByName: { ...columns, ...(value ? { Value: value } : {}) },
      },
    });
  // What is said of a table without lines would stand in each cell without a label.
  if (words.none !== undefined)
    for (const heading of Object.values(columns))
      panel.overrideByName(heading, [{ id: "noValue", value: "–" }]);
  if (columns.alertname) panel.overrideByName(columns.alertname, [{ id: "custom.width", value: 250 }]);
  // "page" before "warn".
  const { severity } = columns;
  return severity ? panel.sortBy([new common.TableSortByFieldStateBuilder().displayName(severity)]) : panel;
}

/**
 * A table with one line for each value of a label, and beside it what each query found. A query's legend is the heading
 * of its column.
 */
export function sideBySide(
  words: Words & { label: Readonly<{ name: string; heading: string }>; units: readonly string[] },
): PanelBuilder {
  const { label, queries, units } = words;
  // Grafana names the columns by the letters of the queries (finish.ts), which follow their order.
  const columns = queries.map(
    ({ legend }, at) => [`Value #${String.fromCharCode(65 + at)}`, legend] as const,
  );
  const names = [label.name, ...columns.map(([name]) => name)];
  const panel = fill(new table.PanelBuilder(), words, { width: 16, height: 8, as: "table" })
    .showHeader(true)
    .minWidth(COLUMN)
    .withTransformation({ id: "merge", options: {} })
    .withTransformation({ id: "filterFieldsByName", options: { include: { names } } })
    .withTransformation({
      id: "organize",
      options: {
        excludeByName: {},
        indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
        renameByName: { [label.name]: label.heading, ...Object.fromEntries(columns) },
      },
    });
  for (const [at, { legend }] of queries.entries())
    panel.overrideByName(legend, [{ id: "unit", value: units[at] ?? words.unit }]);
  return panel;
}
