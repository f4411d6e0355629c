/** The running database becomes what it was at a moment; and the one undo of that. */
import type { Outcome } from "../host/host.ts";
import { nodesOf } from "../operate/database.ts";
import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import { whoami } from "../settings/who.ts";
import { engineEnvironment } from "../up/project.ts";
import { busy, databaseScript, describeNodes, type Look } from "./look.ts";
import { advice, type RestoreLook, requireRoom, reserveOf } from "./restore.ts";
import { chooseSets } from "./sets.ts";
import { placeOf, type Target, targetText } from "./target.ts";
import { timelineOf } from "./timelines.ts";

/** Who writes and who follows, for the outage. */
export type Pair = { writer: string; replica: string | undefined };

export type InPlace = Pair & {
  /** Undefined: what did not end is finished, whatever it was. */
  target: Target | undefined;
  timeline: number;
  sets: string[];
};

/**
 * @param undoing one that does not answer may still get its old data back
 * @throws Problem where one node cannot be told to be the one that writes
 */
export function judgePair(look: Look, environment: string, undoing = false): Pair {
  const { nodes, pointer, unfinished } = look;
  if (unfinished)
    throw new Problem(
      `the promotion of ${unfinished.new} did not end`,
      `Finish it first: plimsoll promote ${environment}`,
    );
  const writer = nodes.find(({ name }) => name === pointer);
  const replica = nodes.find(({ name }) => name !== pointer)?.name;
  // One that did not end may have left the writer as it is between two starts.
  if (writer && look.restoring === "swap") return { writer: writer.name, replica };
  if (!writer || (writer.role !== "primary" && !(undoing && writer.role === "silent")))
    throw new Problem(
      `nobody takes writes, so there is nothing to restore in place of\n${describeNodes(look)}`,
      `Where a replica is left: plimsoll promote ${environment}\nInto a copy: plimsoll restore ${environment} --to latest`,
    );
  const other = nodes.find(({ name, role }) => name !== pointer && role === "primary");
  if (other)
    throw new Problem(
      `${other.name} takes writes too\n${describeNodes(look)}`,
      `One of them has to go first: plimsoll rejoin ${environment} says how`,
    );
  const fenced = nodes.find((node) => node.fenced);
  if (fenced)
    throw new Problem(
      `${fenced.name} is fenced: what only it holds would be lost when it is copied anew`,
      `Let it follow first: plimsoll rejoin ${environment}`,
    );
  if (!writer.support)
    throw new Problem(
      `${writer.name} runs an image that knows of no restore in place: an older plimsoll made it`,
      `A deploy brings the newer one: plimsoll deploy ${environment}`,
    );
  return { writer: writer.name, replica };
}

/** @throws Problem where it cannot be, before anything is touched */
export function judgeInPlace(look: Look, backups: RestoreLook, target: Target, environment: string): InPlace {
  const pair = judgePair(look, environment);
  if (backups.copy && backups.made)
    throw new Problem(
      `there is a copy (${backups.copy}), which uses the memory that a restore needs`,
      `Take it away: plimsoll restore ${environment} --drop-copy`,
    );
  const sets = chooseSets(target, backups.backups, backups);
  requireRoom(sets, backups.free + backups.kept, "a second cluster beside the running one");
  const timeline = timelineOf(target, backups.histories);
  return { ...pair, target, timeline, sets: sets.map(({ label }) => label) };
}

/** What a person agrees to. */
export function riskText({ target, writer, replica }: InPlace, kept: boolean): string {
  if (!target)
    return "An earlier restore in place, or its undo, did not end: this does what is left of it. Open connections to the database are cut.";
  const after =
    target.kind === "latest"
      ? "What is written from now until the short outage is taken back"
      : "Everything that was written later is taken back";
  return [
    `The database becomes what it was: ${targetText(target)}. ${after}.`,
    `A backup is made first; ${writer} then restores beside its running data; at the end there is an outage of seconds, and open connections are cut.`,
    ...(replica ? [`${replica} is copied anew afterwards.`] : []),
    "The data of now are kept beside it for one undo.",
    ...(kept ? ["What an earlier restore kept for its undo is removed."] : []),
  ].join("\n");
}

export type Swapped = {
  target: string;
  set?: string;
  /** When the last transaction that it holds was committed; undefined where it replayed none. */
  reached?: string;
  /** Without writes. */
  seconds: number;
  /** Transactions that are in it no more, by their numbers; undefined where they are not known. */
  taken: number | undefined;
  timeline: number | undefined;
  /** The backup that was made before. */
  safety: string | undefined;
  /** Bytes that are kept for the undo. */
  kept?: number;
};

/** @throws Problem where another is at work, or a step failed: it says what is changed by then */
export async function restoreInPlace(
  { site, project }: Running,
  { target, writer, replica, timeline, sets }: InPlace,
  onLine: (line: string) => void,
): Promise<Swapped> {
  const words = target ? `${targetText(target)}, by ${whoami()}` : "-";
  const [type, place] = target ? [target.kind, placeOf(target)] : ["resume", "-"];
  const outcome = await site.host.script(
    databaseScript("borrow", "swap", "in-place"),
    [
      ...[site.state, project.name, writer, replica ?? "-", type, place, String(timeline)],
      ...[String(reserveOf(project.plan)), whoami(), words, ...sets],
    ],
    { environment: engineEnvironment(project), onLine, apart: true },
  );
  return swappedOf(outcome, site.environment, target ? targetText(target) : "as it was begun");
}

/** @returns undefined where a restore had not got so far that anything was to be brought back */
export async function undoRestore(
  { site, project }: Running,
  { writer, replica }: Pair,
  onLine: (line: string) => void,
): Promise<Swapped | undefined> {
  const outcome = await site.host.script(
    databaseScript("borrow", "swap", "undo"),
    [site.state, project.name, writer, replica ?? "-", whoami()],
    { environment: engineEnvironment(project), onLine, apart: true },
  );
  if (outcome.exitCode === 0 && /^forgotten$/m.test(outcome.stdout)) return undefined;
  return swappedOf(outcome, site.environment, "before the restore");
}

function swappedOf(outcome: Outcome, environment: string, target: string): Swapped {
  if (outcome.exitCode === 97) throw busy(environment, outcome);
  if (outcome.exitCode !== 0) {
    const said = outcome.stderr.trim().split("\n").at(-1) ?? "";
    throw new Problem(
      said || `it ended with exit code ${outcome.exitCode}`,
      advice(said) ?? `How things are: plimsoll ps ${environment}`,
    );
  }
  const word = (key: string) => {
    const found = new RegExp(`^${key} (.+)$`, "gm");
    const last = [...outcome.stdout.matchAll(found)].at(-1)?.[1];
    return last === "-" || last === undefined ? undefined : last;
  };
  const number = (key: string) => (/^\d/.test(word(key) ?? "") ? Number(word(key)) : undefined);
  return {
    target,
    set: word("set"),
    reached: word("reached"),
    seconds: number("seconds") ?? 0,
    taken: number("taken"),
    timeline: number("timeline"),
    safety: word("safety")?.replace(/ .*$/, "").replace(/^-$/, "") || undefined,
    kept: number("kept"),
  };
}

/** @returns whether there was something to remove */
export async function dropUndo({ site, project }: Running): Promise<boolean> {
  const outcome = await site.host.script(
    databaseScript("swap", "drop-undo"),
    [site.state, project.name, ...nodesOf(project.plan)],
    { environment: engineEnvironment(project), apart: true },
  );
  if (outcome.exitCode === 97) throw busy(site.environment, outcome);
  return requireDone(site, outcome, "removing what was kept").stdout.includes("removed yes");
}
