/** The scripts of a failback on a host, and what their exit codes mean. */
import { readOwn } from "../../generator/package.ts";
import type { Outcome } from "../host/host.ts";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";

/** Another has one of the locks; the last line of stderr says who. */
const BUSY = 97;

type Part = "close" | "mark" | "reopen" | "wipe" | "guard";

export function failbackScript(part: Part): string {
  return [
    readOwn("operator/database/lib.bash"),
    readOwn("operator/onhost/bundle.bash"),
    readOwn("operator/failback/lib.bash"),
    readOwn(`operator/failback/${part}.bash`),
  ].join("\n");
}

export type Talk = { say(line: string): void; signal?: AbortSignal };

/** Milliseconds between two looks whether what an earlier try began is over. */
const AGAIN = 2_000;

/**
 * Its lines are told as they come; what was begun goes on where we are cut off. One of an earlier try that is still at work
 * is waited for.
 * @throws Problem with the last thing that it said
 */
export async function runPart(
  site: Site,
  part: Part,
  args: readonly string[],
  { say, signal }: Talk,
): Promise<Outcome> {
  for (let told = false; ; ) {
    const outcome = await site.host.script(failbackScript(part), [site.state, site.project, ...args], {
      onLine: (line) => tell(line, say),
      apart: true,
    });
    const said = outcome.stderr.trim().split("\n").at(-1) ?? "";
    if (outcome.exitCode !== BUSY) {
      if (outcome.exitCode === 0 || outcome.exitCode === 76 || outcome.exitCode === 77) return outcome;
      throw new Problem(said || `${part} ended with exit code ${outcome.exitCode} on ${site.host.name}`);
    }
    if (!/failback/.test(said)) throw busy(site, said);
    if (!told) say(`Waits for what an earlier try began: ${said}`);
    told = true;
    signal?.throwIfAborted();
    await new Promise((later) => setTimeout(later, AGAIN));
    signal?.throwIfAborted();
  }
}

export function busy({ environment, host }: Site, who: string): Problem {
  return new Problem(
    `another is at work on ${environment} of ${host.name}: ${who || "a deploy, a restart, a promotion or a restore"}`,
    `Wait for it, and run this again. Deploys: plimsoll releases ${environment} --host ${host.name}`,
  );
}

function tell(line: string, say: Talk["say"]): void {
  const [key, step, ...rest] = line.split(" ");
  if (key === "begin") say(`     ${step}`);
  if (key === "note") say(`     ${line.slice("note ".length)}`);
  if (key === "done") say(`ok   ${step}  ${rest.join(" ")}`.trimEnd());
}

/** `seconds N` of a script. */
export function secondsIn({ stdout }: Outcome): number {
  return Number(/^seconds (\d+(?:\.\d+)?)$/m.exec(stdout)?.[1] ?? Number.NaN);
}
