import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { dropCopy, judgeRestore, lookAtBackups, restoreCopy } from "../operator/database/restore.ts";
import { parseTarget, targetText } from "../operator/database/target.ts";
import { openRunning } from "../operator/operate/running.ts";
import { Problem } from "../operator/problem.ts";
import { audited } from "../operator/settings/audit.ts";
import { readLock, requireUnlocked } from "../operator/settings/lock.ts";
import { restoreFilesOf } from "./restore-files.ts";
import { onSite, type SiteOptions, type Work, withSite } from "./site.ts";

type Options = SiteOptions & {
  to?: string;
  files?: string;
  confirm?: string;
  dropCopy?: boolean;
  json?: boolean;
};

export function restoreCommand(): Command {
  return onSite(new Command("restore"))
    .description(
      "the database as it was, from its backups, into a copy beside the running one: to look, and to pick rows",
    )
    .option(
      "--to <moment>",
      'a time with its zone ("2026-11-20 14:05:00+03"), latest, a release (v12), xid:N, lsn:X/Y',
    )
    .option("--drop-copy", "take the copy away")
    .option(
      "--files <what>",
      "not the database: redis-sessions, grafana and the like, in place; --to undo takes it back",
    )
    .option("--confirm <name>", "the stack's name, without being asked (for --files)")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      await withSite(environment, options, async (work) => {
        if (options.files !== undefined) return restoreFilesOf(work, options.files, options);
        if ((options.to === undefined) === !options.dropCopy)
          throw new Problem(
            options.dropCopy ? "--to makes a copy, --drop-copy takes it away" : "to which moment?",
            `plimsoll restore ${environment} --to latest\nplimsoll restore ${environment} --drop-copy`,
            2,
          );
        if (options.to === undefined) await drop(work, options);
        else await make(work, options.to, options);
      });
    });
}

async function make({ site }: Work, to: string, { json }: Options): Promise<void> {
  const target = parseTarget(to);
  const running = await openRunning(site);
  requireUnlocked((await readLock(site)).lock, site.environment);
  const restoration = judgeRestore(await lookAtBackups(running, target), target, site.environment);
  const what = `a copy of the database: ${targetText(target)}`;
  const restored = await audited(site, { command: "restore", what }, () =>
    restoreCopy(running, restoration, (line) => {
      if (line.startsWith("note ")) console.error(`     ${line.slice("note ".length)}`);
    }),
  );
  if (json) return console.log(JSON.stringify({ ...restored, reached: restored.reached ?? null }, null, 2));
  console.error(
    `A copy of the database (${restored.target}) from ${restored.set}, in ${restored.seconds} s.`,
  );
  if (restored.reached) console.error(`Its last transaction was committed at ${restored.reached}.`);
  console.error(`Look at it: plimsoll psql ${site.environment} --copy`);
  console.error(`Take it away: plimsoll restore ${site.environment} --drop-copy`);
}

async function drop({ site }: Work, { json }: Options): Promise<void> {
  const running = await openRunning(site);
  requireUnlocked((await readLock(site)).lock, site.environment);
  const removed = await audited(
    site,
    { command: "restore", what: "the copy of the database taken away" },
    () => dropCopy(running),
  );
  if (json) console.log(JSON.stringify({ removed }, null, 2));
  else console.error(removed ? "The copy is gone." : "There was no copy.");
}
