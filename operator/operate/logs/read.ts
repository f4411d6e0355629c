/** Lines of many containers: first what there is, merged by time; then, with `follow`, what comes. */
import { setMaxListeners } from "node:events";
import type Docker from "dockerode";
import { Problem } from "../../problem.ts";
import { type Listed, listed } from "../running.ts";
import { readOne } from "./container.ts";
import { compareLines, type LogLine } from "./lines.ts";
import { type Starts, startsOf } from "./starts.ts";

export type LogRequest = {
  docker: Docker;
  project: string;
  wants(service: string): boolean;
  /** All if absent. */
  test?(text: string): boolean;
  /** Seconds of the epoch. */
  since?: number;
  /** So many lines of all together; all if absent. */
  tail?: number;
  follow?: boolean;
  signal: AbortSignal;
  onLine(line: LogLine): void;
};

/** @throws Problem where the engine goes away while it is followed. Ends quietly with the signal. */
export async function readLogs(request: LogRequest): Promise<void> {
  const { docker, project, follow, signal } = request;
  // One listener for each container, and each goes with its stream.
  setMaxListeners(0, signal);
  // Before the first look: what starts while we read must not be missed.
  const starts = follow ? await startsOf(request) : undefined;
  const containers = (await listed(docker, project)).filter(
    ({ service, oneOff }) => !oneOff && request.wants(service),
  );
  const seen = new Map<string, string>();
  for (const line of await backlog(request, containers)) {
    seen.set(line.container, line.at);
    request.onLine(line);
  }
  if (starts) await followAll(request, containers, seen, starts, signal);
}

async function backlog(request: LogRequest, containers: readonly Listed[]): Promise<LogLine[]> {
  const { tail, test } = request;
  const lines: LogLine[] = [];
  await Promise.all(
    containers.map(async (container) => {
      const own: LogLine[] = [];
      await readOne(request, container, { last: tail }, (line) => {
        if (test && !test(line.text)) return;
        own.push(line);
        // Only the last lines are shown: a day's log need not be held for them.
        if (tail !== undefined && own.length > 2 * tail + 1000) own.splice(0, own.length - tail);
      });
      lines.push(...own);
    }),
  );
  lines.sort(compareLines);
  return tail === undefined ? lines : lines.slice(Math.max(0, lines.length - tail));
}

/** Lines come at once from many streams: they are held for a moment, so that they come out in the order of their times. */
const HOLD = 200;

async function followAll(
  request: LogRequest,
  containers: readonly Listed[],
  seen: Map<string, string>,
  starts: Starts,
  signal: AbortSignal,
): Promise<void> {
  let held: LogLine[] = [];
  let failure: unknown;
  const ending = new AbortController();
  setMaxListeners(0, ending.signal);
  const open = new Set<string>();
  const flush = () => {
    const lines = held.sort(compareLines);
    held = [];
    for (const line of lines) request.onLine(line);
  };
  const timer = setInterval(flush, HOLD);
  const attach = async (container: Pick<Listed, "id" | "service">) => {
    if (open.has(container.id)) return;
    open.add(container.id);
    const inner = { ...request, signal: AbortSignal.any([signal, ending.signal]) };
    await readOne(inner, container, { from: seen.get(container.id), follow: true }, (line) => {
      seen.set(container.id, line.at);
      if (!request.test || request.test(line.text)) held.push(line);
    });
    open.delete(container.id);
  };
  try {
    await new Promise<void>((resolve) => {
      const fail = (error: unknown) => {
        failure = error;
        resolve();
      };
      signal.addEventListener("abort", () => resolve(), { once: true });
      if (signal.aborted) resolve();
      starts.listen(
        (container) => {
          if (request.wants(container.service)) attach(container).catch(fail);
        },
        () => fail(new Problem("the engine does not answer any more: the log ends here", "Run it again.")),
      );
      for (const container of containers) attach(container).catch(fail);
    });
  } finally {
    clearInterval(timer);
    ending.abort();
    starts.close();
    flush();
  }
  if (failure && !signal.aborted) throw failure;
}
