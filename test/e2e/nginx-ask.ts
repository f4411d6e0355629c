/** Requests to the edge as its tests send them, and counts of what came back. */
import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";

export type Answer = { status: number; headers: IncomingHttpHeaders; body: string };
export type Ask = {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  agent?: Agent;
  /** Gives up after so many milliseconds, as a visitor who leaves. */
  abort?: number;
};
export type Counts = { servers: Record<string, number>; failures: Record<string, number> };

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

export function ask(
  url: string,
  { method = "GET", headers = {}, body, agent: own = agent, abort }: Ask = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: own }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
    if (abort !== undefined) setTimeout(() => request.destroy(new Error("left")), abort);
  });
}

function count(counts: Counts, status: number | string, server: unknown): void {
  const [where, key] = status === 200 ? [counts.servers, String(server)] : [counts.failures, String(status)];
  where[key] = (where[key] ?? 0) + 1;
}

async function counted(counts: Counts, one: () => Promise<Answer>): Promise<void> {
  try {
    const { status, headers } = await one();
    count(counts, status, headers["x-server"]);
  } catch (error) {
    count(counts, (error as NodeJS.ErrnoException).code ?? "error", undefined);
  }
}

/** Sends `total` requests, `width` at a time. What fails is told apart by its status or its error's code. */
export async function many(total: number, width: number, one: (index: number) => Promise<Answer>) {
  const counts: Counts = { servers: {}, failures: {} };
  let next = 0;
  const lane = async () => {
    while (next < total) {
      const index = next++;
      await counted(counts, () => one(index));
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return counts;
}

/** Asks without end, `width` at a time, until told to stop; then says what came back. */
export function keepAsking(one: (index: number) => Promise<Answer>, width = 8) {
  let going = true;
  let index = 0;
  const counts: Counts = { servers: {}, failures: {} };
  const lanes = Promise.all(
    Array.from({ length: width }, async () => {
      while (going) await counted(counts, () => one(index++));
    }),
  );
  return async () => {
    going = false;
    await lanes;
    return counts;
  };
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export async function until(what: string, holds: () => Promise<boolean>, ms = 15_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await pause(50);
  }
}
