/** A planned move of the whole stack to another host: nothing that was acknowledged is lost, and it can be given back. */
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { lookAtDatabase } from "../database/look.ts";
import { backupNow } from "../database/work.ts";
import { nodesOf } from "../operate/database.ts";
import { openRunning } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { type Activated, activate, begunHere, requireFit } from "../recovery/activate.ts";
import { readActive } from "../recovery/active.ts";
import { openRecovery, type Recoverable } from "../recovery/open.ts";
import type { Store, StoreKeys } from "../recovery/s3.ts";
import type { EngineEvent } from "../release/follow.ts";
import { type Look, look } from "../release/look.ts";
import type { Site } from "../site/site.ts";
import { closeSite, isOurs, lockForGood, markSite, unlockAgain } from "./close.ts";
import { guardFailback } from "./guard.ts";
import { expectedOutage, FRESH, judgeNote, judgeOld, type Pair } from "./judge.ts";
import { cameTo, type LogEnd, type Note, readNote } from "./note.ts";
import { ownId, reopenOld } from "./undo.ts";

export type Failback = {
  old: Site;
  fresh: Site;
  /** What the bucket has now. */
  found: Recoverable;
  store: Store;
  keys: StoreKeys;
  /** AGE-SECRET-KEY-1… */
  identity: string;
  /** Says what will be done, and asks. @throws where the answer is no */
  agree(plan: FailbackPlan): Promise<void>;
  /** Is the new host, to which the connection is lost, gone for certain? @throws Problem where it is not */
  requireGone(host: string): Promise<void>;
  say(line: string): void;
  onEvent(event: EngineEvent): void;
  signal?: AbortSignal;
};

export type FailbackPlan = {
  stack: string;
  environment: string;
  from: string;
  to: string;
  /** Seconds. */
  outage: number;
  /** An earlier try was begun: this one goes on. */
  again: boolean;
  /** Another backup is made first. */
  backup: boolean;
};

export type FailedBack = {
  activated: Activated;
  from: string;
  /** Seconds from the maintenance page to answers through the new door; undefined where it was over before this run. */
  outage: number | undefined;
  /** Where the log of the old site ended; undefined for a stack without PostgreSQL. */
  end: LogEnd | undefined;
  /** The new one was held against that end before it served. One that was activated by hand was not. */
  checked: boolean;
};

/** @throws Problem. Before the new site serves, a second run goes on, or `giveBack` undoes it */
export async function failback(wish: Failback): Promise<FailedBack> {
  const { old, fresh, found } = wish;
  if (old.host.name === fresh.host.name)
    throw new Problem(`${old.host.name} is where it serves already`, "--host names the new one.", 2);
  const guard = await guardFailback(old);
  try {
    const [note, seen] = await Promise.all([readNote(old), look(old, "")]);
    // Of what runs there; the newest bundle may be of the release before.
    const plan = seen.plan ?? found.plan;
    judgeNote(note, fresh.host.name, false);
    if (!note || note.phase === "closing") await close(wish, note, seen, plan);
    return await move(wish, await noteOf(old), plan);
  } finally {
    await guard.end();
  }
}

async function noteOf(old: Site): Promise<Note> {
  const note = await readNote(old);
  if (note?.bundle !== undefined) return note;
  throw new Problem(`${old.host.name} does not say how far the failback is`, "Look at its state/failback.");
}

async function close(wish: Failback, note: Note | undefined, seen: Look, plan: PlanJson): Promise<void> {
  const { old, fresh, found, say, signal } = wish;
  const { catalog, bundle } = found;
  const stale = catalog !== undefined && Date.now() / 1000 - catalog.backup.finished > FRESH;
  let pair: Pair;
  // One that was cut short in the middle is closed already in part: its script knows what is left.
  if (!note) {
    pair = await lookAtOld(wish, seen, plan);
    requireFit(fresh, await requireEmpty(fresh), bundle, catalog);
    await requireWay(fresh, wish.store);
  }
  await wish.agree({
    stack: plan.name,
    environment: plan.environment,
    from: old.host.name,
    to: fresh.host.name,
    outage: expectedOutage(catalog?.backup.size, plan),
    again: note !== undefined,
    backup: stale && !note,
  });
  if (stale && !note) {
    say("A backup first, so that little of the log is left to replay:");
    await backupNow(old, ["postgres"], { full: false, signal, onLine: (line) => say(`  ${line}`) });
  }
  signal?.throwIfAborted();
  await lockForGood(old, fresh.host.name);
  try {
    await closeSite(old, plan, pair, fresh.host.name, { say, signal });
  } catch (error) {
    // Given back by the script itself; where it could not, the lock stays with the note.
    if (!(await readNote(old).catch(() => true))) await unlockAgain(old).catch(() => undefined);
    throw error;
  }
}

async function lookAtOld({ old, store, keys }: Failback, seen: Look, plan: PlanJson): Promise<Pair> {
  const [id, active] = await Promise.all([ownId(old), readActive(store, keys)]);
  // One of a run that died before it began.
  const lock = isOurs(seen.lock) ? undefined : seen.lock;
  const database =
    seen.current && nodesOf(plan).length > 0 ? await lookAtDatabase(await openRunning(old)) : undefined;
  return judgeOld(
    { environment: old.environment, host: old.host.name, id, look: { ...seen, lock } },
    active,
    database,
  );
}

async function requireEmpty(fresh: Site) {
  const seen = await look(fresh, "");
  if (seen.current || seen.work || (await begunHere(fresh)))
    throw new Problem(
      `${fresh.host.name} is not empty: it has ${seen.current ?? "the begin of an activation"} of ${fresh.project}`,
      "The new host has to be one that has nothing of this stack.",
    );
  return seen;
}

/** The new host gets everything from there. @throws Problem */
async function requireWay({ host }: Site, { endpoint, bucket, style }: Store): Promise<void> {
  const [name, port = "443"] = endpoint.split(":");
  const target = style === "path" ? name : `${bucket}.${name}`;
  const probe = 'timeout 10 bash -c \'exec 3<>"/dev/tcp/$1/$2"\' - "$1" "$2"';
  const { exitCode } = await host.script(probe, [target as string, port]);
  if (exitCode !== 0)
    throw new Problem(
      `${host.name} does not reach the bucket at ${target}:${port}: nothing was changed`,
      "Its way out: a firewall, its name servers?",
    );
}

async function move(wish: Failback, note: Note, plan: PlanJson): Promise<FailedBack> {
  const { old, fresh, store, keys, identity, say, signal } = wish;
  const { bundle, catalog } = await openRecovery({
    store,
    keys,
    identity,
    environment: old.environment,
    name: note.bundle,
  });
  const gone = note.phase === "gone";
  if (!gone) await markSite(old, "away", { say, signal });
  const { end } = note;
  try {
    const activated = await activate({
      ...wish,
      site: fresh,
      before: old.host.name,
      bundle,
      catalog,
      agree: async () => undefined,
      ...(end && { expected: `${end.timeline} ${end.lsn}` }),
    });
    const outage = gone ? undefined : await markSite(old, "gone", { say, signal });
    const arrived = await fresh.host.read(`${fresh.state}/arrived`).catch(() => undefined);
    return { activated, from: old.host.name, outage, end, checked: cameTo(arrived, end) };
  } catch (error) {
    if (gone || signal?.aborted || !(error instanceof Problem)) throw error;
    say(`It did not come up there: ${error.message}`);
    const seconds = await reopenOld(wish, plan).catch((second: Error) => {
      throw new Problem(
        `${error.message}\nand ${old.host.name} was not given back: ${second.message}`,
        `${second instanceof Problem ? `${second.remedy ?? ""}\n` : ""}Run this again: it goes on. Or give it back: the same with --undo`.trim(),
      );
    });
    throw new Problem(
      `${error.message}\n${old.host.name} serves again, after ${seconds.toFixed(1)} s; nothing was lost`,
      error.remedy,
    );
  }
}
