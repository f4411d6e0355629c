import type { Server } from "node:http";
import { Server as TcpServer } from "node:net";
import type { Logger } from "./log.ts";

/** How long kept-alive connections stay open for one last request, which is told `Connection: close`. */
const GRACE_MS = 500;

/** Closes a server: no new connections, requests in flight may end until the deadline. True if all did. */
export async function drain(server: Server, deadlineMs: number): Promise<boolean> {
  // Not http's own close(): it cuts idle connections at once, under a request that is just on its way.
  const closed = new Promise<boolean>((resolve) => {
    TcpServer.prototype.close.call(server, () => resolve(true));
  });
  const graceEnds = Date.now() + Math.min(GRACE_MS, deadlineMs / 2);
  const sweep = setInterval(() => {
    if (Date.now() >= graceEnds) server.closeIdleConnections();
  }, 50);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), deadlineMs);
  });
  const inTime = await Promise.race([closed, late]);
  clearInterval(sweep);
  clearTimeout(timer);
  if (!inTime) server.closeAllConnections();
  return inTime;
}

/** Runs `stop` once at SIGTERM or SIGINT and exits: 0, or 1 where it failed or took longer than `limitMs`. */
export function stopOnSignals(log: Logger, limitMs: number, stop: () => Promise<void>): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) return;
    stopping = true;
    log.info(`${signal}: stopping`);
    setTimeout(() => {
      log.error(`not stopped within ${limitMs} ms`);
      process.exit(1);
    }, limitMs).unref();
    stop().then(
      () => {
        log.info("stopped");
        process.exit(0);
      },
      (error) => {
        log.error({ err: error }, "stopping failed");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
  });
}
