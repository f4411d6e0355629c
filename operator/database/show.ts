/** `backup show`: one backup, whichever sidecar keeps it. */
import { printable } from "../../generator/report/paint.ts";
import { Problem } from "../problem.ts";
import type { Backups, PostgresBackup } from "./backups.ts";
import { isPostgresLabel } from "./label.ts";
import { sizeOf, utc, verifiedText, walOf } from "./list-text.ts";
import type { Reach } from "./reach.ts";
import type { Snapshot } from "./report.ts";

/** `reach`: from its own end to the end of the log that follows without a hole. */
export type Shown =
  | ({ what: "postgres"; reach: Pick<Reach, "from" | "to"> | null } & PostgresBackup)
  | ({ what: string; id: string } & Snapshot);

/** @throws Problem (2) where there is no such backup; 1 where nobody can say */
export function showBackup(backups: Backups, label: string, environment: string): Shown {
  const known = isPostgresLabel(label) ? backups.postgres : backups.files;
  if (known && "error" in known) {
    throw new Problem(`backups cannot be read: ${known.error}`, `plimsoll backup ${environment} list`);
  }
  const shown = isPostgresLabel(label) ? postgresShown(backups, label) : snapshotShown(backups, label);
  if (shown) return shown;
  throw new Problem(
    `there is no backup ${label}: it never was, or its time is over`,
    `There are: plimsoll backup ${environment} list`,
    2,
  );
}

function postgresShown({ postgres }: Backups, label: string): Shown | undefined {
  if (!postgres || "error" in postgres) return undefined;
  const found = postgres.backups.find((one) => one.label === label);
  if (!found) return undefined;
  const reach = postgres.reaches.find(({ from, to }) => found.finished >= from && found.finished <= to);
  return {
    what: "postgres",
    ...found,
    reach: reach && found.usable ? { from: found.finished, to: reach.to } : null,
  };
}

function snapshotShown({ files }: Backups, label: string): Shown | undefined {
  if (!files || "error" in files) return undefined;
  return files.snapshots.find(({ id, short }) => id === label || short === label);
}

export function showText(shown: Shown, now: number): string {
  const lines = "id" in shown ? snapshotLines(shown) : postgresLines(shown, now);
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join("\n");
}

function postgresLines(shown: Extract<Shown, PostgresBackup>, now: number): [string, string][] {
  const { verified, reach, databases, prior, damaged } = shown;
  return [
    ["label", shown.label],
    ...(shown.repository ? ([["where", shown.repository]] as [string, string][]) : []),
    ["kind", prior ? `${shown.kind}, differences to ${prior}` : shown.kind],
    ["made", `${utc(shown.started)} to ${utc(shown.finished)}`],
    ["size", `${sizeOf(shown.size)}, ${sizeOf(shown.stored)} of the repository`],
    ...(databases ? ([["databases", databases.join(", ")]] as [string, string][]) : []),
    ["WAL", walOf(shown)],
    [
      "restores to",
      reach ? `every instant from ${utc(reach.from)} to ${utc(reach.to)}` : "NOTHING: its log is not whole",
    ],
    ...(damaged
      ? ([["pages", "DAMAGED: some had wrong checksums when it was made"]] as [string, string][])
      : []),
    ["verified", verified ? verifiedText(verified, now) : "not yet"],
    ...(verified?.outcome === "passed" ? foundLines(verified) : []),
    ...(verified?.checks ?? []).map(({ name, passed, said }): [string, string] => [
      `check ${name}`,
      passed ? "true" : `NOT TRUE: ${said}`,
    ]),
  ];
}

function foundLines({
  seconds,
  recovered_to,
  size,
}: NonNullable<PostgresBackup["verified"]>): [string, string][] {
  const last = recovered_to == null ? "no transaction" : `transactions up to ${utc(recovered_to)}`;
  return [["found", `${last}; ${size == null ? "" : `${sizeOf(size)} read, `}${seconds} s`]];
}

function snapshotLines({ short, what, time, size, added, files, repository }: Snapshot): [string, string][] {
  return [
    ["id", short],
    ...(repository ? ([["where", repository]] as [string, string][]) : []),
    ["what", what],
    ["made", utc(time)],
    [
      "size",
      `${size == null ? "unknown" : sizeOf(size)}, ${added == null ? "unknown" : sizeOf(added)} of the repository`,
    ],
    ["files", String(files ?? "unknown")],
  ];
}
