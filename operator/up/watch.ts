/** Watches a project's containers until all have arrived, or one will not. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Outcome } from "../host/host.ts";
import { type Container, containersOf, PROJECT_LABEL } from "./containers.ts";
import { judge, type Verdict } from "./judge.ts";
import type { Progress } from "./progress.ts";
import type { Project } from "./project.ts";

export type Arrival = {
  how: "healthy" | "running" | "done" /** Since its container started. */;
  seconds: number;
};

export type Failure = { service: string; why: string; container?: Container };

export type Watched =
  | { kind: "arrived"; services: Record<string, Arrival> }
  | {
      kind: "failed";
      failures: readonly Failure[] /** What Compose said, where it failed itself. */;
      said?: string;
    };

export type WatchOptions = { /** Seconds. */ timeout: number; signal?: AbortSignal; progress: Progress };

/** `starting` is `docker compose up -d` at work: it waits for dependencies itself, and fails with them. */
export async function watchUntilReady(
  project: Project,
  starting: Promise<Outcome>,
  { timeout, signal, progress }: WatchOptions,
): Promise<Watched> {
  const began = Date.now();
  const expected = Object.entries(project.plan.services);
  const before = new Map<string, number>();
  const arrived: Record<string, Arrival> = {};
  const events = await wakeups(project);
  let outcome: Outcome | undefined;
  starting.then((ended) => {
    outcome = ended;
    events.wake();
  });
  try {
    for (;;) {
      signal?.throwIfAborted();
      // Read before the look: what has ended by then cannot change what is seen.
      const ended = outcome;
      const late = Date.now() - began > timeout * 1000;
      const containers = new Map(
        (await containersOf(project.engine.docker, project.name)).map((one) => [one.service, one]),
      );
      const failures: Failure[] = [];
      for (const [service, { one_shot, healthcheck }] of expected) {
        const container = containers.get(service);
        if (container && !before.has(container.id))
          before.set(container.id, isOld(container, began) ? container.restarts : 0);
        const restarts = container ? container.restarts - (before.get(container.id) ?? 0) : 0;
        const verdict = judge(container, { oneShot: one_shot, healthcheck }, restarts);
        if (verdict.kind === "ready" && (ended || !isOld(container, began))) {
          if (!arrived[service]) arrived[service] = arrival(verdict, container, service, began, progress);
        } else if (verdict.kind === "failed" && (ended || verdict.final || late)) {
          failures.push({ service, why: verdict.why, container });
        } else if (verdict.kind === "waiting") {
          delete arrived[service];
          progress.update(service, "working", verdict.state);
          if (late)
            failures.push({ service, why: `${stateOf(verdict, container)} after ${timeout} s`, container });
        }
      }
      if (ended && ended.exitCode !== 0 && failures.length === 0) {
        failures.push(...suspects(expected, containers));
      }
      if (failures.length > 0 || (ended && ended.exitCode !== 0)) {
        for (const { service, why } of failures) progress.update(service, "failed", why);
        return { kind: "failed", failures, said: ended && ended.exitCode !== 0 ? ended.stderr : undefined };
      }
      if (ended && expected.every(([service]) => arrived[service]))
        return { kind: "arrived", services: arrived };
      await events.next(1_000);
    }
  } finally {
    events.close();
  }
}

/** Compose gave up: on whom? Those that ended badly and are being started again; no verdict calls that final yet. */
function suspects(
  expected: readonly (readonly [string, unknown])[],
  containers: ReadonlyMap<string, Container>,
): Failure[] {
  return expected.flatMap(([service]) => {
    const container = containers.get(service);
    if (!container || (container.status !== "restarting" && container.restarts === 0)) return [];
    if (container.health === "healthy") return [];
    return [
      { service, why: `ended with exit code ${container.exitCode} and is being started again`, container },
    ];
  });
}

/** True for a container that ran before this `up`: Compose may be about to replace it. */
function isOld(container: Container | undefined, began: number): boolean {
  return container !== undefined && container.startedAt > 0 && container.startedAt < began;
}

function arrival(
  { how }: Extract<Verdict, { kind: "ready" }>,
  container: Container | undefined,
  service: string,
  began: number,
  progress: Progress,
): Arrival {
  const seconds = container ? Math.max(0, (Date.now() - container.startedAt) / 1000) : 0;
  const words = isOld(container, began) ? `${how}, left as it was` : `${how} in ${seconds.toFixed(1)} s`;
  progress.update(service, "done", words);
  return { how, seconds: Number(seconds.toFixed(1)) };
}

function stateOf({ state }: { state: string }, container: Container | undefined): string {
  if (!container) return "has no container";
  return state === "starting" ? "is still not healthy" : `is still ${state}`;
}

/** Something happened to the project, or some time went by. */
async function wakeups(project: Project) {
  let wake: () => void = () => undefined;
  let woken = false;
  const notice = () => {
    woken = true;
    wake();
  };
  // Without events (an engine behind a proxy that buffers) the clock alone wakes us.
  const stream = await project.engine.docker
    .getEvents({ filters: { type: ["container"], label: [`${PROJECT_LABEL}=${project.name}`] } })
    .catch(() => undefined);
  stream?.on("data", notice);
  stream?.on("error", () => undefined);
  return {
    wake: notice,
    close: () => (stream as (NodeJS.ReadableStream & { destroy?(): void }) | undefined)?.destroy?.(),
    async next(milliseconds: number) {
      // Events come in bursts (every probe is one): a pause keeps twenty containers from being asked all the time.
      await sleep(150);
      if (woken) {
        woken = false;
        return;
      }
      await Promise.race([
        sleep(milliseconds, undefined, { ref: true }),
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
      ]);
      woken = false;
    },
  };
}
