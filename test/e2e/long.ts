/** `npm run test:long` runs every suite whole. Otherwise what repeats itself with other words does it a few times. */
import { it } from "vitest";

export const LONG = process.env.PLIMSOLL_LONG === "1";

/** A case of the long run alone: one that another case or suite has the short form of. It is in no other run, and so skipped in none. */
export function inLongIt(name: string, body: () => Promise<void>): void {
  if (LONG) it(name, body);
}

export function inLong<Value>(whole: Value, short: Value): Value {
  return LONG ? whole : short;
}
