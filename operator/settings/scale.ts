/** How many servers and processes: `api=5 worker=2`. Pure. */
import { produce } from "../../generator/index.ts";
import type { Choices, Spec } from "../../generator/spec/load.ts";
import type { StackSource } from "../../generator/stack.ts";
import { unknown } from "../operate/names.ts";
import { Problem } from "../problem.ts";
import type { Change } from "./change.ts";

/** Servers are `api`; processes go by their own names. */
export type Scale = Record<string, number>;

const MOST = { servers: 300, processes: 50 };

export function scaleOf(spec: Pick<Spec, "core" | "options">): Scale {
  const { servers } = spec.options.get("api") as { servers: number };
  const counts = Object.entries(spec.core.processes).map(([name, { count }]) => [name, count]);
  return { api: servers, ...Object.fromEntries(counts) };
}

/** @throws Problem (2) for a word that is none, a name nobody has, a number out of bounds, a name said twice */
export function parseScale(words: readonly string[], known: readonly string[]): Scale {
  const scale: Scale = {};
  for (const word of words) {
    const match = /^([^=]+)=(.*)$/s.exec(word);
    if (!match)
      throw new Problem(`${JSON.stringify(word)} does not say how many`, "For example: api=5 worker=2", 2);
    const [, name = "", text = ""] = match;
    if (!known.includes(name)) throw unknown("server or process", name, known);
    if (Object.hasOwn(scale, name)) throw new Problem(`${name} is said twice`, undefined, 2);
    const [least, most] = name === "api" ? [1, MOST.servers] : [0, MOST.processes];
    const count = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
    if (!(count >= least && count <= most)) {
      throw new Problem(`${name}=${text}: expected a whole number from ${least} to ${most}`, undefined, 2);
    }
    scale[name] = count;
  }
  return scale;
}

/**
 * @returns undefined where that many run already
 * @throws InputError where the droplet is too small: with the smallest that would do
 */
export function scaleChange(
  source: StackSource,
  spec: Spec,
  said: Choices,
  wanted: Scale,
): Change | undefined {
  const { spec: now } = produce(source, spec.environment, said);
  const present = scaleOf(now);
  const different = Object.entries(wanted).filter(([name, count]) => present[name] !== count);
  if (different.length === 0) return undefined;
  const choices = { ...said, scale: { ...said.scale, ...wanted } };
  produce(source, spec.environment, choices);
  return {
    kind: "scale",
    choices,
    what: different.map(([name, count]) => `${name} ${present[name]} -> ${count}`),
  };
}
