/** What the engine on the host says of its work, and how it ended. */
import { z } from "zod";
import { readOwn } from "../../generator/package.ts";
import type { Outcome } from "../host/host.ts";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";

export const EngineEvent = z.object({
  at: z.string(),
  step: z.string(),
  state: z.string(),
  seconds: z.number().optional(),
  text: z.string().default(""),
});
export type EngineEvent = z.output<typeof EngineEvent>;

export type End = { version: string; events: readonly EngineEvent[]; seconds: number };

export function parseEvent(line: string): EngineEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return EngineEvent.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

type Following = {
  onEvent(event: EngineEvent): void;
  signal?: AbortSignal;
  /** Nothing was released before it. */
  first?: boolean;
};

/** Judges the end of what was followed. @throws Problem where the release did not come to be */
export async function follow(
  site: Site,
  version: string,
  events: readonly EngineEvent[],
  outcome: Outcome,
  { signal, first }: Pick<Following, "signal" | "first">,
): Promise<End> {
  const end = events.findLast(({ step }) => step === "end");
  const back = `plimsoll releases ${site.environment}`;
  if (end?.state === "done") return { version, events, seconds: secondsOf(events) };
  if (end) {
    const word = end.state === "rolled-back" ? "was rolled back" : "failed";
    const lines = end.text.split("\n");
    const history = `Its history: ${back.replace("releases", "release")} ${version}`;
    if (end.state === "half")
      throw new Problem(
        `${version} failed: ${lines[0]}\n${lines.find((line) => line.startsWith("and not all")) ?? "and not all of it could be undone"}`,
        `What runs may be of both releases: plimsoll ps ${site.environment}. Mend what the second line names; the next deploy, or --recover, goes on with the way back.\n${history}`,
      );
    throw new Problem(
      // The rest of its words came with the step that failed.
      `${version} ${word}: ${lines[0]}`,
      `${first ? "Nothing was released before it: what runs is left to be looked at." : "What was before it serves."} ${history}`,
    );
  }
  signal?.throwIfAborted();
  const said = outcome.stderr.trim().split("\n").slice(-4).join("\n");
  throw new Problem(
    outcome.exitCode === 4
      ? `nobody is at work on ${version} any more, and it has no end`
      : `${version} could not be begun on ${site.host.name}${said ? `\n${said}` : ` (exit code ${outcome.exitCode})`}`,
    `The next deploy brings things back first. What is there: ${back}`,
  );
}

/** For lines of the engine: keeps its events, and tells each. */
export function listen(
  events: EngineEvent[],
  { onEvent }: Pick<Following, "onEvent">,
): (line: string) => void {
  return (line) => {
    const event = parseEvent(line);
    if (!event) return;
    events.push(event);
    onEvent(event);
  };
}

/** Follows one that was begun before. */
export async function attach(site: Site, version: string, following: Following): Promise<End> {
  const events: EngineEvent[] = [];
  const outcome = await site.host.script(
    readOwn("operator/release/follow.bash"),
    [site.state, version, "0"],
    {
      signal: following.signal,
      onLine: listen(events, following),
    },
  );
  return follow(site, version, events, outcome, following);
}

function secondsOf(events: readonly EngineEvent[]): number {
  const [first, last] = [events[0], events.at(-1)];
  return first && last ? (Date.parse(last.at) - Date.parse(first.at)) / 1000 : 0;
}
