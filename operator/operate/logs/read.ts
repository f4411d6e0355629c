/** Lines of many containers: first what there is, merged by time; then, with `follow`, what comes. */
import { setMaxListeners } from "node:events";
import type Docker from "dockerode";
import { Problem } from "../../problem.ts";
import { PROJECT_LABEL, SERVICE_LABEL } from "../../up/containers.ts";
import { type Listed, listed, ONEOFF_LABEL } from "../running.ts";
import { after, compareLines, type LogLine, lineCutter } from "./lines.ts";

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

type Starts = {
  listen(onStart: (container: Pick<Listed, "id" | "service">) => void, onEnd: () => void): void;
  close(): void;
};

/** Containers of the project that are started from now on. */
async function startsOf({ docker, project }: LogRequest): Promise<Starts> {
  const stream = (await docker.getEvents({
    filters: { type: ["container"], event: ["start"], label: [`${PROJECT_LABEL}=${project}`] },
  })) as NodeJS.ReadableStream & { destroy(): void };
  const early: Pick<Listed, "id" | "service">[] = [];
  let onStart: (container: Pick<Listed, "id" | "service">) => void = (container) => {
    early.push(container);
  };
  let pending = "";
  stream.on("error", () => undefined);
  stream.on("data", (bytes: Buffer) => {
    const lines = (pending + bytes.toString("utf8")).split("\n");
    pending = lines.pop() as string;
    for (const line of lines) {
      if (line.trim() === "") continue;
      const { id, Actor } = JSON.parse(line) as { id: string; Actor: { Attributes: Record<string, string> } };
      if (Actor.Attributes[ONEOFF_LABEL] === "True") continue;
      onStart({ id, service: Actor.Attributes[SERVICE_LABEL] ?? "" });
    }
  });
  return {
    listen(listener, onEnd) {
      onStart = listener;
      for (const container of early.splice(0)) listener(container);
      stream.once("end", onEnd).once("close", onEnd);
    },
    close: () => {
      stream.removeAllListeners("end").removeAllListeners("close");
      stream.destroy();
    },
  };
}

type From = { last?: number; from?: string; follow?: boolean };

/** One container's lines until it stops, or to the end of what there is. A container that is gone has none. */
async function readOne(
  { docker, since, signal, test }: LogRequest,
  { id, service }: Pick<Listed, "id" | "service">,
  { last, from, follow = false }: From,
  onLine: (line: LogLine) => void,
): Promise<void> {
  let framed: boolean;
  try {
    framed = !(await docker.getContainer(id).inspect()).Config.Tty;
  } catch {
    return;
  }
  const cutter = lineCutter(framed, (line) => {
    if (from === undefined || line.at > from) onLine({ service, container: id, ...line });
  });
  // What is filtered out does not count among the last: then all must be read.
  const everything = last === undefined || test !== undefined;
  const options = {
    stdout: true,
    stderr: true,
    timestamps: true,
    ...(from !== undefined ? { since: after(from) } : since !== undefined && { since: since.toFixed(9) }),
    ...(!everything && { tail: last }),
  };
  const stream = signal.aborted ? undefined : await streamOf(docker, id, { ...options, follow });
  if (!stream) return;
  await new Promise<void>((resolve) => {
    const stop = () => {
      stream.destroy();
      resolve();
    };
    signal.addEventListener("abort", stop, { once: true });
    stream.on("data", (bytes: Buffer) => cutter.push(bytes));
    stream
      .once("error", () => resolve())
      .once("end", () => resolve())
      .once("close", () => resolve());
    if (signal.aborted) stop();
  });
  cutter.end();
}

type LogStream = NodeJS.ReadableStream & { destroy(): void };

/** As a stream in both cases: the client's own `logs` holds everything in memory where it does not follow. */
async function streamOf(
  docker: Docker,
  id: string,
  options: Readonly<Record<string, unknown>>,
): Promise<LogStream | undefined> {
  const statusCodes = { 200: true, 101: true, 404: "gone", 409: "about to be removed", 500: "server error" };
  const request = { path: `/containers/${id}/logs?`, method: "GET", isStream: true, statusCodes, options };
  return new Promise((resolve, reject) => {
    docker.modem.dial(request as never, (error: Error | null, stream: unknown) => {
      const { statusCode } = (error ?? {}) as { statusCode?: number };
      if (!error) resolve(stream as LogStream);
      else if (statusCode === 404 || statusCode === 409) resolve(undefined);
      else reject(error);
    });
  });
}
