/** `ps` as a table for people. */
import { type Paint, printable } from "../../generator/report/paint.ts";
import { tableLines } from "../../generator/report/table.ts";
import { bytes } from "../../generator/report/units.ts";
import type { Ps, PsRow } from "./ps.ts";

export function psText({ project, maintenance, rows, notes }: Ps, paint: Paint): string {
  const atEdge = rows.some(({ in_flight }) => in_flight !== undefined);
  const header = ["SERVICE", "STATE", "RELEASE", "UP", "RESTARTS", "CPU", "MEMORY", "WEIGHT"];
  if (atEdge) header.push("IN FLIGHT");
  const cells = rows.map((row) => [
    row.service,
    row.state,
    row.release ?? "",
    row.seconds === undefined ? "" : span(row.seconds) + (row.state === "done" ? " ago" : ""),
    row.restarts === undefined || (row.restarts === 0 && row.kind === "job") ? "" : String(row.restarts),
    row.cpu ? part(row.cpu, (cores) => cores.toFixed(cores < 10 ? 2 : 1)) : "",
    row.memory ? part(row.memory, bytes) : "",
    row.weight === undefined ? "" : `${row.weight}${row.suspected ? " suspected" : ""}`,
    ...(atEdge ? [row.in_flight === undefined ? "" : String(row.in_flight)] : []),
    row.note ?? "",
  ]);
  const [first = "", ...lines] = tableLines([header, ...cells]);
  const ill = rows.filter(({ well }) => !well).length;
  return [
    paint("dim", first),
    ...lines.map((line, index) => {
      const style = styleOf(rows[index] as PsRow);
      return style ? paint(style, line) : line;
    }),
    "",
    `${project}: ${ill === 0 ? "all is as it should be" : `${ill} of ${rows.length} not as it should be`}${
      maintenance ? paint("yellow", "; MAINTENANCE is on, the edge answers 503") : ""
    }`,
    ...notes.map((note) => paint("yellow", printable(note))),
  ].join("\n");
}

function styleOf(row: PsRow) {
  if (!row.well) return "red" as const;
  if (row.state === "starting" || row.suspected) return "yellow" as const;
  return row.state === "done" || row.state === "resting" ? ("dim" as const) : undefined;
}

function part({ used, limit }: { used: number; limit?: number }, write: (value: number) => string): string {
  return limit === undefined ? write(used) : `${write(used)} of ${write(limit)}`;
}

/** `2h ago`. Moments in seconds of the epoch; clocks differ, so that one to come is `0s ago`. */
export function ago(moment: number, now: number): string {
  return `${span(Math.max(0, now - moment))} ago`;
}

/** `45s`, `12m`, `3h`, `9d`. */
export function span(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)}s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
