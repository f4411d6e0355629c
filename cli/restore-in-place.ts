/** `plimsoll restore --in-place`, `--undo` and `--drop-undo`: the words around them. */
import {
  dropUndo,
  type InPlace,
  judgeInPlace,
  judgePair,
  type Pair,
  restoreInPlace,
  riskText,
  type Swapped,
  undoRestore,
} from "../operator/database/in-place.ts";
import { sizeOf } from "../operator/database/list-text.ts";
import { rejoin } from "../operator/database/rejoin.ts";
import { lookAtBackups } from "../operator/database/restore.ts";
import { parseTarget, targetText } from "../operator/database/target.ts";
import type { Running } from "../operator/operate/running.ts";
import { Problem } from "../operator/problem.ts";
import { audited } from "../operator/settings/audit.ts";
import { asTyped } from "./hint.ts";
import { confirmName } from "./operate.ts";
import type { RestoreOptions } from "./restore.ts";
import type { Work } from "./site.ts";
import { openDatabase, openUnlocked, tellSteps } from "./unlocked.ts";

export async function inPlace({ site }: Work, { to, confirm, json }: RestoreOptions): Promise<void> {
  const { environment } = site;
  // Words that are none are said before anybody is asked.
  const target = to === undefined ? undefined : parseTarget(to);
  const { running, look } = await openDatabase(site);
  let plan: InPlace;
  let kept = false;
  if (look.restoring === "swap") {
    plan = { ...judgePair(look, environment), target: undefined, timeline: 1, sets: [] };
  } else if (target === undefined) {
    throw new Problem(
      "to which moment? No restore in place is waiting to be finished",
      `plimsoll restore ${environment} --to "2026-11-20 14:05:00+03" --in-place`,
      2,
    );
  } else {
    const backups = await lookAtBackups(running, target);
    plan = judgeInPlace(look, backups, target, environment);
    kept = backups.kept > 0;
  }
  await confirmName(riskText(plan, kept), site.stack, confirm);
  const what = plan.target
    ? `the database restored in place: ${targetText(plan.target)}`
    : "a restore in place finished";
  const swapped = await audited(site, { command: "restore --in-place", what }, () =>
    restoreInPlace(running, plan, tellSteps),
  );
  await afterwards(running, plan, swapped, json, "taken back");
  if (json) return;
  if (swapped.reached) console.error(`Its last transaction was committed at ${swapped.reached}.`);
  console.error(
    asTyped(
      `What was there before is kept (${sizeOf(swapped.kept ?? 0)}), and in the backup ${swapped.safety}.\nIt was a mistake: plimsoll restore ${environment} --undo\nIt was right: plimsoll restore ${environment} --drop-undo`,
    ),
  );
}

export async function undo({ site }: Work, { confirm, json }: RestoreOptions): Promise<void> {
  const { running, look } = await openDatabase(site);
  const pair = judgePair(look, site.environment, true);
  await confirmName(
    "The data from before the last restore in place come back. What was written since goes into a backup first, and is in the database no more; open connections are cut.",
    site.stack,
    confirm,
  );
  const what = "a restore in place undone";
  const swapped = await audited(site, { command: "restore --undo", what }, () =>
    undoRestore(running, pair, tellSteps),
  );
  if (!swapped) {
    if (json) console.log(JSON.stringify({ forgotten: true }, null, 2));
    else console.error("The restore had changed nothing yet: what was left of it is removed.");
    return;
  }
  await afterwards(running, pair, swapped, json, "written since the restore: they are in it no more");
  if (!json && swapped.safety) console.error(`They are in the backup ${swapped.safety}.`);
}

/** The result first: what may take long is only waited for. */
async function afterwards(
  running: Running,
  { writer, replica }: Pair,
  swapped: Swapped,
  json: boolean | undefined,
  how: string,
): Promise<void> {
  const { environment } = running.site;
  if (json)
    console.log(
      JSON.stringify({ ...swapped, reached: swapped.reached ?? null, taken: swapped.taken ?? null }, null, 2),
    );
  else {
    console.error(
      `\nThe database is what it was (${swapped.target}), after ${swapped.seconds} s without writes.`,
    );
    console.error(
      swapped.taken === undefined
        ? `How many transactions were ${how} is not known.`
        : `${swapped.taken} transaction${swapped.taken === 1 ? "" : "s"} (by their numbers: what was rolled back counts too) ${swapped.taken === 1 ? "was" : "were"} ${how}.`,
    );
    console.error("A new backup is being made.");
  }
  if (!replica) return;
  try {
    const { seconds } = await rejoin(running, { writer, node: replica, loses: undefined }, "wait", tellSteps);
    console.error(`${replica} follows ${writer} again (${seconds} s).`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // The restore is done whatever becomes of this.
    console.error(
      asTyped(
        `${replica} does not follow yet: ${error.message}\nWait for it: plimsoll rejoin ${environment}`,
      ),
    );
  }
}

export async function removeKept({ site }: Work, { confirm, json }: RestoreOptions): Promise<void> {
  const running = await openUnlocked(site);
  await confirmName(
    "What is kept for the undo of the last restore in place is removed, and what an undo put aside because no backup of it could be made.",
    site.stack,
    confirm,
  );
  const removed = await audited(site, { command: "restore --drop-undo", what: "the undo given up" }, () =>
    dropUndo(running),
  );
  if (json) console.log(JSON.stringify({ removed }, null, 2));
  else console.error(removed ? "It is gone: the last restore cannot be undone." : "Nothing was kept.");
}
