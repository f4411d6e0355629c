/** One writer at a time in a folder. A lock whose process is gone is taken over. */
import { open, readFile, rm } from "node:fs/promises";
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
    const handle = await open(path, "wx");
    await handle.writeFile(String(process.pid));
    await handle.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const holder = Number(await readFile(path, "utf8").catch(() => ""));
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
  // A lock without a number is being written at this moment, or was cut short; better to ask a person.
  if (!Number.isInteger(pid) || pid <= 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
