/** The lines of one container. */
import type Docker from "dockerode";
import type { Listed } from "../running.ts";
import { after, type LogLine, lineCutter } from "./lines.ts";
import type { LogRequest } from "./read.ts";

export type From = { last?: number; from?: string; follow?: boolean };

/** One container's lines until it stops, or to the end of what there is. A container that is gone has none. */
export async function readOne(
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
