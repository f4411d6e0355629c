/** A steady load through nginx, counted at the client: what was asked, what failed, and how. */
import http from "node:http";
import { performance } from "node:perf_hooks";

export type Count = { sent: number; failed: number; slowest: number; kinds: Record<string, number> };

export type Load = {
  /** Counts since the last call. */
  take(): Count;
  stop(): Promise<void>;
};

const PATHS = ["/api/v1/whoami", "/api/v1/courses", "/health", "/api/v1/mentors?topic=career"];

/** Requests at a fixed rate whatever comes back, on kept-alive connections, as browsers hold them. */
export function startLoad(port: number, host: string, perSecond: number): Load {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  const open = new Set<Promise<void>>();
  let count = empty();
  let next = 0;
  const timer = setInterval(() => {
    const asked = ask(PATHS[next++ % PATHS.length] as string).finally(() => open.delete(asked));
    open.add(asked);
  }, 1000 / perSecond);

  function ask(path: string): Promise<void> {
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
      const request = http.get({ host: "127.0.0.1", port, path, agent, headers: { host }, timeout: 20_000 });
      request.once("response", (response) => {
        response.resume();
        response.once("end", () =>
          end((response.statusCode ?? 0) >= 500 ? String(response.statusCode) : undefined),
        );
        response.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
      });
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
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
    },
  };
}

function empty(): Count {
  return { sent: 0, failed: 0, slowest: 0, kinds: {} };
}
