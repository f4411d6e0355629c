/** What the sidecars are told to do now: their lines as they come, and how it ended. */
import { readOwn } from "../../generator/package.ts";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";
import { type Kept, SIDECARS } from "./sidecars.ts";

type Telling = { onLine(line: string): void; signal?: AbortSignal };

/** Of the sidecar where another of the same is running, and of ours where the sidecar does not run. */
const BUSY = 75;
/** Of a verification where a copy, or a restore in place, uses the memory for it. */
const RESERVED = 76;
const ABSENT = 96;

/** Everything that this stack keeps, one after the other. @throws Problem where one fails: the others are made all the same */
export async function backupNow(
  site: Site,
  kept: readonly Kept[],
  { full, ...telling }: Telling & { full: boolean },
): Promise<void> {
  const faults: Problem[] = [];
  for (const what of kept) {
    const words =
      what === "postgres"
        ? ["plimsoll-backup", "now", ...(full ? ["full"] : [])]
        : ["plimsoll-backup-files", "now"];
    const code = await command(site, SIDECARS[what], words, telling);
    if (code === BUSY) faults.push(busy(site, "backup"));
    else if (code !== 0) faults.push(failed(site, what, `the backup of ${what} failed (${code})`));
  }
  const [first] = faults;
  if (first) throw new Problem(faults.map(({ message }) => message).join("; "), first.remedy);
}

/** @returns whether the backup passed. @throws Problem where it was not tried at all */
export async function verifyNow(site: Site, label: string | undefined, telling: Telling): Promise<boolean> {
  const words = ["plimsoll-backup", "verify-now", ...(label ? [label] : [])];
  const code = await command(site, SIDECARS.postgres, words, telling);
  if (code === BUSY) throw busy(site, "verification");
  if (code === RESERVED)
    throw new Problem(
      `a copy of the database is there, or a restore is at work, in the memory that a verification uses`,
      `Wait for it, or take the copy away: plimsoll restore ${site.environment} --drop-copy`,
    );
  if (code > 1) throw failed(site, "postgres", `the verification ended with ${code}`);
  return code === 0;
}

/** All that restic keeps is read. @returns whether it is whole. @throws Problem where it was not tried at all */
export async function verifyFilesNow(site: Site, telling: Telling): Promise<boolean> {
  const code = await command(site, SIDECARS.files, ["plimsoll-backup-files", "verify-now"], telling);
  if (code === BUSY) throw busy(site, "verification");
  if (code > 1) throw failed(site, "files", `the verification of files ended with ${code}`);
  return code === 0;
}

async function command(
  site: Site,
  service: string,
  words: readonly string[],
  { onLine, signal }: Telling,
): Promise<number> {
  const { exitCode } = await site.host.script(
    readOwn("operator/database/work.bash"),
    [site.project, service, ...words],
    {
      onLine: (line) => onLine(plain(line)),
      signal,
    },
  );
  // We were ended, and not what runs there: its code is nobody's.
  signal?.throwIfAborted();
  if (exitCode !== ABSENT) return exitCode;
  throw new Problem(`${service} does not run`, `See what does: plimsoll ps ${site.environment}`);
}

function busy({ environment }: Site, what: string): Problem {
  return new Problem(
    `another ${what} is running on ${environment}: this one was not begun`,
    `Wait for it. How it is: plimsoll backup ${environment} list`,
  );
}

function failed({ environment }: Site, what: Kept, message: string): Problem {
  return new Problem(message, `What it said: plimsoll logs ${environment} --service ${SIDECARS[what]}`);
}

/** A line of the sidecar's log as words. */
export function plain(line: string): string {
  try {
    const { msg, level } = JSON.parse(line) as { msg?: unknown; level?: unknown };
    if (typeof msg !== "string") return line;
    return level === "info" || level === undefined ? msg : `${level}: ${msg}`;
  } catch {
    return line;
  }
}
