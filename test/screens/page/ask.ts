/** What a panel's queries find, as the data frames that Grafana's data source for Prometheus makes of it. */
import { createDataFrame, type DataFrame, FieldType, type Labels, type TimeRange } from "@grafana/data";
import { substitute } from "../../../grafana/expressions.ts";
import type { FinishedPanel, FinishedTarget } from "../../../grafana/library/finish.ts";
import { type Pace, paceOf } from "./time.ts";

type Point = [seconds: number, value: string];
type Found = { metric: Labels; value?: Point; values?: Point[] };
type Target = FinishedTarget & { instant?: boolean; format?: string };

export type Asking = { range: TimeRange; pickers: readonly string[]; scrape: string; width: number };

/** @throws where Prometheus refuses an expression */
export async function ask(panel: FinishedPanel, asking: Asking): Promise<DataFrame[]> {
  const pace = paceOf(asking.range, asking.width, asking.scrape);
  const targets = panel.targets as Target[];
  const frames = targets.map(async (target) => {
    const found = await query(target, asking, pace);
    if (target.format === "table") return [tableOf(target, found, targets.length > 1)];
    return found.map((one) => seriesOf(target, one, pace.step));
  });
  return (await Promise.all(frames)).flat();
}

async function query(target: Target, { range, pickers }: Asking, { step, macros }: Pace): Promise<Found[]> {
  const expr = substitute(target.expr, pickers, macros);
  // At full steps, so that a reload finds the same points.
  const at = (moment: number) => String((Math.floor(moment / step) * step) / 1000);
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const [path, times] = target.instant
    ? ["query", { time: String(to / 1000) }]
    : ["query_range", { start: at(from), end: at(to), step: String(step / 1000) }];
  const answer = await fetch(`/api/v1/${path}`, {
    method: "POST",
    body: new URLSearchParams({ query: expr, ...times } as Record<string, string>),
  });
  const { data, error } = (await answer.json()) as { data?: { result: Found[] }; error?: string };
  if (!data) throw new Error(error ?? `Prometheus answers ${answer.status}`);
  return data.result;
}

function numberOf(text: string): number {
  return { "+Inf": Infinity, "-Inf": -Infinity }[text] ?? Number(text);
}

function pointsOf({ value, values }: Found): Point[] {
  return values ?? (value ? [value] : []);
}

function seriesOf({ refId, legendFormat }: Target, found: Found, step: number): DataFrame {
  const points = pointsOf(found);
  const name = legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => found.metric[label] ?? "");
  return createDataFrame({
    refId,
    fields: [
      {
        name: "Time",
        type: FieldType.time,
        // Points further apart than this are not joined.
        config: { interval: step },
        values: points.map(([seconds]) => seconds * 1000),
      },
      {
        name: "Value",
        type: FieldType.number,
        labels: found.metric,
        config: name ? { displayNameFromDS: name } : {},
        values: points.map(([, text]) => numberOf(text)),
      },
    ],
  });
}

/** One row a series: the time, its labels, its value. */
function tableOf({ refId }: Target, found: readonly Found[], several: boolean): DataFrame {
  const labels = [...new Set(found.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const last = found.map((one) => pointsOf(one).at(-1));
  const name = several ? `Value #${refId}` : "Value";
  return createDataFrame({
    refId,
    fields: [
      { name: "Time", type: FieldType.time, values: last.map((point) => (point?.[0] ?? 0) * 1000) },
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        values: found.map(({ metric }) => metric[label] ?? ""),
      })),
      { name, type: FieldType.number, values: last.map((point) => numberOf(point?.[1] ?? "NaN")) },
    ].map((field) => (found.length ? field : { ...field, values: [] })),
  });
}
