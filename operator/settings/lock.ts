/** `plimsoll lock`: nobody changes this environment until it is lifted or expires. Kept on the host, where all see it. */
import { join } from "node:path";
import { z } from "zod";
import { readOwn } from "../../generator/package.ts";
import { Problem } from "../problem.ts";
import { type Place, requireDone } from "./place.ts";

export const StackLock = z.object({
  owner: z.string(),
  reason: z.string(),
  since: z.iso.datetime(),
  expires: z.iso.datetime().nullable(),
});
export type StackLock = z.output<typeof StackLock>;

/** `seen`: the file in base64, or `absent`. */
export type LockState = { seen: string; lock: StackLock | undefined };

/** @param now milliseconds of the epoch, by the host's clock: all laptops agree on that one */
export function parseLock(text: string | undefined, now: number): StackLock | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  let lock: StackLock;
  try {
    lock = StackLock.parse(JSON.parse(text));
  } catch {
    // Somebody locked it, whatever else: to go on as if nobody had would be the worse mistake.
    return {
      owner: "somebody",
      reason: "the lock file cannot be read",
      since: new Date(0).toISOString(),
      expires: null,
    };
  }
  return lock.expires !== null && Date.parse(lock.expires) <= now ? undefined : lock;
}

/** One round trip. */
export async function readLock(place: Place): Promise<LockState> {
  // In base64: what is replaced later must be what was seen, byte for byte.
  const script = 'date +%s; if [[ -e $1 ]]; then base64 -w 0 -- "$1"; else echo absent; fi';
  const outcome = await place.host.script(script, [join(place.state, "lock")]);
  const [now, seen = ""] = requireDone(place, outcome, "reading the lock").stdout.split("\n");
  const text = seen === "absent" ? undefined : Buffer.from(seen, "base64").toString("utf8");
  return { seen, lock: parseLock(text, Number(now) * 1000) };
}

/** @throws Problem where it is locked: who, why, until when */
export function requireUnlocked(lock: StackLock | undefined, environment: string): void {
  if (!lock) return;
  throw new Problem(
    `${environment} is ${describeLock(lock)}`,
    `Ask them, or lift it: plimsoll unlock ${environment}`,
  );
}

export function describeLock({ owner, reason, since, expires }: StackLock): string {
  const until = expires === null ? "until it is unlocked" : `until ${expires}`;
  return `locked by ${owner} since ${since} ${until}: ${reason}`;
}

export type LockRequest = { owner: string; reason: string /** Seconds; for ever if absent. */; for?: number };

/** @throws Problem where somebody else holds it, also where two try at once: one of them gets it */
export async function takeStackLock(place: Place, request: LockRequest): Promise<StackLock> {
  const { seen, lock } = await readLock(place);
  if (lock && lock.owner !== request.owner) requireUnlocked(lock, place.environment);
  const now = Date.now();
  const taken: StackLock = {
    owner: request.owner,
    reason: request.reason,
    since: lock?.since ?? new Date(now).toISOString(),
    expires: request.for === undefined ? null : new Date(now + request.for * 1000).toISOString(),
  };
  if (!(await swap(place, seen, `${JSON.stringify(taken)}\n`))) {
    const other = (await readLock(place)).lock;
    throw new Problem(
      `${place.environment} is ${other ? describeLock(other) : "being locked or unlocked by another"}`,
      "Run this again if that is wrong.",
    );
  }
  return taken;
}

/** @returns the lock that was lifted; undefined where there was none. @throws Problem for another's, unless forced */
export async function liftStackLock(
  place: Place,
  owner: string,
  mayLift: (lock: StackLock) => Promise<boolean>,
): Promise<StackLock | undefined> {
  const { seen, lock } = await readLock(place);
  if (seen === "absent") return undefined;
  if (lock && lock.owner !== owner && !(await mayLift(lock))) {
    throw new Problem(
      `${place.environment} is ${describeLock(lock)}`,
      "It is not yours. Lift it nevertheless: --force",
      2,
    );
  }
  if (!(await swap(place, seen, "")))
    throw new Problem("the lock changed meanwhile", "Look again: plimsoll lock status");
  return lock;
}

async function swap(place: Place, seen: string, next: string): Promise<boolean> {
  const outcome = await place.host.script(readOwn("operator/settings/lock.bash"), [place.state, seen], {
    input: next,
  });
  if (outcome.exitCode === 9) return false;
  requireDone(place, outcome, "writing the lock");
  return true;
}
