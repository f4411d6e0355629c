/** What this room needs to know of a Site. */
import type { Host, Outcome } from "../host/host.ts";
import { Problem } from "../problem.ts";

export type Place = { host: Host; state: string; environment: string };

/** @throws Problem with the last thing the host said, where a script of ours failed there */
export function requireDone({ host }: Pick<Place, "host">, outcome: Outcome, what: string): Outcome {
  if (outcome.exitCode === 0) return outcome;
  const said = outcome.stderr.trim().split("\n").at(-1);
  throw new Problem(
    `${what} failed on ${host.name}${said ? `: ${said}` : ` (exit code ${outcome.exitCode})`}`,
  );
}
