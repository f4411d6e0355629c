/** A drill's report as Markdown, and the list of drills. */
import type { Paint } from "../../generator/report/paint.ts";
import { printable } from "../../generator/report/paint.ts";
import { tableLines } from "../../generator/report/table.ts";
import { sizeOf, utc, walOf } from "../database/list-text.ts";
import { span } from "../operate/ps-text.ts";
import { type DrillReport, type Measure, shortcomings, tenfold } from "./report.ts";

export function drillText(report: DrillReport): string {
  const bad = shortcomings(report);
  const sections = [
    [`# ${title(report.kind)} drill of ${report.stack} ${report.environment}: ${report.outcome}`],
    objectives(report),
    ...(bad.length > 0 ? [["## What went wrong", "", ...bad.map((line) => `- ${line}`)]] : []),
    about(report),
    risk(report),
    ...(report.steps.length > 0 ? [steps(report)] : []),
    ...(report.legs.length > 0 ? [legs(report)] : []),
    ...(report.checks.length > 0 ? [checks(report)] : []),
    ...(report.tables.length > 0 ? [tables(report)] : []),
    ...(report.notes.length > 0 ? [["## To know", "", ...report.notes.map((line) => `- ${line}`)]] : []),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map(printable).join("\n"))
    .join("\n\n");
}

function title(kind: DrillReport["kind"]): string {
  return kind[0]?.toUpperCase() + kind.slice(1);
}

/** A cell is one line, and has no bar of its own. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)];
}

export function seconds(value: number): string {
  return value < 100
    ? `${Number(value.toFixed(value < 10 ? 2 : 1))} s`
    : `${span(Math.round(value))} (${Math.round(value)} s)`;
}

function verdict({ met }: Measure): string {
  return met === null ? "NOT MEASURED" : met ? "met" : "MISSED";
}

function objectives({ kind, rto, rpo }: DrillReport): string[] {
  const row = (name: string, what: string, one: Measure) => [
    name,
    what,
    seconds(one.objective),
    one.measured === null ? "" : seconds(one.measured),
    verdict(one),
  ];
  return table(
    ["objective", "what it is", "promised", "measured", "verdict"],
    [
      row(
        "RTO",
        kind === "disaster"
          ? "until the stack's door answers on another host"
          : "until the database answers again",
        rto,
      ),
      row("RPO", "what would have been lost", rpo),
    ],
  );
}

function about(report: DrillReport): string[] {
  const { backup, reached, size } = report;
  const copy = copyOf(report);
  const rows: [string, string][] = [
    ["drill", report.id],
    ["way", report.how],
    ["began", `${time(report.began)}, took ${seconds(report.seconds)}`],
    ["by", report.by],
    ...(report.release ? ([["release", report.release]] as [string, string][]) : []),
    ...Object.entries(report.versions),
    ...(backup
      ? ([
          ["backup", `${backup.label} (${backup.kind}), finished ${time(backup.finished)}`],
          ["its log", walOf(backup)],
          ["its size", `${sizeOf(backup.size)}, ${sizeOf(backup.stored)} of the repository`],
        ] as [string, string][])
      : []),
    ...(size === null ? [] : ([[`databases of ${copy}`, sizeOf(size)]] as [string, string][])),
    ...(reached === null ? [] : ([[`last transaction of ${copy}`, time(reached)]] as [string, string][])),
  ];
  return table(["", ""], rows);
}

function risk({ risk: found }: DrillReport): string[] {
  if (!found) return [];
  const { lost, saved, segment } = found;
  const bytes = lost.bytes === null ? "" : ` (${sizeOf(lost.bytes)} of log)`;
  return [
    "## If the host had been lost when it began",
    "",
    `The repository held the log up to segment ${segment}${saved === null ? "" : `; its last transaction was committed at ${time(saved)}`}.`,
    lost.commits === 0 || lost.first === null
      ? "No commit was on the host alone: nothing would have been lost."
      : `${lost.commits} commit${lost.commits === 1 ? " was" : "s were"} on the host alone${bytes}, the first of ${time(lost.first)}: ${seconds(found.seconds)} of work.`,
    "Nothing was forced into the repository before this was measured.",
  ];
}

function steps(report: DrillReport): string[] {
  const ten = tenfold(report);
  const { rto } = report;
  return [
    "## Steps",
    "",
    ...table(
      ["step", "seconds", "in the RTO"],
      report.steps.map((step) => [step.name, step.seconds.toFixed(2), step.rto ? "yes" : ""]),
    ),
    ...(ten === undefined || rto.measured === null
      ? []
      : [
          "",
          `Ten times the data, and as many times the log: about ${seconds(ten)}, if restore and recovery take ten times as long and the rest what it took here. A guess from one run; hold the drill again as the database grows.`,
        ]),
  ];
}

function legs(report: DrillReport): string[] {
  return [
    "## Promotions",
    "",
    ...table(
      [
        "from, to",
        "without writes",
        "fence to first write",
        "writes: acknowledged, refused, LOST",
        "requests: asked, failed, longest wait",
        "old primary",
        "until both streamed",
      ],
      report.legs.map(({ from, to, silence, promoted, writes, requests, rejoined, whole }) => [
        `${from}, ${to}`,
        seconds(silence),
        seconds(promoted),
        `${writes.acknowledged}, ${writes.refused}, ${writes.lost}`,
        requests ? `${requests.asked}, ${requests.failed}, ${seconds(requests.silence)}` : "not asked",
        rejoined,
        seconds(whole),
      ]),
    ),
  ];
}

function checks(report: DrillReport): string[] {
  return [
    "## Checks",
    "",
    ...table(
      ["check", "", "answer"],
      report.checks.map(({ name, passed, said }) => [name, passed ? "true" : "NOT TRUE", said]),
    ),
  ];
}

function tables(report: DrillReport): string[] {
  const count = (value: number | null) => (value === null ? "" : String(value));
  return [
    "## Rows",
    "",
    ...table(
      ["table", `in ${copyOf(report)}`, "in the running database when it began"],
      report.tables.map(({ name, copy, running }) => [name, count(copy), count(running)]),
    ),
  ];
}

function copyOf({ kind }: DrillReport): string {
  return kind === "disaster" ? "the drill" : "the copy";
}

/** To the second: `2026-11-28 03:30:12Z`. */
function time(value: number): string {
  return utc(Math.floor(value));
}

/** A line for each drill, the newest first. @param now seconds of the epoch */
export function drillLines(reports: readonly DrillReport[], now: number, paint: Paint): string[] {
  const header = ["ID", "AGE", "BY", "RTO", "RPO", "VERDICT"];
  const rows = reports.map((report) => [
    report.id,
    span(Math.max(0, now - report.began)),
    report.by,
    short(report.rto),
    short(report.rpo),
    report.outcome === "passed" ? "passed" : `FAILED: ${shortcomings(report)[0] ?? ""}`,
  ]);
  const [first = "", ...lines] = tableLines([header, ...rows.map((row) => row.map(printable))]);
  return [
    paint("dim", first),
    ...lines.map((line, at) => (reports[at]?.outcome === "passed" ? line : paint("red", line))),
  ];
}

function short({ measured, objective }: Measure): string {
  return `${measured === null ? "?" : `${Number(measured.toFixed(1))}s`} of ${span(objective)}`;
}
