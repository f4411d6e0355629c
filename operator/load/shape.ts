/** The shape of a load: what is asked, how often, for how long. */
import type { Load, LoadRequest } from "../../generator/components/api/checks.ts";
import { Problem } from "../problem.ts";

export type Ask = { method: LoadRequest["method"]; path: string; body?: string; type?: string };

export type Shape = {
  /** Requests a second, whatever becomes of those before. */
  rate: number;
  seconds: number;
  /** Seconds at the same rate before it counts: caches, pools and compilers are cold only once. */
  warmUp: number;
  /** How many may be under way at once; the next one waits, and its wait counts. */
  connections: number;
  /** Seconds after which a request without an answer has failed. */
  patience: number;
};

/** Every wait is kept: percentiles are exact. */
const MOST = 1_000_000;

/** @throws Problem (2) where it is more than can be kept */
export function requireSize({ rate, seconds, warmUp }: Shape): void {
  const count = rate * (seconds + warmUp);
  if (count <= MOST) return;
  throw new Problem(
    `${rate} requests a second for ${seconds} s are ${Math.round(count)} requests`,
    `At most ${MOST}: a lower --rate, or a shorter --for.`,
    2,
  );
}

/** What `api.load` says; the health path where it says nothing. */
export function asksOf(load: Load | undefined, health: string): { ask: Ask; weight: number }[] {
  const requests = load?.requests ?? [];
  if (requests.length === 0) return [{ ask: { method: "GET", path: health }, weight: 1 }];
  return requests.map(({ method, path, body, weight }) => ({
    ask: {
      method,
      path,
      ...(body !== undefined &&
        (typeof body === "string"
          ? { body, type: "text/plain; charset=utf-8" }
          : { body: JSON.stringify(body), type: "application/json" })),
    },
    weight,
  }));
}

/** Whose turn it is, exactly by weight and mixed as evenly as it goes: no chance, two loads are the same load. */
export function turns(asks: readonly { ask: Ask; weight: number }[]): () => Ask {
  const whole = asks.reduce((sum, { weight }) => sum + weight, 0);
  const credits = asks.map(() => 0);
  return () => {
    let best = 0;
    for (const [index, { weight }] of asks.entries()) {
      credits[index] = (credits[index] as number) + weight;
      if ((credits[index] as number) > (credits[best] as number)) best = index;
    }
    credits[best] = (credits[best] as number) - whole;
    return (asks[best] as { ask: Ask }).ask;
  };
}
