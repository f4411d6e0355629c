/** `backup list` as tables for people. */
import { type Paint, printable } from "../../generator/report/paint.ts";
import { tableLines } from "../../generator/report/table.ts";
import { bytes } from "../../generator/report/units.ts";
import { MiB } from "../../generator/spec/words.ts";
import { ago, span } from "../operate/ps-text.ts";
import { bundleTime } from "../recovery/name.ts";
import type { Backups, Files, Known, Postgres, PostgresBackup, Repository } from "./backups.ts";
import type { FilesVerification, Recovery, Verification } from "./report.ts";
import { repositoryFaultText } from "./repository-words.ts";

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

/** Which of two repositories a row is about: a column that one repository needs not. */
function whereOf(repositories: readonly Repository[] | undefined, kind: string | null | undefined): string[] {
  return repositories ? [kind ?? "?"] : [];
}

/** Each of two, with what is wrong with it. */
function repositoryLines(repositories: readonly Repository[] = [], now: number, paint: Paint): string[] {
  return repositories.map(({ kind, backups, newest, fault }) =>
    fault === null
      ? `${kind}: ${backups} ${backups === 1 ? "backup" : "backups"}${newest === null ? "" : `, the newest ${span(now - newest)} old`}`
      : paint("red", `${kind}: ${printable(repositoryFaultText(fault))}`),
  );
}

function postgresText(
  { backups, reaches, gaps, running, repositories }: Postgres,
  now: number,
  paint: Paint,
): string[] {
  const rows = backups.map((one) => [
    one.label,
    ...whereOf(repositories, one.repository),
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
    ...repositoryLines(repositories, now, paint),
    ...table(
      ["LABEL", ...(repositories ? ["WHERE"] : []), "KIND", "AGE", "SIZE", "STORED", "WAL", "VERIFIED"],
      rows,
      paint,
      bad,
    ),
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

function filesText(files: Files, now: number, paint: Paint): string[] {
  const { snapshots, missing, running, repositories, verifying, verified, recovery, images } = files;
  const rows = snapshots.map(({ short, what, time, size, added, repository }) => [
    short,
    ...whereOf(repositories, repository),
    what,
    span(now - time),
    size == null ? "" : sizeOf(size),
    added == null ? "" : sizeOf(added),
  ]);
  return [
    ...(running ? [paint("yellow", "a backup is being made")] : []),
    ...repositoryLines(repositories, now, paint),
    ...table(
      ["ID", ...(repositories ? ["WHERE"] : []), "WHAT", "AGE", "SIZE", "STORED"],
      rows,
      paint,
      () => false,
    ),
    ...missing.map((what) => paint("red", `there is no backup of ${what} yet`)),
    ...(verifying ? [paint("yellow", "the repository is being verified")] : []),
    ...(verified ? [filesVerified(verified, now, paint)] : []),
    ...images.slice(-1).map(({ ref, time }) => `image ${ref}, kept ${span(now - time)} ago`),
    ...(recovery ? recoveryText(recovery, now, paint) : []),
  ];
}

function filesVerified(
  { outcome, said, part, finished }: FilesVerification,
  now: number,
  paint: Paint,
): string {
  const when = ago(finished, now);
  if (outcome === "passed") return `verified ${when}: whole (${part} of the data was read)`;
  if (outcome === "unfinished")
    return `a verification was cut short ${when}${said && `: ${printable(said)}`}`;
  return paint("red", `NOT GOOD, verified ${when}: ${printable(said)}`);
}

function recoveryText(recovery: Recovery, now: number, paint: Paint): string[] {
  const { newest, size, wanted, bucket, uploaded, error } = recovery;
  if (newest === "") return [paint("red", "there is no recovery bundle yet: each release makes one")];
  const age = span(Math.max(0, now - (bundleTime(newest) ?? now)));
  return [
    `recovery bundle ${newest}, ${sizeOf(size)}, made ${age} ago${bucket && uploaded === newest ? ", in the bucket" : ""}`,
    ...(newest < wanted
      ? [paint("red", "the newest release has NO recovery bundle: what is there is of an older one")]
      : []),
    ...(bucket && uploaded !== newest
      ? [paint("red", `it is NOT in the bucket${error && `: ${printable(error)}`}`)]
      : []),
    ...(bucket
      ? []
      : [paint("yellow", "it lies on this host alone, and is lost with it: backup.repository is local")]),
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
  const when = ago(finished, now);
  if (outcome === "passed") return when;
  return outcome === "failed" ? `FAILED ${when}: ${said}` : `cut short ${when}`;
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
  const [first = "", ...lines] = tableLines([header, ...rows.map((row) => row.map(printable))]);
  return [paint("dim", first), ...lines.map((line, index) => (bad(index) ? paint("red", line) : line))];
}
