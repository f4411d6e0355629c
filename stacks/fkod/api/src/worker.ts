import { closeRedis, createRedis } from "./data/redis.ts";
import { ServiceEnv } from "./env.ts";
import { handle } from "./jobs/handle.ts";
import { pause, stopOnSignals } from "./lifecycle.ts";
import { closeBase, createBase } from "./parts.ts";
import { createMailer } from "./services/sendgrid.ts";
import { createSideServer, listen } from "./side-server.ts";
import { start } from "./start.ts";

const { env, log, tracing } = await start("worker", ServiceEnv);
const base = createBase(env, log, tracing);
const mailer = createMailer(env, log);
const name = `${env.SERVER_NAME}-${process.pid}`;

// A blocking pop keeps its connection to itself.
const popping = createRedis("queue", env.SESSIONS_REDIS_URL, `${name}-pop`, log);
const stopping = new AbortController();
const TAKE_SECONDS = 2;
const STUCK_AFTER_MS = 60_000;
let lastTurn = Date.now();

async function work(): Promise<void> {
  let lastRecovery = 0;
  while (!stopping.signal.aborted) {
    lastTurn = Date.now();
    try {
      await base.queue.alive(name);
      await base.queue.retryDue();
      if (Date.now() - lastRecovery > 30_000) {
        lastRecovery = Date.now();
        const moved = await base.queue.recover();
        if (moved > 0) log.warn(`took over ${moved} job(s) of a worker that died`);
      }
      await handle(name, popping, TAKE_SECONDS, { ...base, mailer });
    } catch (error) {
      if (stopping.signal.aborted) return;
      log.warn({ err: error as Error }, "the queue cannot be read");
      await pause(1_000, stopping.signal);
    }
  }
}

const side = createSideServer(base.metrics.registry, () => Date.now() - lastTurn < STUCK_AFTER_MS, {
  release: env.RELEASE,
  server: env.SERVER_NAME,
});
await listen(side, env.METRICS_PORT, env.HOST);
log.info(`waiting for jobs, health and metrics on ${env.METRICS_PORT}`);
const finished = work();

stopOnSignals(log, env.SHUTDOWN_DEADLINE_MS, async () => {
  stopping.abort();
  // The pop ends by itself within its two seconds; cutting it off could lose the job it is just handing over.
  await finished;
  await closeRedis(popping);
  await Promise.all([closeBase(base), tracing.stop()]);
  side.close();
});
