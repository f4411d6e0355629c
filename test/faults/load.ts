/** A steady load through nginx, counted at the client: what was asked, what failed, and how. */
import http from "node:http";
import { performance } from "node:perf_hooks";
import { startPace } from "../e2e/pace.ts";

export type Count = { sent: number; failed: number; slowest: number; kinds: Record<string, number> };

export type Load = {
  /** Counts since the last call. */
  take(): Count;
  stop(): Promise<void>;
};

/** Every fifth is a POST: what is not safe to repeat, and so is lost with the server that had it. */
const REQUESTS = [
  { method: "GET", path: "/api/v1/whoami" },
  { method: "GET", path: "/api/v1/courses" },
  { method: "GET", path: "/health" },
  { method: "GET", path: "/api/v1/mentors?topic=career" },
  { method: "POST", path: "/api/v1/uploads" },
] as const;
const BODY = "x".repeat(2048);

/** Requests at a fixed rate whatever comes back, on kept-alive connections, as browsers hold them. */
export function startLoad(port: number, host: string, perSecond: number): Load {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  let count = empty();
  const pace = startPace(perSecond, (turn) =>
    ask(REQUESTS[turn % REQUESTS.length] as (typeof REQUESTS)[number]),
  );

  function ask({ method, path }: (typeof REQUESTS)[number]): Promise<void> {
    const began = performance.now();
    const mine = count;
    mine.sent += 1;
    return new Promise((done) => {
      const end = (failure?: string) => {
        mine.slowest = Math.max(mine.slowest, performance.now() - began);
        if (failure) {
          mine.failed += 1;
          mine.kinds[failure] = (mine.kinds[failure] ?? 0) + 1;
        }
        done();
      };
      const request = http.request({
        host: "127.0.0.1",
        port,
        method,
        path,
        agent,
        headers: { host },
        timeout: 20_000,
      });
      request.once("response", (response) => {
        response.resume();
        response.once("end", () =>
          end((response.statusCode ?? 0) >= 500 ? String(response.statusCode) : undefined),
        );
        response.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
      });
      request.end(method === "POST" ? BODY : undefined);
      request.once("timeout", () => request.destroy(new Error("timeout")));
      request.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    });
  }

  return {
    take() {
      const taken = count;
      count = empty();
      return taken;
    },
    async stop() {
      await pace.stop();
      agent.destroy();
    },
  };
}

function empty(): Count {
  return { sent: 0, failed: 0, slowest: 0, kinds: {} };
}
