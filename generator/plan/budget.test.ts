import fc from "fast-check";
import { expect, it } from "vitest";
import { GiB, MiB } from "../spec/words.ts";
import { isShortage, makeBudget, type OwnedClaim } from "./budget.ts";

const part = fc.record({
  floor: fc.integer({ min: 0, max: 3 * GiB }),
  weight: fc.integer({ min: 0, max: 5 }),
  // Below the floor too: then the floor is what it gets.
  ceiling: fc.option(fc.integer({ min: 0, max: 4 * GiB }), { nil: undefined }),
});
const claims = fc
  .array(fc.record({ memory: part, disk: part, reserve: fc.boolean() }), { maxLength: 12 })
  .map((list) =>
    list.map(
      ({ memory, disk, reserve }, index): OwnedClaim => ({
        service: `s-${index}`,
        component: "c",
        ...(reserve && { reserve: "kept free" }),
        memory,
        cpu: { weight: 1024 },
        pids: 64,
        disk: { [`v${index}`]: disk },
      }),
    ),
  );
const machine = fc.record({
  slug: fc.constant("custom" as const),
  cpus: fc.double({ min: 0.5, max: 64, noNaN: true }),
  memory: fc.integer({ min: 0, max: 64 * GiB }),
  disk: fc.integer({ min: 0, max: 200 * GiB }),
  spared: fc.boolean(),
});

it("gives every claim its floor within what there is, or says what is short", () => {
  let [fitting, short] = [0, 0];
  fc.assert(
    fc.property(machine, claims, (size, list) => {
      const budget = makeBudget(size, list);
      if (isShortage(budget)) {
        short += 1;
        expect(Math.max(budget.memory, budget.disk)).toBeGreaterThan(0);
        // With just that much more it fits, but for what the host takes of it.
        const larger = {
          ...size,
          memory: size.memory + 1.2 * budget.memory + MiB,
          disk: size.disk + 1.2 * budget.disk + MiB,
        };
        expect(isShortage(makeBudget(larger, list))).toBe(false);
        return;
      }
      fitting += 1;
      expect(budget.memory.granted).toBeLessThanOrEqual(size.memory - budget.memory.host);
      expect(budget.disk.granted).toBeLessThanOrEqual(size.disk - budget.disk.host);
      for (const [index, line] of budget.lines.entries()) {
        expect(line.memory).toBeGreaterThanOrEqual(list[index]?.memory.floor as number);
        expect(line.disk[`v${index}`]).toBeGreaterThanOrEqual(
          list[index]?.disk?.[`v${index}`]?.floor as number,
        );
        expect(line.cpus).toBeLessThanOrEqual(size.cpus);
      }
    }),
    { numRuns: 500 },
  );
  expect(Math.min(fitting, short)).toBeGreaterThan(20);
});

it("is short of a unit where the floors fit by bytes alone", () => {
  const claim = (index: number): OwnedClaim => ({
    service: `s-${index}`,
    component: "c",
    memory: { floor: 10.5 * MiB, weight: 1 },
    cpu: { weight: 1 },
    pids: 1,
  });
  const size = { slug: "custom" as const, cpus: 1, memory: 21 * MiB, disk: 10 * GiB, spared: true };
  expect(makeBudget(size, [claim(1), claim(2)])).toEqual({ memory: MiB, disk: 0 });
});
