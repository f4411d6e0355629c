/** `errors` for people. */
import { type Paint, printable } from "../../generator/report/paint.ts";
import { joinNames, wrap } from "../../generator/report/units.ts";
import { ago, span } from "../operate/ps-text.ts";
import type { ErrorDetail, ErrorGroup, ErrorsFound } from "./errors.ts";

const BARS = "▁▂▃▄▅▆▇█";

export function errorsText(
  { now, since, groups, more, oldest, partial }: ErrorsFound,
  paint: Paint,
  width: number,
): string {
  const pad = Math.max(1, ...groups.map(({ count }) => String(count).length));
  return [
    ...(partial ? [paint("red", "Elasticsearch could not look everywhere: this may not be all."), ""] : []),
    ...(groups.length === 0 ? [nothingText(since, now, oldest, paint)] : []),
    ...groups.flatMap((group) => groupLines(group, now, pad, paint, width)),
    ...(more > 0 ? [paint("dim", `and ${more} more: --limit ${groups.length + more}`)] : []),
  ]
    .join("\n")
    .trimEnd();
}

function nothingText(since: number, now: number, oldest: number | undefined, paint: Paint): string {
  if (oldest === undefined) return "No error is in the logs that are kept.";
  return paint("green", `No error in the last ${span(now - since)}.`);
}

function groupLines(group: ErrorGroup, now: number, pad: number, paint: Paint, width: number): string[] {
  const indent = pad + 3;
  const [first = "", ...rest] = wrap(printable(group.name), width, indent);
  const count = String(group.count).padStart(pad);
  return [
    `${paint("bold", `${count}x`)}  ${first.trimStart()}`,
    ...rest,
    `${" ".repeat(indent)}${group.new ? `${paint("red", "new")}  ` : ""}${paint("dim", factsOf(group, now).join("  "))}`,
    "",
  ];
}

function factsOf({ key, first, last, releases, services }: ErrorGroup, now: number): string[] {
  return [
    key,
    `last ${ago(last, now)}, first ${ago(first, now)}`,
    ...(releases.length > 0 ? [`in ${printable(releasesText(releases))}`] : []),
    printable(joinNames(services)),
  ];
}

/** `v9, v10`; of many the first and the last. */
function releasesText(releases: readonly string[]): string {
  if (releases.length <= 4) return releases.join(", ");
  return `${releases[0]} … ${releases.at(-1)} (${releases.length} releases)`;
}

export function errorDetailText(found: ErrorDetail, now: number, paint: Paint, width: number): string {
  const { name, key, count, total, first, last, releases, services, times, bar, newest } = found;
  const moment = (seconds: number) =>
    `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z, ${ago(seconds, now)}`;
  const from = times[0]?.from;
  const row = (title: string, value: string | undefined) =>
    value ? [`${paint("dim", title.padEnd(10))}${printable(value)}`] : [];
  return [
    ...wrap(printable(name), width).map((line) => paint("bold", line)),
    "",
    ...row("key", key),
    ...row(
      "seen",
      `${total} times in what is kept${from === undefined ? "" : `, ${count} in the last ${span(now - from)}`}`,
    ),
    ...row("first", moment(first)),
    ...row("last", moment(last)),
    ...row("releases", releases.join(", ") + (found.new ? " (new: in none before)" : "")),
    ...row("services", joinNames(services)),
    ...(count > 0 ? row("course", `${barsOf(times.map((one) => one.count))}  ${span(bar)} each`) : []),
    "",
    paint("dim", `The newest, ${newest.at ?? "at no time that is known"}`),
    ...row("service", [newest.service, newest.release].filter(Boolean).join(" ")),
    ...row("level", newest.level),
    ...row("path", newest.path),
    ...row("request", newest.request),
    ...row("trace", newest.trace),
    ...row("message", newest.message),
    // The trace begins with it.
    ...(newest.stack ? ["", printable(newest.stack)] : row("error", newest.error)),
  ].join("\n");
}

/** One character a bar; what is not none is never drawn as none. */
export function barsOf(counts: readonly number[]): string {
  const most = Math.max(1, ...counts);
  return counts
    .map((count) => (count === 0 ? "·" : BARS[Math.max(0, Math.ceil((count / most) * BARS.length) - 1)]))
    .join("");
}
