/** One writer at a time in a folder. A lock whose process is gone is taken over. */
import { readlink, rm, symlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

const LOCK = ".plimsoll.lock";

/** @throws Error where another process that is alive holds the folder */
export async function withLock<Result>(folder: string, action: () => Promise<Result>): Promise<Result> {
  const path = join(folder, LOCK);
  await take(path);
  try {
    return await action();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<void> {
  if (await claim(path)) return;
  const holder = await holderOf(path);
  if (holder === undefined) {
    // Released between two looks.
    if (await claim(path)) return;
    throw busy(path, await holderOf(path));
  }
  if (isAlive(holder)) throw busy(path, holder);
  // One alone may take over from this dead holder, or two would each remove the other's new lock.
  const takeover = `${path}.${holder.replace(/\W/g, "-")}`;
  if (!(await claim(takeover))) throw busy(takeover, await holderOf(takeover));
  try {
    if ((await holderOf(path)) === holder) await rm(path, { force: true });
    if (!(await claim(path))) throw busy(path, await holderOf(path));
  } finally {
    await rm(takeover, { force: true });
  }
}

/** A link is made whole or not at all, its holder in it: a lock file could be caught empty. */
async function claim(path: string): Promise<boolean> {
  try {
    await symlink(`${process.pid}@${hostname()}`, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function holderOf(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    // Gone, or not a link and so no lock of this house: better to ask a person.
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : "unknown";
  }
}

function busy(path: string, holder = "unknown"): Error {
  return new Error(`another generate is writing here (process ${holder}); if it is gone, remove ${path}`);
}

function isAlive(holder: string): boolean {
  const [, pid, host] = /^([1-9]\d*)@(.*)$/.exec(holder) ?? [];
  // A process of another machine or container cannot be seen from here.
  if (pid === undefined || host !== hostname()) return true;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
