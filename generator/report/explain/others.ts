/** Other values that a word might as well have had: what changes with it, follows from it. */
import type { JsonSchema } from "../../spec/schema.ts";
import type { Word } from "./words.ts";

/** Likely to be taken first; `undefined` leaves the word out. */
export function otherValues({ value, written, node }: Word): unknown[] {
  const others = [...choices(node).filter((choice) => choice !== value), ...changed(value)];
  return [...others.slice(0, 3), ...(written ? [undefined] : [])];
}

function choices(node: JsonSchema): unknown[] {
  const own = Array.isArray(node.enum) ? node.enum : "const" in node ? [node.const] : [];
  const branches = [...((node.anyOf ?? []) as JsonSchema[]), ...((node.oneOf ?? []) as JsonSchema[])];
  return [...own, ...branches.flatMap(choices)];
}

function changed(value: unknown): unknown[] {
  if (typeof value === "boolean") return [!value];
  if (typeof value === "number") return [value + 1, value - 1];
  if (Array.isArray(value)) return [[...value, ...value.slice(-1)], value.slice(0, -1)];
  if (typeof value !== "string") return [];
  const amount = /^(\d+(?:\.\d+)?)( ?(?:[KMGT]?i?B|ms|[smhdw]|%))$/.exec(value);
  if (amount) {
    const [, number, unit] = amount as unknown as [string, string, string];
    const half = Number((Number(number) / 2).toFixed(3));
    return unit.endsWith("%") ? [`${half}${unit}`] : [`${Number(number) * 2}${unit}`, `${half}${unit}`];
  }
  if (/^[\d*,/-]+( [\d*,/-]+){4}$/.test(value))
    return [value.replace(/^\S+/, (minute) => (minute === "7" ? "8" : "7"))];
  if (/^\d+:\d+$/.test(value)) return [value.replace(/\d+$/, (group) => String(Number(group) + 1))];
  return [`${value}x`, `x${value}`];
}
