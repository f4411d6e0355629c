/** Numbers and bars: what a panel reduces its series to, by Grafana's own components. */
import {
  type FieldDisplay,
  type GrafanaTheme2,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  type ReduceDataOptions,
  VizOrientation,
} from "@grafana/data";
import type {
  BarGaugeDisplayMode,
  BarGaugeNamePlacement,
  BarGaugeValueMode,
  VizTextDisplayOptions,
} from "@grafana/schema";
import {
  BarGauge,
  BigValue,
  type BigValueColorMode,
  type BigValueGraphMode,
  type BigValueJustifyMode,
  type BigValueTextMode,
  useTheme2,
  VizRepeater,
} from "@grafana/ui";
import type { ReactElement } from "react";
import type { Drawing } from "./panels.tsx";

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

export function Stat(drawing: Drawing): ReactElement {
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

export function Bars(drawing: Drawing): ReactElement {
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
