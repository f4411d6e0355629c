/** What every command begins with that changes a running stack: what runs, and that nobody locked it. */
import { type Look, lookAtDatabase } from "../operator/database/look.ts";
import { openRunning, type Running } from "../operator/operate/running.ts";
import { readLock, requireUnlocked } from "../operator/settings/lock.ts";
import type { Site } from "../operator/site/site.ts";

/** @throws Problem where nothing runs there, or the stack is locked */
export async function openUnlocked(site: Site): Promise<Running> {
  const running = await openRunning(site);
  requireUnlocked((await readLock(site)).lock, site.environment);
  return running;
}

/** The same, with how the nodes of PostgreSQL are. */
export async function openDatabase(site: Site): Promise<{ running: Running; look: Look }> {
  const running = await openUnlocked(site);
  return { running, look: await lookAtDatabase(running) };
}

/** Lines of a script of the database's as a person reads them. */
export function tellSteps(line: string): void {
  const [key, step, ...rest] = line.split(" ");
  if (key === "begin") console.error(`     ${step}`);
  if (key === "note") console.error(`     ${line.slice("note ".length)}`);
  if (key === "done") console.error(`ok   ${step}  ${rest.join(" ")}`.trimEnd());
}
