/** `backup list` as tables for people. */
import { type Paint, printable } from "../../generator/report/paint.ts";
import { bytes } from "../../generator/report/units.ts";
import { MiB } from "../../generator/spec/words.ts";
import { span } from "../operate/ps-text.ts";
import type { Backups, Files, Known, Postgres, PostgresBackup } from "./backups.ts";
import type { Verification } from "./report.ts";

export function listText({ now, postgres, files }: Backups, paint: Paint): string {
  return [
    ...(postgres ? [section("PostgreSQL", postgres, (known) => postgresText(known, now, paint), paint)] : []),
    ...(files ? [section("Files", files, (known) => filesText(known, now, paint), paint)] : []),
  ].join("\n\n");
}

function section<What extends object>(
  title: string,
  known: Known<What>,
  text: (known: What) => string[],
  paint: Paint,
): string {
  const lines = "error" in known ? [paint("red", `not known: ${printable(known.error)}`)] : text(known);
  return [title, ...lines].join("\n");
}

function postgresText({ backups, reaches, gaps, running }: Postgres, now: number, paint: Paint): string[] {
  const rows = backups.map((one) => [
    one.label,
    one.kind,
    span(now - one.finished),
    sizeOf(one.size),
    sizeOf(one.stored),
    walOf(one),
    verdictOf(one, now),
  ]);
  const bad = (index: number) => isBad(backups[index] as PostgresBackup);
  return [
    ...(running.backup ? [paint("yellow", "a backup is being made")] : []),
    ...(running.verify ? [paint("yellow", "a backup is being verified")] : []),
    ...table(["LABEL", "KIND", "AGE", "SIZE", "STORED", "WAL", "VERIFIED"], rows, paint, bad),
    ...(backups.length === 0 ? [paint("red", "there is no backup yet")] : []),
    ...reaches.map(({ from, to }) => `every instant from ${utc(from)} to ${utc(to)}`),
    ...gaps.map(({ first, last, segments, from, until }) =>
      paint(
        "red",
        `GAP: ${segments} ${segments === 1 ? "segment is" : "segments are"} missing (${first}${segments === 1 ? "" : ` to ${last}`}): nothing after ${utc(from)}${until === undefined ? "" : ` and before ${utc(until)}`}`,
      ),
    ),
  ];
}

function filesText({ snapshots, missing, running }: Files, now: number, paint: Paint): string[] {
  const rows = snapshots.map(({ short, what, time, size, added }) => [
    short,
    what,
    span(now - time),
    size == null ? "" : sizeOf(size),
    added == null ? "" : sizeOf(added),
  ]);
  return [
    ...(running ? [paint("yellow", "a backup is being made")] : []),
    ...table(["ID", "WHAT", "AGE", "SIZE", "STORED"], rows, paint, () => false),
    ...missing.map((what) => paint("red", `there is no backup of ${what} yet`)),
  ];
}

export function isBad({ damaged, usable, left, verified }: PostgresBackup): boolean {
  return damaged || (!usable && !left) || verified?.outcome === "failed";
}

function verdictOf({ damaged, usable, left, verified }: PostgresBackup, now: number): string {
  if (left) return "left behind by a restore in place: leads to the time before that";
  if (!usable) return "NOT USABLE: its log is not whole";
  const pages = damaged ? "DAMAGED PAGES; " : "";
  return pages + (verified ? verifiedText(verified, now) : "not yet");
}

export function verifiedText({ outcome, said, finished }: Verification, now: number): string {
  const ago = `${span(Math.max(0, now - finished))} ago`;
  if (outcome === "passed") return ago;
  return outcome === "failed" ? `FAILED ${ago}: ${said}` : `cut short ${ago}`;
}

/** From a segment to a segment: the latter without what both have. */
export function walOf({ wal: { start, stop } }: Pick<PostgresBackup, "wal">): string {
  if (start === null || stop === null) return "none";
  return start === stop
    ? start
    : `${start}..${stop.slice(0, 8) === start.slice(0, 8) ? stop.slice(8) : stop}`;
}

/** Sessions and certificates are small. */
export function sizeOf(value: number): string {
  return value < MiB ? `${Math.ceil(value / 1024)} KB` : bytes(value);
}

/** `2026-11-28 03:30:12Z`: as a restore takes it. */
export function utc(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace("T", " ").replace(".000", "");
}

function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
  bad: (index: number) => boolean,
): string[] {
  if (rows.length === 0) return [];
  const shown = rows.map((row) => row.map(printable));
  const widths = header.map((title, at) =>
    Math.max(title.length, ...shown.map((row) => (row[at] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] as number))
      .join("  ")
      .trimEnd();
  return [
    paint("dim", line(header)),
    ...shown.map((row, index) => (bad(index) ? paint("red", line(row)) : line(row))),
  ];
}
