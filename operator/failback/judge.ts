/** Whether a stack may be moved to another host now, and what it will cost. Decisions alone: nothing is asked here. */
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { judgePair } from "../database/in-place.ts";
import { type Look as DatabaseLook, requireNoRestoring } from "../database/look.ts";
import { parseDestination } from "../host/destination.ts";
import { Problem } from "../problem.ts";
import type { Active } from "../recovery/active.ts";
import type { Recoverable } from "../recovery/open.ts";
import type { Look } from "../release/look.ts";
import { describeLock } from "../settings/lock.ts";
import type { Note } from "./note.ts";

export type OldSite = {
  environment: string;
  /** As ssh takes it. */
  host: string;
  /** Its secret backup_site. */
  id: string | undefined;
  look: Pick<Look, "current" | "work" | "releases" | "lock">;
};

/** Who writes and who follows; undefined for a stack without PostgreSQL. */
export type Pair = { writer: string; replica: string | undefined } | undefined;

/** @throws Problem where this site is not the one to move, or somebody is at work on it */
export function judgeOld(
  { environment, host, id, look }: OldSite,
  active: Active | undefined,
  database: DatabaseLook | undefined,
): Pair {
  if (!look.current)
    throw new Problem(
      `${host} runs no release of ${environment}: there is nothing to move`,
      `Which host serves: plimsoll dr status ${environment}. Another one: --from deploy@HOST`,
    );
  if (active && active.id !== id)
    throw new Problem(
      `${host} is not the site that writes into the repository: ${active.host} took over on ${active.since}`,
      `Move that one: --from ${active.host}`,
    );
  if (look.work)
    throw new Problem(
      `${look.work.version} is being put in place on ${host} since ${look.work.since}, by ${look.work.by}`,
      "Wait until it has ended, then run this again.",
    );
  const canary = [...look.releases].find(([, state]) => state === "canary");
  if (canary)
    throw new Problem(
      `${canary[0]} is tried out as a canary on ${host}`,
      `Decide it first: plimsoll canary ${environment} promote, or abort`,
    );
  if (look.lock)
    throw new Problem(
      `${environment} is ${describeLock(look.lock)}`,
      `Ask them, or lift it: plimsoll unlock ${environment}`,
    );
  if (!database) return undefined;
  requireNoRestoring(database, environment);
  return judgePair(database, environment);
}

/**
 * One that was begun before: is it this one?
 * @param to the new host; where it is undone, as it was typed. @throws Problem where it is not, or is being given back
 */
export function judgeNote(note: Note | undefined, to: string, undoing: boolean): void {
  if (!note) {
    if (!undoing) return;
    throw new Problem("no failback was begun here: there is nothing to undo", undefined, 2);
  }
  if (undoing) {
    if (note.phase !== "gone") {
      if (sameHost(note.to, to)) return;
      throw new Problem(
        `what was begun here by ${note.by} is a failback to ${note.to}, and not to ${to}: nothing was changed`,
        `The same with --host ${note.to}`,
        2,
      );
    }
    throw new Problem(
      `${note.to} serves: there is nothing to undo, and what was written there is there alone`,
      `To move it again, to an empty host: plimsoll dr failback --from ${note.to} --host root@EMPTY`,
    );
  }
  if (note.to !== to)
    throw new Problem(
      note.phase === "gone"
        ? `this site was moved to ${note.to} already`
        : `a failback to ${note.to} was begun here by ${note.by}`,
      note.phase === "gone"
        ? `Move that one: --from ${note.to}`
        : `Go on with it: --host ${note.to}. Or give it up: --host ${note.to} --undo`,
      2,
    );
  if (note.phase === "returning")
    throw new Problem(
      "this site is being given back, and that did not end",
      "Finish that first: the same command with --undo",
    );
}

/** Whoever logs in there: `deploy@` of what was `root@` before. */
function sameHost(one: string, other: string): boolean {
  const [a, b] = [parseDestination(one), parseDestination(other)];
  return a.host === b.host && (a.port ?? 22) === (b.port ?? 22);
}

/**
 * Before a site is opened again: does somebody else write by now? What was begun on the new host may stand in the bucket once
 * the failback itself went there.
 * @throws Problem
 */
export function judgeWriter(
  old: Pick<OldSite, "host" | "id">,
  active: Active | undefined,
  { phase, to }: Pick<Note, "phase" | "to">,
): void {
  if (!active || active.id === old.id) return;
  if ((phase === "away" || phase === "returning") && sameHost(active.host, to)) return;
  throw new Problem(
    `${active.host} took over on ${active.since}, by ${active.by}: ${old.host} is no longer the site that writes, and was not opened`,
    `Two sites must not write. Does ${active.host} serve? Then this one is to be taken down: docs/runbooks/disaster.md, Going back`,
  );
}

/** @param from as it was typed @param otherwise as stack.yaml has it. @returns which host is left, or serves again */
export function hostLeft(
  { from, to, otherwise }: { from?: string; to: string; otherwise?: string },
  found: Pick<Recoverable, "firstHost" | "before"> | undefined,
): string | undefined {
  return from ?? (found && oldHost(found, to)) ?? otherwise;
}

/**
 * The host that serves, as far as the bucket and stack.yaml know. Once the new one was begun the bucket names that one, and
 * the host that it was begun for.
 */
export function oldHost(
  { firstHost, before }: Pick<Recoverable, "firstHost" | "before">,
  to: string,
): string | undefined {
  const same = firstHost !== undefined && parseDestination(firstHost).host === parseDestination(to).host;
  return same ? (before ?? firstHost) : firstHost;
}

/** Seconds of a backup's age from which another is made before the outage, so that little of the log is left to replay. */
export const FRESH = 3600;

/**
 * Seconds. A bucket and a disk that give 30 MB a second, both nodes filled one after the other, and what stopping and
 * starting took in the end-to-end test. Images that the new host has to get first are not in it.
 * @param size of the database in bytes
 */
export function expectedOutage(size: number | undefined, { services }: Pick<PlanJson, "services">): number {
  return Math.round(60 + 2 * Object.keys(services).length + (2 * (size ?? 0)) / 30e6);
}

export function outageText(seconds: number): string {
  return seconds < 180 ? `about ${Math.ceil(seconds / 10) * 10} s` : `about ${Math.ceil(seconds / 60)} min`;
}
