/** Would an activation work now, and how much would be lost? Asked of the bucket alone: no host is touched. */
import type { Follower } from "./follower.ts";
import type { Recoverable } from "./open.ts";

export type Readiness = {
  stack: string;
  environment: string;
  release: string;
  /** Who writes into the repository, as ssh takes it. */
  host: string | null;
  bundle: { name: string; made: string; age: number };
  database: {
    /** Bytes. */
    size: number;
    backup: string;
    /** Seconds. */
    backupAge: number;
    /** Seconds since the log last came into the bucket: so much would be lost now; null where only the backup is there. */
    lag: number | null;
  } | null;
  /** The copy that is kept warm; null where none is. Without it an activation takes longer, and loses no more. */
  follower: {
    host: string;
    mode: Follower["mode"];
    state: Follower["state"];
    /** Seconds since it said so. */
    seen: number;
    /** When the last transaction that it has was committed. */
    replayed: string | null;
    streaming: boolean;
  } | null;
  /** Why it would not do; nothing where it would. */
  faults: string[];
  /** What a person should look at. */
  notes: string[];
};

/** @param now seconds of the epoch */
export function readinessOf(
  { bundle, plan, catalog, firstHost, follower, dr }: Recoverable,
  now: number,
): Readiness {
  const { meta, name } = bundle;
  const database = catalog && {
    size: catalog.backup.size,
    backup: catalog.backup.label,
    backupAge: now - catalog.backup.finished,
    lag: catalog.archived === undefined ? null : now - catalog.archived,
  };
  const rpo = plan.objectives.rpo;
  const faults: string[] = [];
  const notes: string[] = [];
  const silence = database ? Math.min(database.lag ?? Number.POSITIVE_INFINITY, database.backupAge) : 0;
  if (database && silence > rpo) {
    const words = `nothing of the database came into the bucket for ${span(silence)}, and the stack promises to lose at most ${span(rpo)} (objectives.rpo)`;
    // A database that nobody writes to archives nothing: the sidecar's own alert tells that from a log that does not
    // come, the bucket alone does not. But a backup brings some log with it wherever an archive works.
    if (database.lag === null) faults.push(words);
    else notes.push(`${words}: nobody wrote, or the log does not come`);
  }
  notes.push(...followerNotes(follower, dr?.follow, meta.environment, now));
  return {
    stack: meta.stack,
    environment: meta.environment,
    release: meta.release,
    host: firstHost ?? null,
    bundle: { name, made: meta.created, age: now - Date.parse(meta.created) / 1000 },
    database: database ?? null,
    follower: follower
      ? {
          host: follower.host,
          mode: follower.mode,
          state: follower.state,
          seen: now - follower.at,
          replayed: follower.replayed === null ? null : new Date(follower.replayed * 1000).toISOString(),
          streaming: follower.streaming,
        }
      : null,
    faults,
    notes,
  };
}

/** Seconds: it says every minute how far it is. */
const SILENT = 900;

function followerNotes(
  follower: Follower | undefined,
  wanted: Follower["mode"] | undefined,
  environment: string,
  now: number,
): string[] {
  if (!follower)
    return wanted
      ? [`dr.follow says that a copy is kept warm, and none is: plimsoll dr init ${environment}`]
      : [];
  if (follower.fault !== null) return [`the copy on ${follower.host} is stuck: ${follower.fault}`];
  if (now - follower.at > SILENT)
    return [`the copy on ${follower.host} has said nothing for ${span(now - follower.at)}`];
  return [];
}

export function readinessText(readiness: Readiness): string[] {
  const { stack, environment, release, host, bundle, database, follower, faults, notes } = readiness;
  const line = (name: string, text: string) => `${name.padEnd(10)}${text}`;
  return [
    line("stack", `${stack} ${environment}, release ${release}`),
    line("host", host ?? "not known"),
    line("bundle", `${bundle.name}, ${span(bundle.age)} old: it opens with this key`),
    ...(database
      ? [
          line(
            "database",
            `${(database.size / 1024 ** 2).toFixed(0)} MiB in ${database.backup}, ${span(database.backupAge)} old`,
          ),
          line(
            "log",
            database.lag === null
              ? "none in the bucket: what was written since the backup would be lost"
              : `came into the bucket ${span(database.lag)} ago: what was written since then would be lost`,
          ),
        ]
      : []),
    ...(follower ? [line("kept warm", followerText(follower))] : []),
    ...(faults.length === 0
      ? [line("activate", "would work now, on a host that is ready")]
      : faults.map((fault) => line("FAULT", fault))),
    ...notes.map((note) => line("note", note)),
  ];
}

function followerText({ host, mode, state, seen, replayed, streaming }: NonNullable<Readiness["follower"]>) {
  const until =
    replayed === null ? "" : `, its last transaction of ${replayed.slice(0, 19).replace("T", " ")} UTC`;
  const way =
    mode === "stream"
      ? streaming
        ? "streams"
        : "does not stream, and follows the bucket"
      : "follows the bucket";
  return `${host} ${state === "following" ? way : `is ${state}`}${until}, as it said ${span(seen)} ago`;
}

function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.round(whole / 60)} min`;
  return whole < 172_800 ? `${Math.round(whole / 3600)} h` : `${Math.round(whole / 86_400)} days`;
}
