/** One at a time on a project: a file with the holder's process, which a dead holder cannot keep. */
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { Problem } from "../problem.ts";

type Holder = { pid: number; born?: string; host: string; command: string; since: string };

export type Lock = { release(): Promise<void> };

/** @throws Problem that names the holder. */
export async function takeLock(path: string, command: string): Promise<Lock> {
  await mkdir(dirname(path), { recursive: true });
  const mine: Holder = {
    pid: process.pid,
    born: await bornOf(process.pid),
    host: hostname(),
    command,
    since: new Date().toISOString(),
  };
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(mine)}\n`);
  try {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      try {
        // A link appears whole or not at all: nobody ever reads half a holder.
        await link(draft, path);
        return { release: () => release(path, mine) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const text = await readFile(path, "utf8").catch(() => undefined);
      if (text === undefined) continue;
      const holder = parse(text);
      if (holder && (await isAlive(holder))) throw held(holder, path);
      await evict(path, text);
    }
    throw new Problem(`the lock ${path} changes hands too fast`, "Run this again.");
  } finally {
    await rm(draft, { force: true });
  }
}

/** Moves a dead holder's file away, unless another has taken its place meanwhile. */
async function evict(path: string, expected: string): Promise<void> {
  const aside = `${path}.dead.${process.pid}`;
  await rename(path, aside).catch(() => undefined);
  const moved = await readFile(aside, "utf8").catch(() => expected);
  if (moved !== expected) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

async function release(path: string, mine: Holder): Promise<void> {
  const holder = parse(await readFile(path, "utf8").catch(() => ""));
  if (holder?.pid === mine.pid && holder.since === mine.since) await rm(path, { force: true });
}

function parse(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  // A shared folder: its processes cannot be seen from here.
  if (holder.host !== hostname()) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  // Numbers are used again: the same number with another birth is another process.
  return holder.born === undefined || holder.born === (await bornOf(holder.pid));
}

/** When a process was started, in ticks since boot (proc_pid_stat(5), field 22); undefined where there is no /proc. */
async function bornOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The second field is the name in brackets, and may hold spaces and brackets itself.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

function held(holder: Holder, path: string): Problem {
  return new Problem(
    `\`${holder.command}\` is at work on this stack since ${holder.since} (process ${holder.pid} on ${holder.host})`,
    holder.host === hostname()
      ? `Wait for it, or end it: kill ${holder.pid}`
      : `Wait for it. If that machine is gone, remove ${path}`,
  );
}
