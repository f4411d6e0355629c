/** A dashboard from its sections: each a row of the grid with its panels under it. */
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { type DashboardStem, dashboardUid } from "../stems.ts";
import { type Finished, finish } from "./finish.ts";
import type { PanelBuilder } from "./panels.ts";

export type Picker = { name: string; label: string; metric: string; values: string };

export type Board = {
  stem: DashboardStem;
  title: string;
  description: string;
  /** What the user picks at the top: values of a label of a metric. */
  pickers?: readonly Picker[];
  /** How far back it looks at first. */
  from?: string;
  sections: Readonly<Record<string, readonly PanelBuilder[]>>;
};

export const DATA_SOURCE = { type: "prometheus", uid: "prometheus" } as const;

function pickerVariable({ name, label, metric, values }: Picker) {
  const query = `label_values(${metric}, ${values})`;
  return (
    new dashboard.QueryVariableBuilder(name)
      .label(label)
      .datasource(DATA_SOURCE)
      .definition(query)
      .query({ qryType: 1, query, refId: "PrometheusVariableQueryEditor-VariableQuery" })
      .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
      .sort(dashboard.VariableSort.NaturalAsc)
      .multi(true)
      .includeAll(true)
      // Also where there is no value to pick yet: an application without metrics, a replica that is not there.
      .allValue(".*")
      .current({ text: "All", value: "$__all" })
  );
}

export function board({
  stem,
  title,
  description,
  pickers = [],
  from = "now-3h",
  sections,
}: Board): Finished {
  const builder = new dashboard.DashboardBuilder(title)
    .uid(dashboardUid(stem))
    .description(description)
    .tags(["plimsoll"])
    .readonly()
    .timezone("browser")
    .time({ from, to: "now" })
    .refresh("30s")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .variables(pickers.map(pickerVariable))
    .link(
      new dashboard.DashboardLinkBuilder("Dashboards")
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(["plimsoll"])
        .asDropdown(true)
        .keepTime(true),
    );
  for (const [name, panels] of Object.entries(sections)) {
    builder.withRow(new dashboard.RowBuilder(name));
    for (const panel of panels) builder.withPanel(panel);
  }
  return finish(builder.build(), DATA_SOURCE);
}
