/** Each kind of panel, drawn by Grafana's own components from frames whose fields are configured. */
import type { DataFrame, FieldConfigSource, TimeRange } from "@grafana/data";
import type { VizLegendOptions } from "@grafana/schema";
import { type TableSortByFieldState, TimeSeries } from "@grafana/ui";
import { TableNG } from "@grafana/ui/unstable";
import type { ReactElement } from "react";
import { Bars, Stat } from "./numbers.tsx";
import { StateTimeline } from "./state-timeline.tsx";

export type Drawing = {
  frames: DataFrame[];
  fieldConfig: FieldConfigSource;
  options: Readonly<Record<string, unknown>>;
  range: TimeRange;
  width: number;
  height: number;
};

export const kinds: Readonly<Record<string, (drawing: Drawing) => ReactElement>> = {
  stat: Stat,
  bargauge: Bars,
  timeseries: Lines,
  table: Table,
  "state-timeline": StateTimeline,
};

function Lines({ frames, options, range, width, height }: Drawing): ReactElement {
  return (
    <TimeSeries
      frames={frames}
      timeRange={range}
      timeZone="utc"
      width={width}
      height={height}
      legend={options.legend as VizLegendOptions}
      options={options}
    />
  );
}

function Table({ frames, fieldConfig, options, range, width, height }: Drawing): ReactElement {
  const [data] = frames;
  if (!data) throw new Error("a table needs a frame");
  return (
    <TableNG
      data={data}
      width={width}
      height={height}
      timeRange={range}
      fieldConfig={fieldConfig}
      noHeader={!options.showHeader}
      cellHeight={options.cellHeight as never}
      structureRev={1}
      sortBy={options.sortBy as TableSortByFieldState[]}
      {...(fieldConfig.defaults.noValue && { noValue: fieldConfig.defaults.noValue })}
    />
  );
}
