/**
 * A strip a series over time. The one kind that Grafana's library does not have (its core does): axes, scales and legend
 * are the library's, colours and texts come from its display processors, and the boxes are drawn here.
 */
import {
  type DataFrame,
  type Field,
  FieldType,
  type GrafanaTheme2,
  getFieldDisplayName,
  type TimeRange,
} from "@grafana/data";
import {
  AxisPlacement,
  LegendDisplayMode,
  ScaleDirection,
  ScaleOrientation,
  type VizLegendOptions,
} from "@grafana/schema";
import { GraphNG, UPlotConfigBuilder, useTheme2, VizLayout, VizLegend } from "@grafana/ui";
import type { ReactElement } from "react";
import type uPlot from "uplot";
import type { Drawing } from "./panels.tsx";

export function StateTimeline({ frames, options, range, width, height }: Drawing): ReactElement {
  const theme = useTheme2();
  const legend = options.legend as VizLegendOptions;
  return (
    <GraphNG
      theme={theme}
      frames={frames}
      timeRange={range}
      timeZone="utc"
      width={width}
      height={height}
      legend={legend}
      prepConfig={(frame, _, rangeNow) => configure(frame, theme, rangeNow, options.rowHeight as number)}
      renderLegend={() =>
        legend.showLegend ? (
          <VizLayout.Legend placement={legend.placement}>
            <VizLegend
              placement={legend.placement}
              displayMode={LegendDisplayMode.List}
              items={states(frames)}
              readonly
            />
          </VizLayout.Legend>
        ) : null
      }
    />
  );
}

function states(frames: readonly DataFrame[]) {
  const found = new Map<string, { label: string; color: string; yAxis: number }>();
  for (const field of frames.flatMap(({ fields }) => fields.filter(({ type }) => type === FieldType.number)))
    for (const value of field.values) {
      const { text, color = "gray" } = field.display?.(value) ?? { text: String(value) };
      found.set(text, { label: text, color, yAxis: 1 });
    }
  return [...found.values()];
}

function configure(
  frame: DataFrame,
  theme: GrafanaTheme2,
  rangeNow: () => TimeRange,
  rowHeight: number,
): UPlotConfigBuilder {
  const builder = new UPlotConfigBuilder("utc");
  const rows = frame.fields.slice(1);
  const middle = (row: number) => rows.length - row - 0.5;
  builder.setPrepData(([aligned]) => (aligned?.fields ?? []).map(({ values }) => values) as never);
  builder.addScale({
    scaleKey: "x",
    isTime: true,
    orientation: ScaleOrientation.Horizontal,
    direction: ScaleDirection.Right,
    range: () => [rangeNow().from.valueOf(), rangeNow().to.valueOf()],
  });
  builder.addScale({
    scaleKey: "row",
    orientation: ScaleOrientation.Vertical,
    direction: ScaleDirection.Up,
    range: [0, rows.length],
  });
  builder.addAxis({
    scaleKey: "x",
    isTime: true,
    timeZone: "utc",
    placement: AxisPlacement.Bottom,
    theme,
    grid: { show: false },
  });
  builder.addAxis({
    scaleKey: "row",
    placement: AxisPlacement.Left,
    theme,
    grid: { show: false },
    ticks: { show: false },
    splits: rows.map((_, row) => middle(row)),
    values: () => rows.map((field) => getFieldDisplayName(field, frame)),
  });
  for (const field of rows)
    builder.addSeries({
      scaleKey: "row",
      theme,
      fieldName: field.name,
      show: true,
      pathBuilder: () => null,
    } as never);
  builder.addHook("draw", (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const [row, field] of rows.entries()) drawRow(plot, field, middle(row), rowHeight);
    ctx.restore();
  });
  return builder;
}

/** Equal neighbours are one box, up to the next value or, at a gap, for a step. */
function drawRow(plot: uPlot, field: Field, middle: number, rowHeight: number): void {
  const times = plot.data[0];
  const [top, bottom] = [middle + rowHeight / 2, middle - rowHeight / 2].map((at) =>
    plot.valToPos(at, "row", true),
  );
  for (let at = 0; at < times.length; ) {
    const value = field.values[at];
    let next = at + 1;
    while (next < times.length && field.values[next] === value) next++;
    if (value !== null && value !== undefined) {
      const [left, right] = [times[at], times[next] ?? times.at(-1)].map((time) =>
        plot.valToPos(time as number, "x", true),
      );
      plot.ctx.fillStyle = field.display?.(value).color ?? "gray";
      plot.ctx.fillRect(
        left as number,
        top as number,
        (right as number) - (left as number),
        (bottom as number) - (top as number),
      );
    }
    at = next;
  }
}
