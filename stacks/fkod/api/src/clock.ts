import { ServiceEnv } from "./env.ts";
import { runAtBeat, type Task } from "./jobs/schedule.ts";
import { clockTasks } from "./jobs/tasks.ts";
import { stopOnSignals } from "./lifecycle.ts";
import { closeBase, createBase } from "./parts.ts";
import { createSideServer, listen } from "./side-server.ts";
import { start } from "./start.ts";

const { env, log, tracing } = await start("clock", ServiceEnv);
const base = createBase(env, log, tracing);
const stopping = new AbortController();
const tasks = clockTasks(base).map((task) => ({
  ...task,
  run: () => tracing.trace(task.name, "task", task.run),
}));
const lastTurn = new Map(tasks.map((task) => [task, Date.now()]));

function told(task: Task, milliseconds: number, error?: unknown): void {
  lastTurn.set(task, Date.now());
  const outcome = error ? "failed" : "done";
  base.metrics.taskSeconds.observe({ task: task.name, outcome }, milliseconds / 1_000);
  if (!error) {
    log.info({ "event.duration": milliseconds * 1e6 }, `${task.name} done`);
    return;
  }
  log.error({ err: error as Error }, `${task.name} failed, tried again at the next beat`);
  void base.sentry.report(error, { task: task.name });
}

// A task that fails is an alert's matter; one that never comes back is mended by a restart.
const healthy = () =>
  tasks.every((task) => Date.now() - (lastTurn.get(task) ?? 0) < task.everySeconds * 1_000 + 60_000);
const side = createSideServer(base.metrics.registry, healthy, {
  release: env.RELEASE,
  server: env.SERVER_NAME,
});
await listen(side, env.METRICS_PORT, env.HOST);
log.info(`keeping ${tasks.length} tasks at their beat, health and metrics on ${env.METRICS_PORT}`);
const finished = Promise.all(tasks.map((task) => runAtBeat(task, stopping.signal, told)));

stopOnSignals(log, env.SHUTDOWN_DEADLINE_MS, async () => {
  stopping.abort();
  await finished;
  await Promise.all([closeBase(base), tracing.stop()]);
  side.close();
});
