import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { dropCopy, judgeRestore, lookAtBackups, restoreCopy } from "../operator/database/restore.ts";
import { parseTarget, targetText } from "../operator/database/target.ts";
import { Problem } from "../operator/problem.ts";
import { audited } from "../operator/settings/audit.ts";
import { asTyped } from "./hint.ts";
import { restoreFilesOf } from "./restore-files.ts";
import { inPlace, removeKept, undo } from "./restore-in-place.ts";
import { onSite, type SiteOptions, type Work, withSite } from "./site.ts";
import { openUnlocked, tellSteps } from "./unlocked.ts";

export type RestoreOptions = SiteOptions & {
  to?: string;
  files?: string;
  inPlace?: boolean;
  undo?: boolean;
  dropUndo?: boolean;
  dropCopy?: boolean;
  confirm?: string;
  json?: boolean;
};

export function restoreCommand(): Command {
  return onSite(new Command("restore"))
    .description(
      "the database as it was, from its backups: into a copy beside the running one, to look and to pick rows, or in place of it",
    )
    .option(
      "--to <moment>",
      'a time with its zone ("2026-11-20 14:05:00+03"), latest, a release (v12), xid:N, lsn:X/Y',
    )
    .option(
      "--in-place",
      "the running database becomes it; what is there now is kept for one undo. Without --to: goes on with one that did not end",
    )
    .option("--undo", "the data from before the last restore in place come back")
    .option("--drop-undo", "remove what is kept for the undo")
    .option("--drop-copy", "take the copy away, also one that is being made")
    .option(
      "--files <what>",
      "not the database: redis-sessions, grafana and the like, in place; --undo takes it back",
    )
    .option("--confirm <name>", "the stack's name: nobody is asked")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: RestoreOptions) => {
      await withSite(environment, options, async (work) => {
        requireOne(environment, options);
        if (options.files !== undefined) await restoreFilesOf(work, options.files, options);
        else if (options.dropCopy) await drop(work, options);
        else if (options.dropUndo) await removeKept(work, options);
        else if (options.undo) await undo(work, options);
        else if (options.inPlace) await inPlace(work, options);
        else await make(work, options.to as string, options);
      });
    });
}

/** @throws Problem (2) where nothing or two different things are asked for */
function requireOne(environment: string, options: RestoreOptions): void {
  const { to, files, inPlace, undo, dropUndo, dropCopy } = options;
  if (files !== undefined) {
    if (!inPlace && !dropUndo && !dropCopy && !(undo && to !== undefined)) return;
    throw new Problem(
      "--files goes with --to or with --undo, and with nothing else",
      `plimsoll restore ${environment} --files ${files} --to latest\nplimsoll restore ${environment} --files ${files} --undo`,
      2,
    );
  }
  const restores = to !== undefined || inPlace === true;
  const asked = [restores, undo, dropUndo, dropCopy].filter(Boolean).length;
  if (asked === 1) return;
  const words = ["--to latest", "--to latest --in-place", "--undo", "--drop-undo", "--drop-copy"];
  throw new Problem(
    asked > 1 ? "--to, --undo, --drop-undo and --drop-copy are four things" : "to which moment?",
    `One of:\n${words.map((word) => `plimsoll restore ${environment} ${word}`).join("\n")}`,
    2,
  );
}

async function make({ site }: Work, to: string, { json }: RestoreOptions): Promise<void> {
  const target = parseTarget(to);
  const running = await openUnlocked(site);
  const restoration = judgeRestore(await lookAtBackups(running, target), target, site.environment);
  const what = `a copy of the database: ${targetText(target)}`;
  const restored = await audited(site, { command: "restore", what }, () =>
    restoreCopy(running, restoration, tellSteps),
  );
  if (json) return console.log(JSON.stringify({ ...restored, reached: restored.reached ?? null }, null, 2));
  console.error(
    `A copy of the database (${restored.target}) from ${restored.set}, in ${restored.seconds} s.`,
  );
  if (restored.reached) console.error(`Its last transaction was committed at ${restored.reached}.`);
  console.error(asTyped(`Look at it: plimsoll psql ${site.environment} --copy`));
  console.error(asTyped(`Take it away: plimsoll restore ${site.environment} --drop-copy`));
}

async function drop({ site }: Work, { json }: RestoreOptions): Promise<void> {
  const running = await openUnlocked(site);
  const removed = await audited(
    site,
    { command: "restore", what: "the copy of the database taken away" },
    () => dropCopy(running),
  );
  if (json) console.log(JSON.stringify({ removed }, null, 2));
  else console.error(removed ? "The copy is gone." : "There was no copy.");
}
