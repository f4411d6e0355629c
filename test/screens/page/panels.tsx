/** Each kind of panel, drawn by Grafana's own components from frames whose fields are configured. */
import {
  type DataFrame,
  type FieldConfigSource,
  type FieldDisplay,
  type GrafanaTheme2,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  type ReduceDataOptions,
  type TimeRange,
  VizOrientation,
} from "@grafana/data";
import type {
  BarGaugeDisplayMode,
  BarGaugeNamePlacement,
  BarGaugeValueMode,
  VizLegendOptions,
  VizTextDisplayOptions,
} from "@grafana/schema";
import {
  BarGauge,
  BigValue,
  type BigValueColorMode,
  type BigValueGraphMode,
  type BigValueJustifyMode,
  type BigValueTextMode,
  type TableSortByFieldState,
  TimeSeries,
  useTheme2,
  VizRepeater,
} from "@grafana/ui";
import { TableNG } from "@grafana/ui/unstable";
import type { ReactElement } from "react";
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

function values(
  { frames, fieldConfig, options }: Drawing,
  theme: GrafanaTheme2,
  sparkline: boolean,
): FieldDisplay[] {
  return getFieldDisplayValues({
    data: frames,
    fieldConfig,
    reduceOptions: options.reduceOptions as ReduceDataOptions,
    replaceVariables: (text) => text,
    theme,
    sparkline,
    timeZone: "utc",
  });
}

function Stat(drawing: Drawing): ReactElement {
  const theme = useTheme2();
  const { frames, options, range, width, height } = drawing;
  return (
    <VizRepeater<FieldDisplay, ReturnType<typeof getDisplayValueAlignmentFactors>>
      getValues={() => values(drawing, theme, options.graphMode !== "none")}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      source={frames}
      renderCounter={1}
      autoGrid
      orientation={options.orientation as VizOrientation}
      itemSpacing={3}
      width={width}
      height={height}
      renderValue={({ value, alignmentFactors, count, ...size }) => (
        <BigValue
          {...size}
          value={value.display}
          count={count}
          {...(value.sparkline && { sparkline: { ...value.sparkline, timeRange: range } })}
          alignmentFactors={alignmentFactors}
          colorMode={options.colorMode as BigValueColorMode}
          graphMode={options.graphMode as BigValueGraphMode}
          justifyMode={options.justifyMode as BigValueJustifyMode}
          textMode={options.textMode as BigValueTextMode}
          disableWideLayout={!options.wideLayout}
          theme={theme}
        />
      )}
    />
  );
}

function Bars(drawing: Drawing): ReactElement {
  const theme = useTheme2();
  const { frames, options, width, height } = drawing;
  const orientation = options.orientation as VizOrientation;
  return (
    <VizRepeater<FieldDisplay, ReturnType<typeof getDisplayValueAlignmentFactors>>
      getValues={() => values(drawing, theme, false)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      source={frames}
      renderCounter={1}
      orientation={orientation}
      itemSpacing={10}
      minVizWidth={options.minVizWidth as number}
      minVizHeight={options.minVizHeight as number}
      maxVizHeight={options.maxVizHeight as number}
      width={width}
      height={height}
      renderValue={({ value: { display, field, view, colIndex }, alignmentFactors, width, height }) => (
        <BarGauge
          width={width}
          height={height}
          value={display}
          field={field}
          display={view?.getFieldDisplayProcessor(colIndex as number)}
          orientation={orientation === VizOrientation.Auto ? VizOrientation.Horizontal : orientation}
          alignmentFactors={alignmentFactors}
          displayMode={options.displayMode as BarGaugeDisplayMode}
          text={options.text as VizTextDisplayOptions}
          valueDisplayMode={options.valueMode as BarGaugeValueMode}
          namePlacement={options.namePlacement as BarGaugeNamePlacement}
          showUnfilled={options.showUnfilled as boolean}
          itemSpacing={10}
          theme={theme}
        />
      )}
    />
  );
}

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
