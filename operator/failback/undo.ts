/** A failback that is given up: the old site serves again, as long as nobody else writes. */
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { Problem } from "../problem.ts";
import { begunHere } from "../recovery/activate.ts";
import { type Active, readActive, writeActive } from "../recovery/active.ts";
import { SITE_SECRET } from "../recovery/lay.ts";
import type { Store, StoreKeys } from "../recovery/s3.ts";
import { look } from "../release/look.ts";
import { whoami } from "../settings/who.ts";
import type { Site } from "../site/site.ts";
import { reopenSite } from "./close.ts";
import { guardFailback } from "./guard.ts";
import { judgeNote, judgeWriter } from "./judge.ts";
import { readNote } from "./note.ts";
import { runPart, type Talk } from "./script.ts";

export type Reopening = {
  old: Site;
  /** Where there is a connection to it. */
  fresh?: Site;
  store: Store;
  keys: StoreKeys;
  /** Is the new host, to which the connection is lost, gone for certain? @throws Problem where it is not */
  requireGone(host: string): Promise<void>;
  say(line: string): void;
};

/**
 * The old site serves again, as long as the new one never did.
 * @param wish `to`: the new host as it was named, to which `fresh` leads
 * @returns seconds of the outage. @throws Problem
 */
export async function giveBack(wish: Reopening & { to: string }): Promise<number> {
  const guard = await guardFailback(wish.old);
  try {
    const [note, { plan }] = await Promise.all([readNote(wish.old), look(wish.old, "")]);
    judgeNote(note, wish.to, true);
    if (!plan) throw new Problem(`${wish.old.host.name} has no plan of the release that ran there`);
    return await reopenOld(wish, plan);
  } finally {
    await guard.end();
  }
}

/** @returns seconds of the outage. @throws Problem where somebody else writes, or may */
export async function reopenOld(wish: Reopening, plan: PlanJson): Promise<number> {
  const { old, fresh, store, keys, say } = wish;
  const note = await readNote(old);
  const id = await ownId(old);
  if (note?.bundle && (note.phase === "away" || note.phase === "returning")) {
    const wiped = fresh && (await endFresh(fresh, note.bundle, { say }));
    if (!wiped) await wish.requireGone(note.to);
    const active = await readActive(store, keys);
    judgeWriter({ host: old.host.name, id }, active, note);
    if (id !== undefined && active && active.id !== id) await writeActive(store, keys, activeAgain(old, id));
  } else if (note) {
    // Nothing was begun on the new host by a failback, but somebody may have done it by hand.
    const asked = await readActive(store, keys).then(
      (active) => ({ active }),
      (error: Error) => {
        if (!(error instanceof Problem)) throw error;
        say(`${error.message}: ${note.to} itself is asked who writes`);
        return undefined;
      },
    );
    if (asked) judgeWriter({ host: old.host.name, id }, asked.active, note);
    else await requireUntouched(wish, note.to);
  }
  return await reopenSite(old, plan, { say });
}

export async function ownId({ host, secrets }: Site): Promise<string | undefined> {
  return (await host.read(`${secrets}/${SITE_SECRET}`))?.trim();
}

function activeAgain(old: Site, id: string): Active {
  return { format: 1, id, host: old.host.name, by: whoami(), since: new Date().toISOString() };
}

/** Where the bucket does not say who writes. @throws Problem where the new host does, or may come to */
async function requireUntouched({ fresh, requireGone }: Reopening, to: string): Promise<void> {
  const seen = fresh && (await look(fresh, "").catch(() => undefined));
  if (!seen) return requireGone(to);
  const there =
    seen.current ?? seen.work?.version ?? ((await begunHere(fresh)) && "the begin of an activation");
  if (there === undefined) return;
  throw new Problem(
    `${to} has ${there}, and the bucket does not say who writes: nothing was opened`,
    "Run this again when the bucket answers. Look there meanwhile: two sites must not write.",
  );
}

/** @returns false where the connection is lost. @throws Problem where it serves, or may come to */
async function endFresh(fresh: Site, bundle: string, talk: Talk): Promise<boolean> {
  const seen = await look(fresh, "").catch(() => undefined);
  if (!seen) return false;
  if (seen.current)
    throw new Problem(
      `${fresh.host.name} serves (${seen.current}): there is nothing to give back`,
      "Run it again without --undo: it does what is left.",
    );
  if (seen.work)
    throw new Problem(
      `${seen.work.version} is coming up on ${fresh.host.name} since ${seen.work.since}`,
      "Wait for its end. Where it comes up, that site serves; where it does not: --undo again",
    );
  const { exitCode } = await runPart(fresh, "wipe", [fresh.root, bundle], talk);
  if (exitCode === 76) return endFresh(fresh, bundle, talk);
  if (exitCode === 77)
    throw new Problem(
      `what is on ${fresh.host.name} is of another activation: it was not touched`,
      "Look what it is; take it away by hand, and run this again.",
    );
  return true;
}
