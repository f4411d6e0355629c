/** `plimsoll restore ENV --files WHAT`: what is not PostgreSQL, in place. */
import { chooseFiles, restoreFiles } from "../operator/files/restore.ts";
import { openRunning } from "../operator/operate/running.ts";
import { audited } from "../operator/settings/audit.ts";
import { readLock, requireUnlocked } from "../operator/settings/lock.ts";
import { confirmName } from "./operate.ts";
import type { Work } from "./site.ts";

type Options = { to?: string; undo?: boolean; confirm?: string; json?: boolean };

export async function restoreFilesOf(
  { site }: Work,
  what: string,
  { undo, to = undo ? "undo" : "latest", confirm, json }: Options,
): Promise<void> {
  const running = await openRunning(site);
  requireUnlocked((await readLock(site)).lock, site.environment);
  const target = await chooseFiles(running, what, to);
  await confirmName(
    target.broughtBy === undefined
      ? `${target.words} takes the place of what is there. Its services are stopped for a moment.`
      : to === "undo"
        ? `What the last restore of ${what} brought is deleted again. What was there before stays.`
        : `What is missing comes back beside what is there: ${target.words}. Nothing is stopped.`,
    site.stack,
    confirm,
  );
  const restored = await audited(site, { command: "restore", what: target.words }, () =>
    restoreFiles(running, target, (line) => {
      if (line.startsWith("note ")) console.error(`     ${line.slice("note ".length)}`);
    }),
  );
  if (json) return console.log(JSON.stringify(restored, null, 2));
  if (restored.brought !== undefined) {
    if (to === "undo")
      return console.error(`Taken away again: ${restored.brought} of what was brought back.`);
    console.error(`Restored: ${target.words}. Brought back: ${restored.brought}; nothing was stopped.`);
    return console.error(`To delete them again: plimsoll restore ${site.environment} --files ${what} --undo`);
  }
  console.error(`Restored: ${target.words}. Its services were away for ${restored.down} s.`);
  console.error(
    `What was before is kept until the next restore: plimsoll restore ${site.environment} --files ${what} --undo`,
  );
}
