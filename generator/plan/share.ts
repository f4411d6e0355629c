/** Shares a quantity out: every part gets its floor, the rest goes by weight, nobody gets more than its ceiling. */
import type { Part } from "../components/component.ts";

/**
 * Whole units of `unit` bytes; the sum is never above `total`. Pure water-filling: a part that reaches its ceiling
 * leaves what it cannot take to the others.
 * @returns undefined where the floors alone are more than the total
 */
export function shareOut(total: number, parts: readonly Part[], unit: number): number[] | undefined {
  const floors = parts.map((part) => Math.ceil(part.floor / unit));
  let rest = Math.floor(total / unit) - floors.reduce((sum, floor) => sum + floor, 0);
  if (rest < 0) return undefined;
  const given = [...floors];
  const room = (index: number) => {
    const { ceiling } = parts[index] as Part;
    return ceiling === undefined
      ? Infinity
      : Math.max(0, Math.floor(ceiling / unit) - (given[index] as number));
  };
  let open = parts
    .map((_, index) => index)
    .filter((index) => (parts[index] as Part).weight > 0 && room(index) > 0);
  while (rest > 0 && open.length > 0) {
    const weights = open.reduce((sum, index) => sum + (parts[index] as Part).weight, 0);
    const round = rest;
    let spent = 0;
    for (const index of open) {
      const share = Math.min(Math.floor((round * (parts[index] as Part).weight) / weights), room(index));
      given[index] = (given[index] as number) + share;
      spent += share;
    }
    rest -= spent;
    open = open.filter((index) => room(index) > 0);
    // Less than one unit each is left: it stays with the host.
    if (spent === 0) break;
  }
  return given.map((units) => units * unit);
}
