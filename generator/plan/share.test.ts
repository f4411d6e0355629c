import fc from "fast-check";
import { expect, it } from "vitest";
import { shareOut } from "./share.ts";

const parts = fc.array(
  fc.record({
    floor: fc.integer({ min: 0, max: 4000 }),
    weight: fc.integer({ min: 0, max: 10 }),
    ceiling: fc.option(fc.integer({ min: 4000, max: 20_000 }), { nil: undefined }),
  }),
  { maxLength: 30 },
);

it("never gives out more than there is, nor less than a floor, nor more than a ceiling", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 200_000 }),
      parts,
      fc.constantFrom(1, 7, 64),
      (total, list, unit) => {
        const shares = shareOut(total, list, unit);
        const floors = list.reduce((sum, part) => sum + Math.ceil(part.floor / unit), 0);
        if (shares === undefined) {
          expect(floors).toBeGreaterThan(Math.floor(total / unit));
          return;
        }
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThanOrEqual(total);
        for (const [index, share] of shares.entries()) {
          const part = list[index] as (typeof list)[number];
          expect(share).toBeGreaterThanOrEqual(part.floor);
          expect(share % unit).toBe(0);
          if (part.ceiling !== undefined && share > Math.ceil(part.floor / unit) * unit) {
            expect(share).toBeLessThanOrEqual(part.ceiling);
          }
        }
      },
    ),
  );
});

it("shares what is left over by weight", () => {
  const part = (floor: number, weight: number, ceiling?: number) => ({ floor, weight, ceiling });
  expect(shareOut(100, [part(10, 1), part(10, 3)], 1)).toEqual([30, 70]);
});

it("gives what one cannot take to the others", () => {
  expect(
    shareOut(
      100,
      [
        { floor: 10, weight: 1, ceiling: 20 },
        { floor: 10, weight: 1 },
      ],
      1,
    ),
  ).toEqual([20, 80]);
});

it("gives nothing beyond the floor for weight 0", () => {
  expect(shareOut(100, [{ floor: 10, weight: 0 }], 1)).toEqual([10]);
});
