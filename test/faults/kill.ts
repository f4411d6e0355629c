/** Kills the process of every container in turn, under load, and waits until the stack is well again by itself. */
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningStack } from "../e2e/engine.ts";
import { type Count, startLoad } from "./load.ts";
import { states } from "./states.ts";

export type Fault = Count & {
  service: string;
  /** Seconds until every container was healthy again, the killed one restarted. */
  recovered: number;
};

export type KillOptions = { rounds: number; perSecond: number /** Seconds. */; patience: number };

/** @throws where the stack is not well again within `patience` */
export async function killEach(stack: RunningStack, options: KillOptions): Promise<Fault[]> {
  const load = startLoad(stack.ports.nginx as number, stack.plan.domain, options.perSecond);
  const faults: Fault[] = [];
  try {
    for (let round = 0; round < options.rounds; round++) {
      const services = Object.entries(stack.plan.services).filter(([, service]) => !service.one_shot);
      for (const [service] of services) {
        load.take();
        const recovered = await killOne(stack, service, options.patience);
        // What was in flight at the end belongs to this fault too.
        await sleep(500);
        faults.push({ service, recovered, ...load.take() });
      }
    }
  } finally {
    await load.stop();
  }
  return faults;
}

async function killOne(stack: RunningStack, service: string, patience: number): Promise<number> {
  const before = (await states(stack)).get(service);
  if (!before) throw new Error(`${service} does not run`);
  // `docker kill` would suppress the restart policy; a process that dies by itself does not.
  process.kill(before.pid, "SIGKILL");
  const began = performance.now();
  for (;;) {
    await sleep(200);
    const now = await states(stack);
    const after = now.get(service);
    const back = after?.well === true && (after.restarts > before.restarts || after.pid !== before.pid);
    if (back && [...now.values()].every(({ well }) => well)) return (performance.now() - began) / 1000;
    if (performance.now() - began > patience * 1000) {
      const unwell = [...now].filter(([, state]) => !state.well).map(([name]) => name);
      throw new Error(`${service} was killed; after ${patience} s these are not well: ${unwell.join(", ")}`);
    }
  }
}

export function table(faults: readonly Fault[]): string {
  const lines = faults.map(({ service, recovered, sent, failed, slowest, kinds }) => {
    const how = Object.entries(kinds).map(([kind, times]) => `${times}×${kind}`);
    return [
      service.padEnd(20),
      `${recovered.toFixed(1)} s`.padStart(8),
      String(sent).padStart(6),
      String(failed).padStart(6),
      `${(slowest / 1000).toFixed(1)} s`.padStart(8),
      ` ${how.join(" ")}`,
    ].join("");
  });
  return [
    `${"killed".padEnd(20)}${"well in".padStart(8)}${"sent".padStart(6)}${"lost".padStart(6)}${"slowest".padStart(8)}`,
    ...lines,
  ].join("\n");
}
