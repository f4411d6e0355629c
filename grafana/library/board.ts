/** A dashboard from its sections: each a row of the grid with its panels under it. */
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
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
  /** Whether a line over all its panels marks each deploy. */
  deploys?: true;
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

/**
 * Two minutes from when a server first took requests with a new release. A number is never used twice, not by a
 * rollback either, so that one which was seen before is no deploy: nginx or Prometheus was away meanwhile.
 */
const DEPLOYED =
  "max by (release) (plimsoll_edge_server_release) unless on (release) max by (release) (present_over_time(plimsoll_edge_server_release[6h] offset 2m))";

function deployMarker() {
  // As often as is scraped, and not once a minute: the two minutes are met at any range of up to a week.
  const target = new prometheus.DataqueryBuilder().expr(DEPLOYED).range().interval("15s").refId("Anno");
  return new dashboard.AnnotationQueryBuilder()
    .name("Deploys")
    .datasource(DATA_SOURCE)
    .enable(true)
    .iconColor("purple")
    .target(target)
    .titleFormat("{{release}}")
    .textFormat("The first server takes requests with {{release}}.");
}

export function board({
  stem,
  title,
  description,
  pickers = [],
  deploys,
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
  if (deploys) builder.annotation(deployMarker());
  for (const [name, panels] of Object.entries(sections)) {
    builder.withRow(new dashboard.RowBuilder(name));
    for (const panel of panels) builder.withPanel(panel);
  }
  return finish(builder.build(), DATA_SOURCE);
}
