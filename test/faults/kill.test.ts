/** The long series: every container's process killed five times. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip, type RunningStack, startStack } from "../e2e/engine.ts";
import { interruptFirstStart } from "./first-start.ts";
import { killEach, table } from "./kill.ts";

const engine = await engineOrSkip();

describe.skipIf(!engine)("long faults under load", () => {
  let stack: RunningStack;
  beforeAll(async () => {
    stack = await startStack({ name: "long", overrides: { "nginx.rate": false } });
  });
  afterAll(async () => {
    await stack?.stop();
  });

  it("is well again after each of five rounds", async () => {
    const faults = await killEach(stack, { rounds: 5, perSecond: 25, patience: 180 });
    console.log(table(faults));
    const sent = faults.reduce((sum, fault) => sum + fault.sent, 0);
    const lost = faults.reduce((sum, fault) => sum + fault.failed, 0);
    console.log(
      `${faults.length} faults, ${sent} requests, ${lost} lost (${((100 * lost) / sent).toFixed(2)}%)`,
    );
    expect(sent).toBeGreaterThan(1000);
  });

  it("ends twenty interrupted first starts of PostgreSQL healthy and whole", async () => {
    for (let round = 1; round <= 20; round++) {
      const { kills, healthy } = await interruptFirstStart(stack, 180);
      console.log(
        `first start ${round}: ${kills} processes killed, healthy ${healthy.toFixed(1)} s after the last`,
      );
    }
  });
});
