/** A private folder for the sockets of one connection, with a name short enough for a socket. */
import { rmSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** macOS takes 104 bytes with the end; ssh binds its socket under the name and 17 characters more. */
const LONGEST = 104 - 1 - 17;

/** 0700: whoever can open the sockets in it can act on the host. */
export async function makeSocketFolder(): Promise<string> {
  const start = `plimsoll-${process.pid}-`;
  const fits = Buffer.byteLength(join(tmpdir(), `${start}123456/m`)) <= LONGEST;
  const parent = fits ? tmpdir() : "/tmp";
  await sweep(parent);
  return mkdtemp(join(parent, start));
}

/** What a process that was killed left behind. Its connection ended with it. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const pid = Number(/^plimsoll-(\d+)-\w{6}$/.exec(name)?.[1]);
    if (pid && !isAlive(pid))
      await rm(join(parent, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

const atExit = new Map<string, () => void>();

/** Done at the latest when this process exits, in whatever way but SIGKILL. @returns for when it was done already */
export function onExit(folder: string, end: () => void): () => void {
  if (atExit.size === 0) process.on("exit", endAll);
  atExit.set(folder, end);
  return () => {
    atExit.delete(folder);
    if (atExit.size === 0) process.off("exit", endAll);
  };
}

function endAll(): void {
  for (const [folder, end] of atExit) {
    end();
    rmSync(folder, { recursive: true, force: true });
  }
}
