/** One panel: its data asked for, transformed and configured by @grafana/data, in Grafana's frame. */
import {
  applyFieldOverrides,
  applyNullInsertThreshold,
  cacheFieldDisplayNames,
  createTheme,
  type DataFrame,
  type Field,
  type FieldConfigSource,
  FieldType,
  transformDataFrame,
} from "@grafana/data";
import { ErrorBoundary, Icon, PanelChrome } from "@grafana/ui";
import { lastValueFrom } from "rxjs";
import type { FinishedPanel } from "../../../grafana/library/finish.ts";
import { type Asking, ask } from "./ask.ts";
import { fieldOptions, kindDefaults } from "./field-options.ts";
import { kinds } from "./panels.tsx";

export const theme = createTheme({ colors: { mode: "dark" } });

export type Filled = { frames: DataFrame[]; fieldConfig: FieldConfigSource; error?: string };

export async function fill(panel: FinishedPanel, asking: Asking): Promise<Filled> {
  const { defaults = {}, overrides = [] } = (panel.fieldConfig ?? {}) as Partial<FieldConfigSource>;
  const kind = kindDefaults[panel.type];
  const custom = { ...kind?.custom, ...defaults.custom };
  const fieldConfig = { defaults: { ...kind, ...defaults, custom }, overrides } as FieldConfigSource;
  try {
    const found = await ask(panel, asking);
    const steps = (panel.transformations ?? []) as Parameters<typeof transformDataFrame>[0];
    const data = await lastValueFrom(transformDataFrame(steps, found));
    const frames = applyFieldOverrides({
      data,
      fieldConfig,
      fieldConfigRegistry: fieldOptions,
      replaceVariables: (text) => text,
      theme,
      timeZone: "utc",
    });
    cacheFieldDisplayNames(frames);
    return { frames: panel.type === "timeseries" ? frames.map(withGaps) : frames, fieldConfig };
  } catch (error) {
    return { frames: [], fieldConfig, error: (error as Error).message };
  }
}

/** Grafana's core draws a gap where a value is no number, and where one is missing. */
function withGaps(given: DataFrame): DataFrame {
  const frame = applyNullInsertThreshold({ frame: given });
  const finite = (value: unknown) => (typeof value === "number" && !Number.isFinite(value) ? null : value);
  const fields = frame.fields.map((field) => ({ ...field, values: field.values.map(finite) }));
  return { ...frame, fields };
}

export function isEmpty({ frames }: Filled): boolean {
  const has = ({ type, values }: Field) =>
    type !== FieldType.time && values.some((value) => value !== null && !Number.isNaN(value));
  return !frames.some(({ fields }) => fields.some(has));
}

export type PanelProps = Asking & {
  panel: FinishedPanel;
  filled: Filled;
  height: number;
  /** Why it may be empty. */
  reason: string | undefined;
  failed: (error: string) => void;
};

export function Panel({ panel, filled, range, width, height, reason, failed }: PanelProps) {
  const Kind = kinds[panel.type];
  const missing = filled.error ?? `no kind of panel here: ${panel.type}`;
  const none = filled.fieldConfig.defaults.noValue;
  return (
    <PanelChrome
      width={width}
      height={height}
      title={panel.title ?? ""}
      description={panel.description ?? ""}
      titleItems={panel.links?.length ? <Icon name="external-link-alt" /> : undefined}
    >
      {(innerWidth, innerHeight) => {
        if (filled.error || !Kind) return <Words first={missing} />;
        // A number says by itself that it has no value.
        if (isEmpty(filled) && panel.type !== "stat")
          return <Words first={none ?? "No data"} second={none ? undefined : reason} />;
        const size = { width: innerWidth, height: innerHeight };
        return (
          // A component that throws leaves its panel, and not the page, without a picture.
          <ErrorBoundary onError={({ message }) => failed(message)}>
            {({ error }) =>
              error?.message ?? (
                <Kind
                  {...filled}
                  {...size}
                  options={panel.options as Record<string, unknown>}
                  range={range}
                />
              )
            }
          </ErrorBoundary>
        );
      }}
    </PanelChrome>
  );
}

function Words({ first, second }: { first: string; second?: string | undefined }) {
  return (
    <div style={{ height: "100%", display: "grid", placeContent: "center", textAlign: "center" }}>
      <div>{first}</div>
      {second && <div style={{ color: theme.colors.text.disabled }}>({second})</div>}
    </div>
  );
}
