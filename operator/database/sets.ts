/** Which backup a restore begins with. */
import { z } from "zod";
import { Problem } from "../problem.ts";
import { type Target, targetText } from "./target.ts";
import { type History, leadsTo, position, timelineOf } from "./timelines.ts";

export { position } from "./timelines.ts";

const Backup = z.object({
  label: z.string().regex(/^[0-9]{8}-[0-9]{6}F(_[0-9]{8}-[0-9]{6}[DI])?$/),
  error: z.boolean().nullish(),
  lsn: z.object({ stop: z.string().nullish() }).nullish(),
  archive: z.object({ start: z.string().nullish() }).nullish(),
  timestamp: z.object({ stop: z.number() }),
  info: z.object({ size: z.number() }),
});
/** What `pgbackrest info --output=json` says, as far as it is needed. */
const Info = z.array(z.object({ name: z.string(), backup: z.array(Backup).default([]) }));

export type BackupSet = {
  label: string;
  /** Seconds of the epoch: its end, before which it leads to no moment. */
  stop: number;
  lsn: string | undefined;
  timeline: number;
  /** Bytes of the database in it. */
  size: number;
};

/** Oldest first; what is broken is left out. @throws Problem where it is not to be understood */
export function parseBackups(text: string): BackupSet[] {
  let stanzas: z.output<typeof Info>;
  try {
    stanzas = Info.parse(JSON.parse(text));
  } catch {
    throw new Problem("what pgBackRest says of its backups cannot be read", text.slice(0, 300) || undefined);
  }
  return stanzas
    .flatMap(({ backup }) => backup)
    .filter(({ error }) => error !== true)
    .map(({ label, timestamp, lsn, archive, info }) => ({
      label,
      stop: timestamp.stop,
      lsn: lsn?.stop ?? undefined,
      timeline: Number.parseInt(archive?.start?.slice(0, 8) ?? "1", 16),
      size: info.size,
    }))
    .sort((one, other) => one.stop - other.stop);
}

/** What the running database and the host say of now and of restore points. */
export type Now = {
  /** Seconds of the epoch, by the host's clock. */
  now: number;
  /** Of the writer; undefined where nobody writes. */
  lsn?: string;
  xid?: bigint;
  /** What became of the transaction that was asked for: `committed`, `aborted`, `in progress`; undefined: too old. */
  xact?: string;
  /** Restore points that releases left, and where. */
  points: Readonly<Record<string, string>>;
  /** Of each timeline but the first. */
  histories: readonly History[];
};

/**
 * The backups to try, in order: the youngest that ended before the target. A transaction's number does not tell its
 * backup, so all are tried, the youngest first.
 * @throws Problem (2) where no backup leads there
 */
export function chooseSets(target: Target, backups: readonly BackupSet[], now: Now): BackupSet[] {
  const [oldest] = backups;
  if (!oldest)
    throw new Problem(
      "the repository holds no backup",
      "Make one: plimsoll exec ENVIRONMENT backup-postgres plimsoll-backup backup full",
    );
  const first = `The oldest backup ended at ${utc(oldest.stop)}${oldest.lsn ? `, at ${oldest.lsn}` : ""}.`;
  // One that another timeline left behind leads to no moment of this one.
  const timeline = timelineOf(target, now.histories);
  const newest = backups.filter((one) => leadsTo(now.histories, timeline, one)).reverse();
  const youngest = (fits: (backup: BackupSet) => boolean): BackupSet[] => {
    const found = newest.find(fits);
    if (found) return [found];
    throw new Problem(`${targetText(target)} is before the first backup`, first, 2);
  };
  switch (target.kind) {
    case "latest":
      return youngest(() => true);
    case "time":
      if (target.at > now.now)
        throw new Problem(`${target.time} is in the future`, `The host's clock: ${utc(now.now)}`, 2);
      // Its end is said in whole seconds.
      return youngest(({ stop }) => stop + 1 <= target.at);
    case "lsn":
      if (now.lsn && position(target.lsn) > position(now.lsn))
        throw new Problem(`${target.lsn} is in the future`, `The database is at ${now.lsn}.`, 2);
      return youngest(({ lsn }) => lsn !== undefined && position(lsn) <= position(target.lsn));
    case "name": {
      const at = now.points[target.name];
      if (at === undefined) throw unknownName(target.name, Object.keys(now.points));
      return youngest(({ lsn }) => lsn !== undefined && position(lsn) <= position(at));
    }
    case "xid":
      requireXid(target.xid, now);
      return newest;
  }
}

function requireXid(xid: bigint, now: Now): void {
  if (now.xid !== undefined && xid >= now.xid)
    throw new Problem(`transaction ${xid} is in the future`, `The next is ${now.xid}.`, 2);
  if (now.xact === "aborted" || now.xact === "in progress")
    throw new Problem(
      `transaction ${xid} ${now.xact === "aborted" ? "was rolled back" : "has not ended"}: nothing leads to it`,
      "Name one that was committed, or a time.",
      2,
    );
}

function unknownName(name: string, known: readonly string[]): Problem {
  return new Problem(
    `no release left a restore point ${JSON.stringify(name)}`,
    `${known.length > 0 ? `There are: ${known.join(", ")}` : "None did yet."}\nOne that was made by hand: lsn:… as pg_create_restore_point() said it`,
    2,
  );
}

function utc(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
