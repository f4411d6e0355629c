/**
 * The words of a panel's `fieldConfig`, each with the processor of @grafana/data that reads it. Grafana's core, and not
 * its packages, registers them.
 */
import {
  displayNameOverrideProcessor,
  type FieldColor,
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  identityOverrideProcessor,
  numberOverrideProcessor,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
  stringOverrideProcessor,
  thresholdsOverrideProcessor,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
} from "@grafana/data";

type Processor = FieldConfigPropertyItem["process"];

const STANDARD: Readonly<Record<string, unknown>> = {
  unit: unitOverrideProcessor,
  min: numberOverrideProcessor,
  max: numberOverrideProcessor,
  decimals: numberOverrideProcessor,
  displayName: displayNameOverrideProcessor,
  color: identityOverrideProcessor,
  noValue: stringOverrideProcessor,
  thresholds: thresholdsOverrideProcessor,
  mappings: valueMappingsOverrideProcessor,
};

const CUSTOM = [
  "align",
  "axisSoftMax",
  "axisPlacement",
  "axisSoftMin",
  "cellOptions",
  "drawStyle",
  "fillOpacity",
  "filterable",
  "gradientMode",
  "inspect",
  "lineInterpolation",
  "lineStyle",
  "lineWidth",
  "minWidth",
  "pointSize",
  "scaleDistribution",
  "showPoints",
  "spanNulls",
  "stacking",
  "thresholdsStyle",
  "width",
];

function item(path: string, process: unknown, isCustom: boolean): FieldConfigPropertyItem {
  const nothing = () => null;
  return {
    id: isCustom ? `custom.${path}` : path,
    path,
    name: path,
    isCustom,
    editor: nothing,
    override: nothing,
    process: process as Processor,
    shouldApply: () => true,
  };
}

const standard = Object.entries(STANDARD).map(([path, process]) => item(path, process, false));

/** Of the words above and of those that only some kinds of panels have. */
export const fieldOptions = new FieldConfigOptionsRegistry(() => [
  ...standard,
  ...CUSTOM.map((path) => item(path, identityOverrideProcessor, true)),
]);

export function registerOptions(): void {
  standardFieldConfigEditorRegistry.setInit(() => standard);
  standardTransformersRegistry.setInit(() =>
    [
      standardTransformers.mergeTransformer,
      standardTransformers.filterFieldsByNameTransformer,
      standardTransformers.organizeFieldsTransformer,
      standardTransformers.sortByTransformer,
    ].map((transformation) => ({
      id: transformation.id,
      name: transformation.name,
      description: transformation.description ?? "",
      transformation: async () => transformation,
      editor: () => null,
      imageDark: "",
      imageLight: "",
    })),
  );
}

export type Defaults = { color: FieldColor; custom: Record<string, unknown> };

/** What a kind of panel has where its JSON says nothing. */
export const kindDefaults: Readonly<Record<string, Defaults>> = {
  timeseries: {
    color: { mode: "palette-classic" },
    custom: {
      drawStyle: "line",
      lineInterpolation: "linear",
      gradientMode: "none",
      pointSize: 5,
      spanNulls: false,
      axisPlacement: "auto",
      scaleDistribution: { type: "linear" },
      thresholdsStyle: { mode: "off" },
    },
  },
  stat: { color: { mode: "thresholds" }, custom: {} },
  bargauge: { color: { mode: "thresholds" }, custom: {} },
  table: { color: { mode: "thresholds" }, custom: { cellOptions: { type: "auto" }, filterable: false } },
  "state-timeline": { color: { mode: "thresholds" }, custom: {} },
};
