/** `npm run test:long` runs every suite whole. Otherwise what repeats itself with other words does it a few times. */
export const LONG = process.env.PLIMSOLL_LONG === "1";

export function inLong<Value>(whole: Value, short: Value): Value {
  return LONG ? whole : short;
}
