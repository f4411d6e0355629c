/** Panels as the dashboards need them: the SDK's builders with what every panel of ours has in common. */
import * as bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as statetimeline from "@grafana/grafana-foundation-sdk/statetimeline";
import type * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import { type DashboardStem, dashboardUid } from "../stems.ts";
import { linesLink } from "./logs.ts";
import { type Limits, mappings, type Query, softMax, thresholds, type Words } from "./words.ts";

export type PanelBuilder = { build(): dashboard.Panel };

type Visual =
  | bargauge.PanelBuilder
  | stat.PanelBuilder
  | statetimeline.PanelBuilder
  | table.PanelBuilder
  | timeseries.PanelBuilder;

type Shape = { width: number; height: number; as: "range" | "instant" | "table" };

export function fill<Panel extends Visual>(panel: Panel, words: Words, shape: Shape): Panel {
  panel.title(words.title);
  panel.description(words.description);
  panel.unit(words.unit);
  panel.span(words.width ?? shape.width);
  panel.height(words.height ?? shape.height);
  panel.thresholds(thresholds(words.limits));
  if (words.min !== undefined) panel.min(words.min);
  if (words.max !== undefined) panel.max(words.max);
  if (words.decimals !== undefined) panel.decimals(words.decimals);
  if (words.none !== undefined) panel.noValue(words.none);
  const links = [
    ...(words.more ? [moreLink(words.more)] : []),
    ...(words.lines ? [linesLink(words.lines)] : []),
  ];
  if (links.length > 0) panel.links(links);
  for (const { expr, legend } of words.queries) {
    const target = new prometheus.DataqueryBuilder().expr(expr).legendFormat(legend);
    if (shape.as === "range") target.range();
    else target.instant();
    if (shape.as === "table") target.format(prometheus.PromQueryFormat.Table);
    panel.withTarget(target);
  }
  return panel;
}

function moreLink(stem: DashboardStem) {
  return new dashboard.DashboardLinkBuilder(`More: ${stem}`)
    .type(dashboard.DashboardLinkType.Link)
    .url(`/d/${dashboardUid(stem)}`)
    .keepTime(true);
}

function lastValue(calc: "last" | "lastNotNull") {
  return new common.ReduceDataOptionsBuilder().calcs([calc]).values(false).fields("");
}

/**
 * A legend gets a third of a panel's height: three lines of a table, its head among them. So a wide panel has it beside
 * the lines, largest first, and a narrow one has a table only where its lines are one or two.
 */
function legend({ width = 12, queries }: Words) {
  const wide = width >= 12;
  const labels = queries.map((one) => one.legend.split("{{").length - 1);
  const table = wide || (queries.length <= 2 && labels.every((count) => count === 0));
  // Of several of each, the names alone fill it.
  const many = labels.some((count) => count > 1) || labels.filter((count) => count > 0).length > 1;
  const builder = new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(table ? common.LegendDisplayMode.Table : common.LegendDisplayMode.List)
    .placement(wide ? common.LegendPlacement.Right : common.LegendPlacement.Bottom)
    .calcs(table ? ["lastNotNull", "max"] : many ? [] : ["lastNotNull"]);
  return table ? builder.sortBy("Last *").sortDesc(true) : builder;
}

/** Lines over time; with `stack`, areas that add up. */
export function lines(words: Words & { stack?: true }): PanelBuilder {
  const panel = fill(new timeseries.PanelBuilder(), words, { width: 12, height: 8, as: "range" })
    .lineWidth(1)
    .fillOpacity(words.stack ? 40 : 8)
    .showPoints(common.VisibilityMode.Never)
    .axisSoftMin(0)
    .stacking(
      new common.StackingConfigBuilder().mode(
        words.stack ? common.StackingMode.Normal : common.StackingMode.None,
      ),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi)
        .sort(common.SortOrder.Descending),
    )
    .legend(legend(words));
  if (words.max === undefined) panel.axisSoftMax(softMax(words.unit));
  if (words.limits)
    panel.thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed),
    );
  for (const [pattern, fixedColor] of Object.entries(words.paint ?? {}))
    panel.overrideByRegexp(pattern, [{ id: "color", value: { mode: "shades", fixedColor } }]);
  for (const { legend } of words.queries.filter((one) => one.objective))
    panel.overrideByRegexp(nameOf(legend), [
      { id: "color", value: { mode: "fixed", fixedColor: "red" } },
      { id: "custom.lineStyle", value: { fill: "dash", dash: [10, 10] } },
      { id: "custom.fillOpacity", value: 0 },
      { id: "custom.stacking", value: { mode: "none", group: "objective" } },
    ]);
  return panel;
}

/** The names that a legend comes to, as a pattern. */
function nameOf(legend: string): string {
  return `/^${legend.replace(/[.*+?^$()|[\]\\/]/g, "\\$&").replace(/\{\{\w+\}\}/g, ".+")}$/`;
}

/**
 * A series that ended leaves its last value behind: a replica that died was "0 s behind" for hours. So a number is one
 * series, the worst of several, which goes on as no number.
 */
function unbroken(found: Query, limits: Limits | undefined): Query {
  const worst = limits && "below" in limits ? "min" : "max";
  return { ...found, expr: `${worst}(${found.expr}) or vector(NaN)` };
}

/** A number now, coloured by its limits, with the way it came small behind it. */
export function number(words: Words): PanelBuilder {
  const several = words.queries.length > 1;
  const all = { ...words, queries: words.queries.map((one) => unbroken(one, one.limits ?? words.limits)) };
  const panel = fill(new stat.PanelBuilder(), all, { width: 4, height: 4, as: "range" })
    // What has words in place of numbers has no height either.
    .graphMode(words.called ? common.BigValueGraphMode.None : common.BigValueGraphMode.Area)
    .colorMode(words.limits ? common.BigValueColorMode.Background : common.BigValueColorMode.Value)
    .mappings(mappings(words))
    .textMode(several ? common.BigValueTextMode.ValueAndName : common.BigValueTextMode.Auto)
    .reduceOptions(lastValue("last"));
  for (const { legend, limits } of words.queries)
    if (limits) panel.overrideByName(legend, [{ id: "thresholds", value: thresholds(limits).build() }]);
  return panel;
}

/** One bar a series, now: shares, fill levels. */
export function bars(words: Words): PanelBuilder {
  return (
    fill(new bargauge.PanelBuilder(), words, { width: 8, height: 8, as: "instant" })
      .displayMode(common.BarGaugeDisplayMode.Basic)
      .orientation(common.VizOrientation.Horizontal)
      .valueMode(common.BarGaugeValueMode.Color)
      // Both would be as large as there is room, and the bar as small.
      .text(new common.VizTextDisplayOptionsBuilder().titleSize(14).valueSize(24))
      .namePlacement(common.BarGaugeNamePlacement.Left)
      .reduceOptions(lastValue("lastNotNull"))
  );
}

/** A strip a series over time: green where the value is 1, red where it is 0. */
export function strips(
  words: Omit<Words, "unit" | "limits"> & { good?: string; bad?: string },
): PanelBuilder {
  const all: Words = { ...words, unit: "none", limits: { below: 1 } };
  return fill(new statetimeline.PanelBuilder(), all, { width: 12, height: 8, as: "range" })
    .mappings([
      {
        type: dashboard.MappingType.ValueToText,
        options: {
          "0": { text: words.bad ?? "down", color: "red", index: 0 },
          "1": { text: words.good ?? "up", color: "green", index: 1 },
        },
      },
    ])
    .mergeValues(true)
    .showValue(common.VisibilityMode.Never)
    .rowHeight(0.8)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom),
    );
}
