/** Which lines a user wants. */
import { Problem } from "../../problem.ts";

export type LineTest = (text: string) => boolean;

/**
 * `TEXT`, small letters fitting capitals too, or `/expression/` with the flags i, s, u.
 * @throws Problem (2) for an expression that is none
 */
export function grepFor(pattern: string | undefined): LineTest | undefined {
  if (pattern === undefined) return undefined;
  const expression = /^\/(.+)\/([isu]*)$/s.exec(pattern);
  if (expression) {
    try {
      const test = new RegExp(expression[1] as string, expression[2]);
      return (text) => test.test(text);
    } catch (error) {
      throw new Problem(
        `--grep ${pattern}: ${error instanceof Error ? error.message : error}`,
        "A text without slashes around it is looked for as it is.",
        2,
      );
    }
  }
  // As `smart case` elsewhere: who writes a capital means it.
  if (pattern !== pattern.toLowerCase()) return (text) => text.includes(pattern);
  return (text) => text.toLowerCase().includes(pattern);
}

/**
 * `10m` back from now, or a time.
 * @returns seconds of the epoch
 * @throws Problem (2)
 */
export function sinceFor(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const back = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(text);
  const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };
  if (back) return now / 1000 - Number(back[1]) * (units[back[2] as string] as number);
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time / 1000;
  throw new Problem(`--since ${text} is no time`, "Expected 90s, 10m, 2h, 1d, or 2026-11-23T08:00:00Z", 2);
}
