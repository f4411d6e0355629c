/** The short form of the faults: each container's process killed once, under load. `npm run test:faults` is the long one. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { interruptFirstStart } from "../faults/first-start.ts";
import { killEach, table } from "../faults/kill.ts";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";

const engine = await engineOrSkip();

describe.skipIf(!engine)("faults under load", () => {
  let stack: RunningStack;
  beforeAll(async () => {
    stack = await startStack({ name: "faults", overrides: { "nginx.rate": false } });
  });
  afterAll(async () => {
    await stack?.stop();
  });

  it("is well again by itself after each container's process was killed", async () => {
    const faults = await killEach(stack, { rounds: 1, perSecond: 25, patience: 120 });
    console.log(table(faults));
    expect(faults.length).toBe(Object.values(stack.plan.services).filter(({ one_shot }) => !one_shot).length);
    const lost = (service: string) => faults.find((fault) => fault.service === service)?.failed;
    // What no request passes through costs no request.
    for (const { service, failed } of faults) {
      if (!/^(nginx|api-|postgres|redis)/.test(service)) expect(failed, service).toBe(0);
    }
    // Reads go on without the replica and without the cache.
    expect(lost("redis-cache")).toBe(0);
    expect(lost("postgres-2")).toBe(0);
  });

  it("ends a first start of PostgreSQL healthy and whole, whatever of it was killed on the way", async () => {
    const { kills, healthy } = await interruptFirstStart(stack, 180);
    console.log(`first start: ${kills} processes killed, healthy ${healthy.toFixed(1)} s after the last`);
    expect(kills).toBeGreaterThan(0);
  });
});
