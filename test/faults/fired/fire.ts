/** From a fault to the alerts that fire because of it, as the stack's own Prometheus says. */
import { expect } from "vitest";
import { eventually } from "../../e2e/wait.ts";
import type { Begin, Undo } from "../acts.ts";
import { alerts } from "../alerts.ts";
import type { Site } from "../site.ts";

export type Fault = {
  what: string;
  /** Each must fire; others may. */
  alerts: readonly string[];
  begin: Begin;
};

export type Fired = { what: string; alert: string; seconds: number; over: number };

export type Wave = {
  fired: Fired[];
  /** Faults that could not be ended: each is one of every wave after it. */
  failures: unknown[];
  /** Until all of `fired` are over. */
  over(): Promise<void>;
};

/** Faults that are there together, until each of their alerts fired. */
export async function fire(site: Site, faults: readonly Fault[], patience: number): Promise<Wave> {
  const ends: Undo[] = [];
  const failures: unknown[] = [];
  const fired: Fired[] = [];
  const awaited = faults.flatMap(({ what, alerts: names }) =>
    names.map((alert) => ({ what, alert, began: 0 })),
  );
  const act = async (fault: Fault) => {
    for (const one of awaited) if (one.what === fault.what) one.began = Date.now();
    await fault.begin(site, (end) =>
      ends.push(() => end().catch((error: unknown) => failures.push(new Error(`${fault.what}: ${error}`)))),
    );
  };
  const look = async () => {
    const firing = await firingOf(site);
    for (const one of awaited) {
      if (!firing.has(one.alert) || fired.some(({ alert }) => alert === one.alert)) continue;
      const seconds = (Date.now() - one.began) / 1000;
      fired.push({ ...one, seconds, over: Number.NaN });
      console.log(`${one.alert} after ${Math.round(seconds)} s: ${one.what}`);
    }
    const missing = awaited.filter((one) => !fired.some(({ alert }) => alert === one.alert));
    expect(missing.map(({ alert }) => alert)).toEqual([]);
  };
  // What fires already says nothing about these; what an earlier wave left behind looks back at it for a while.
  await eventually(async () => {
    const firing = await firingOf(site);
    expect(awaited.map(({ alert }) => alert).filter((alert) => firing.has(alert))).toEqual([]);
  }, 1200);
  const acting = faults.map(act);
  try {
    await Promise.all([eventually(look, patience), ...acting]);
  } finally {
    await Promise.allSettled(acting);
    for (const end of ends.toReversed()) await end();
  }
  const healed = Date.now();
  const over = eventually(async () => {
    const firing = await firingOf(site);
    for (const one of fired)
      if (Number.isNaN(one.over) && !firing.has(one.alert)) one.over = (Date.now() - healed) / 1000;
    expect(fired.filter((one) => Number.isNaN(one.over)).map(({ alert }) => alert)).toEqual([]);
  }, patience);
  // Whoever waits for it hears of it.
  over.catch(() => undefined);
  return { fired, failures, over: () => over };
}

/** @throws while Prometheus does not answer */
async function firingOf({ stack }: Site): Promise<Set<string>> {
  const all = await alerts(stack);
  return new Set(all.filter(({ state }) => state === "firing").map(({ name }) => name));
}

export function firedTable(all: readonly Fired[]): string {
  return [
    "| fault | alert | fired after | over after |",
    "| --- | --- | --- | --- |",
    ...all.map(
      ({ what, alert, seconds, over }) =>
        `| ${what} | ${alert} | ${seconds.toFixed(0)} s | ${Number.isNaN(over) ? "" : `${over.toFixed(0)} s`} |`,
    ),
  ].join("\n");
}
