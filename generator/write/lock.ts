/** One writer at a time in a folder. A lock whose process is gone is taken over. */
import { readlink, rm, symlink } from "node:fs/promises";
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

async function take(path: string, again = true): Promise<void> {
  try {
    // A link is made whole or not at all, its holder in it: a lock file could be caught empty.
    await symlink(String(process.pid), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const holder = Number(await readlink(path).catch(() => ""));
    if (again && !isAlive(holder)) {
      await rm(path, { force: true });
      return take(path, false);
    }
    throw new Error(
      `another generate is writing here (process ${holder || "unknown"}); if it is gone, remove ${path}`,
    );
  }
}

function isAlive(pid: number): boolean {
  // Not a lock of this house, or gone between two looks: better to ask a person.
  if (!Number.isInteger(pid) || pid <= 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
