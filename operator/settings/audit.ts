/** A line for every change, on the host that was changed: who, when, what, and how it ended. Never a value. */
import { join } from "node:path";
import { z } from "zod";
import { readOwn } from "../../generator/package.ts";
import { Problem } from "../problem.ts";
import { type Place, requireDone } from "./place.ts";
import { whoami } from "./who.ts";

export const AuditEntry = z.object({
  at: z.string(),
  by: z.string(),
  command: z.string(),
  release: z.string().optional(),
  what: z.string(),
  outcome: z.string(),
});
export type AuditEntry = z.output<typeof AuditEntry>;

export async function appendAudit(place: Place, entry: Omit<AuditEntry, "at" | "by">): Promise<void> {
  const line = JSON.stringify({ at: new Date().toISOString(), by: whoami(), ...entry });
  const outcome = await place.host.script(readOwn("operator/settings/audit.bash"), [place.state], {
    input: line,
  });
  requireDone(place, outcome, "writing the audit");
}

export type Audited<Result> = {
  /** As it was typed, without values: `config set`. */
  command: string;
  what: string;
  /** The release that came of it. */
  release?(result: Result): string | undefined;
};

/** Does it and writes down that it was done, or that it failed. */
export async function audited<Result>(
  place: Place,
  { command, what, release }: Audited<Result>,
  action: () => Promise<Result>,
): Promise<Result> {
  let result: Result;
  try {
    result = await action();
  } catch (error) {
    // The failure is what a person must see; that it could not be written down is a lesser one.
    await appendAudit(place, { command, what, outcome: "failed" }).catch(() => undefined);
    throw error;
  }
  try {
    await appendAudit(place, { command, what, outcome: "done", release: release?.(result) });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Problem(`it was done (${what}), but not written down: ${why}`, "Is the host's disk full?");
  }
  return result;
}

/** The latest entries, oldest first. A line that is none (cut short by a full disk) is left out. */
export async function readAudit(place: Place, count: number): Promise<AuditEntry[]> {
  const script = 'if [[ -e $1 ]]; then tail -n "$2" -- "$1"; fi';
  const outcome = await place.host.script(script, [join(place.state, "audit.log"), String(count)]);
  return parseAudit(requireDone(place, outcome, "reading the audit").stdout);
}

export function parseAudit(text: string): AuditEntry[] {
  return text.split("\n").flatMap((line) => {
    try {
      return [AuditEntry.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}
