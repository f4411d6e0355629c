/** To which instants a restore can go: from the end of a backup on, as long as the archive has no hole. */
import type { InfoBackup, PostgresReport } from "./report.ts";
import { leadsOn, type Place, placeOf, type Stretch, segmentOf, stagesOf, stretchesOf } from "./wal.ts";

/** Seconds of the epoch: every instant between them. `since`: the first backup that leads there. */
export type Reach = { from: number; to: number; since: string };

/** Segments that are missing. Nothing from `from` on, until the backup that ended at `until`. */
export type Gap = { first: string; last: string; segments: number; from: number; until?: number };

export function reachOf({ info, archives }: Pick<PostgresReport, "info" | "archives">): {
  reaches: Reach[];
  gaps: Gap[];
  /** Backups whose own log is not whole, or that another timeline left behind: none of them leads to now. */
  useless: string[];
} {
  const reaches: Reach[] = [];
  const gaps: Gap[] = [];
  const useless: string[] = [];
  for (const { archive, backup } of info) {
    // The same archive in two repositories is one: its segments are those of both.
    const once = archive.filter(({ id }, index) => archive.findIndex((one) => one.id === id) === index);
    for (const { id, database } of once) {
      const { ranges, history } = archives.find((one) => one.id === id) ?? { ranges: [], history: "" };
      const stages = stagesOf(history, ranges);
      const stretches = stretchesOf(ranges, stages);
      const all = backup.filter((one) => one.database.id === database.id);
      const own = all.filter(
        ({ archive }) => archive.start !== null && leadsOn(stages, placeOf(archive.start)),
      );
      const found = stretches.map((stretch) => reachIn(stretch, own));
      const held = own.filter((one) => stretches.some((stretch) => holds(stretch, one)));
      useless.push(...all.filter((one) => !held.includes(one)).map(({ label }) => label));
      reaches.push(...found.filter((reach) => reach !== undefined));
      stretches.forEach((stretch, index) => {
        const before = stretches[index - 1];
        // A hole before the first backup takes nothing away.
        if (!before || !found.slice(0, index).some(Boolean)) return;
        gaps.push({ ...gapBetween(before, stretch), until: found.slice(index).find(Boolean)?.from });
      });
    }
  }
  return { reaches, gaps, useless };
}

function holds({ first, last }: Stretch, { archive }: InfoBackup): boolean {
  if (archive.start === null || archive.stop === null) return false;
  const [start, stop] = [placeOf(archive.start), placeOf(archive.stop)];
  return within(start, first, last) && within(stop, first, last);
}

function within({ position }: Place, first: Place, last: Place): boolean {
  return position >= first.position && position <= last.position;
}

function reachIn(stretch: Stretch, backups: readonly InfoBackup[]): Reach | undefined {
  const [first] = backups
    .filter((backup) => holds(stretch, backup))
    .sort((a, b) => a.timestamp.stop - b.timestamp.stop);
  if (!first) return undefined;
  const from = first.timestamp.stop;
  return { from, to: Math.max(from, stretch.to), since: first.label };
}

function gapBetween(before: Stretch, after: Stretch): Omit<Gap, "until"> {
  const { timeline } = after.first;
  const first = { timeline, position: before.last.position + 1 };
  const last = { timeline, position: after.first.position - 1 };
  return {
    first: segmentOf(first),
    last: segmentOf(last),
    segments: last.position - first.position + 1,
    from: before.to,
  };
}
