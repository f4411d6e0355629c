/** A scratch database as it was at a moment, beside the running one: to look, and to pick rows. */
import { nodesOf } from "../operate/database.ts";
import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import { whoami } from "../settings/who.ts";
import { engineEnvironment } from "../up/project.ts";
import { busy, databaseScript } from "./look.ts";
import { size } from "./promote.ts";
import { type BackupSet, chooseSets, type Now, parseBackups } from "./sets.ts";
import { placeOf, type Target, targetText } from "./target.ts";
import { newest, parseHistory, timelineOf } from "./timelines.ts";

export type RestoreLook = Now & {
  /** A node whose mounts the copy borrows. */
  source: string | undefined;
  writer: string | undefined;
  backups: readonly BackupSet[];
  /** Bytes on the disk where Docker keeps volumes. */
  free: number;
  /** Bytes that an earlier restore in place keeps for its undo. */
  kept: number;
  /** State of a copy's container. */
  copy: string | undefined;
  /** Whether a copy was finished. */
  made: boolean;
};

/** One round trip. @throws Problem where the stack keeps no backups of a database */
export async function lookAtBackups({ site, project }: Running, target: Target): Promise<RestoreLook> {
  const { plan } = project;
  const nodes = nodesOf(plan);
  if (nodes.length === 0) throw new Problem("this stack has no PostgreSQL of its own", undefined, 2);
  if (!("backup-postgres" in plan.services))
    throw new Problem(
      "this stack keeps no backups: there is nothing to restore",
      "stack.yaml: backup: {}, then deploy",
      2,
    );
  const xid = target.kind === "xid" ? String(target.xid) : "-";
  const outcome = await site.host.script(
    databaseScript("restore-look"),
    [site.state, project.name, xid, ...nodes],
    { environment: engineEnvironment(project) },
  );
  return parseRestoreLook(requireDone(site, outcome, "looking at the backups").stdout);
}

export function parseRestoreLook(text: string): RestoreLook {
  const lines = text.split("\n").map((line) => line.split(" "));
  const words = (key: string) => lines.find(([first]) => first === key)?.slice(1) ?? [];
  const [writer, lsn, xid, xact] = words("writer");
  const info = Buffer.from(words("info")[0] ?? "", "base64").toString("utf8");
  if (info.trim() === "")
    throw new Problem(
      "pgBackRest does not answer: neither its sidecar nor a node of PostgreSQL runs",
      "Start one: plimsoll restart ENVIRONMENT backup-postgres",
    );
  const backups = parseBackups(info);
  const histories = lines.filter(([key]) => key === "history").map(([, ...rest]) => parseHistory(rest));
  const told = words("histories")[0];
  if (told !== String(histories.length))
    throw new Problem(
      "which timelines the archive has cannot be read whole: a restore might go to an old one",
      "What is wrong with the repository: plimsoll backup ENVIRONMENT list",
    );
  // PostgreSQL archives the history of a timeline before anything else of it.
  const least = Math.max(Number(words("timeline")[0] || 0), ...backups.map(({ timeline }) => timeline));
  if (least > newest(histories))
    throw new Problem(
      `the database, or a backup, is on timeline ${least}, and the newest that the archive knows of is ${newest(histories)}: a restore would go to an old one`,
      "Right after a promotion or a restore: again in a minute. Else the archive lags, or lacks a file: plimsoll backup ENVIRONMENT list",
    );
  return {
    now: Number(words("now")[0]),
    source: words("source")[0],
    writer,
    lsn,
    xid: /^\d+$/.test(xid ?? "") ? BigInt(xid as string) : undefined,
    xact: xact === "in" ? "in progress" : xact === "-" ? undefined : xact,
    points: Object.fromEntries(
      lines.filter(([key]) => key === "point").map(([, name = "", at = ""]) => [name, at]),
    ),
    free: Number(words("free")[0] ?? 0),
    kept: Number(words("kept")[0] ?? 0),
    copy: words("copy")[0],
    made: lines.some(([key]) => key === "made"),
    backups,
    histories,
  };
}

export type Restoration = {
  target: Target;
  source: string;
  writer: string | undefined;
  timeline: number;
  sets: string[];
};

/** @throws Problem where it cannot be, before anything is touched */
export function judgeRestore(look: RestoreLook, target: Target, environment: string): Restoration {
  if (look.copy && look.made)
    throw new Problem(
      `there is a copy already (${look.copy})`,
      `Look at it: plimsoll psql ${environment} --copy\nTake it away: plimsoll restore ${environment} --drop-copy`,
    );
  const sets = chooseSets(target, look.backups, look);
  if (look.source === undefined)
    throw new Problem(
      "no node of PostgreSQL has a container, whose image and mounts the copy borrows",
      `Bring the stack up: plimsoll ${environment === "local" ? "up" : `deploy ${environment}`}`,
    );
  requireRoom(sets, look.free, "a copy");
  return {
    target,
    source: look.source,
    writer: look.writer,
    timeline: timelineOf(target, look.histories),
    sets: sets.map(({ label }) => label),
  };
}

/** @throws Problem: the data, a tenth of them for the log that is replayed, and what the running database must find free */
export function requireRoom(sets: readonly BackupSet[], free: number, what: string): void {
  const needed = Math.ceil((sets[0]?.size ?? 0) * 1.1) + 1280 * 1024 ** 2;
  if (needed <= free) return;
  throw new Problem(
    `${what} needs ${size(needed)}, and ${size(free)} are free where Docker keeps its volumes`,
    "docs/runbooks/disk-full.md says how to make room.",
  );
}

/** Where the plan keeps none, what the reserve's least is. */
const MEMORY = 256 * 1024 ** 2;

/** Bytes that the budget keeps for one restored cluster, the daily verification's or another. */
export function reserveOf({ budget }: Running["project"]["plan"]): number {
  return budget.lines.find((line) => "restore-test" in line.disk)?.memory ?? MEMORY;
}

export type Restored = {
  target: string;
  set: string;
  /** When the last transaction that it holds was committed; undefined where it replayed none. */
  reached: string | undefined;
  seconds: number;
};

/** @throws Problem where it did not come to be: nothing is left of it then */
export async function restoreCopy(
  { site, project }: Running,
  { target, source, writer, timeline, sets }: Restoration,
  onLine: (line: string) => void,
): Promise<Restored> {
  const words = `${targetText(target)}, made by ${whoami()}`;
  const outcome = await site.host.script(
    databaseScript("borrow", "restore"),
    [
      site.state,
      project.name,
      source,
      writer ?? "-",
      // As pgBackRest calls it.
      target.kind === "latest" ? "default" : target.kind,
      placeOf(target),
      String(timeline),
      String(reserveOf(project.plan)),
      whoami(),
      words,
      ...sets,
    ],
    { environment: engineEnvironment(project), onLine, apart: true },
  );
  if (outcome.exitCode === 97) throw busy(site.environment, outcome);
  if (outcome.exitCode !== 0) {
    const said = outcome.stderr.trim().split("\n").at(-1);
    throw new Problem(said || `the restore ended with exit code ${outcome.exitCode}`, advice(said ?? ""));
  }
  const word = (key: string) => new RegExp(`^${key} (.+)$`, "m").exec(outcome.stdout)?.[1];
  const reached = word("reached");
  return {
    target: targetText(target),
    set: word("set") ?? "",
    reached: reached === "-" ? undefined : reached,
    seconds: Number(word("seconds") ?? 0),
  };
}

export function advice(said: string): string | undefined {
  if (!/before configured recovery target was reached/.test(said)) return undefined;
  return "The log in the repository ends before that moment, or has a gap. An earlier one may do: --to latest goes as far as it can.";
}

/** Also of one that is being made: it ends. @returns whether there was one. @throws Problem where a restore in place is at work */
export async function dropCopy({ site, project }: Running): Promise<boolean> {
  const outcome = await site.host.script(databaseScript("drop-copy"), [site.state, project.name], {
    environment: engineEnvironment(project),
  });
  if (outcome.exitCode === 97) throw busy(site.environment, outcome);
  return requireDone(site, outcome, "taking the copy away").stdout.includes("removed yes");
}
