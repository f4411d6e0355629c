/** The checklist as a terminal shows it. */
import { type Paint, printable, type Style } from "../../generator/report/paint.ts";
import { type CheckState, groupOf, groups } from "./item.ts";
import { type Checked, stops } from "./run.ts";

const marks: Record<CheckState, { mark: string; style: Style }> = {
  passed: { mark: "ok", style: "green" },
  failed: { mark: "FAIL", style: "red" },
  unavailable: { mark: "-", style: "dim" },
  unconfirmed: { mark: "?", style: "yellow" },
};

export function countsOf(results: readonly Checked[]): Record<CheckState, number> {
  const counts: Record<CheckState, number> = { passed: 0, failed: 0, unavailable: 0, unconfirmed: 0 };
  for (const { state } of results) counts[state] += 1;
  return counts;
}

export function checklistText(results: readonly Checked[], paint: Paint): string {
  const width = Math.max(...results.map(({ id }) => id.length));
  const blocks = Object.entries(groups).flatMap(([group, { title }]) => {
    const own = results.filter(({ id }) => groupOf(id) === group);
    if (own.length === 0) return [];
    return [[paint("bold", title), ...own.flatMap((result) => lines(result, width, paint))].join("\n")];
  });
  return [...blocks, summary(results, paint)].join("\n\n");
}

function lines(result: Checked, width: number, paint: Paint): string[] {
  const { id, title, state, said, remedy, required } = result;
  // What is only advised does not shout.
  const { mark, style } =
    state === "failed" && !required ? { mark: "warn", style: "yellow" as const } : marks[state];
  const first = `  ${paint(style, mark.padEnd(4))}  ${id.padEnd(width)}  ${title}: ${printable(said)}`;
  if (remedy === undefined || state === "passed") return [first];
  return [first, `  ${" ".repeat(6 + width + 2)}${paint("dim", printable(remedy))}`];
}

function summary(results: readonly Checked[], paint: Paint): string {
  const { passed, failed, unavailable, unconfirmed } = countsOf(results);
  const stopping = results.filter(stops).map(({ id }) => id);
  const counts = `${passed} passed, ${failed} failed, ${unavailable} not available, ${unconfirmed} to be confirmed`;
  if (stopping.length === 0) return `${counts}. ${paint("green", "Nothing required failed.")}`;
  return `${counts}. ${paint("red", `Required, and failed: ${stopping.join(", ")}`)}`;
}
