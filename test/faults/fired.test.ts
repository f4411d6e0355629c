/**
 * Alerts of which no other series has the fault: each fires, and is over after. An hour and a quarter; WAVES=1,2 takes
 * these waves alone, FAULT=PATTERN what its faults are called, and LONG=no leaves out what takes three quarters of an hour.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip } from "../e2e/engine.ts";
import { startWebhook, type Webhook } from "../e2e/webhook.ts";
import { fire, firedTable, type Wave } from "./fired/fire.ts";
import { SERIES } from "./fired/series.ts";
import type { Site } from "./site.ts";
import { openWatched, type Watched } from "./watched.ts";

const engine = await engineOrSkip();
const chosen = process.env.WAVES?.split(",").map(Number);
const pattern = new RegExp(process.env.FAULT ?? "");
const waves = SERIES.WAVES.map((all, index) => ({
  faults: all.filter(({ what }) => pattern.test(what)),
  number: index + 1,
})).filter(({ faults, number }) => faults.length > 0 && (chosen?.includes(number) ?? true));

describe.skipIf(!engine)("faults, and the alerts that they fire", () => {
  let site: Site;
  let hook: Webhook;
  let watched: Watched;
  const done: Wave[] = [];
  let long: Promise<Wave> | undefined;

  beforeAll(async () => {
    hook = await startWebhook();
    // What node_exporter shows of the disk.
    watched = await openWatched("fired", {}, `${hook.url}/refused`, { metrics: 64 });
    site = watched.site;
    if (process.env.LONG !== "no") long = fire(site, SERIES.LONG, 5000);
    long?.catch(() => undefined);
  });
  afterAll(async () => {
    console.log(firedTable(done.flatMap(({ fired }) => fired)));
    await watched?.close();
    hook?.close();
  });

  it.each(waves)("wave $number", async ({ faults }) => {
    const wave = await fire(site, faults, 2000);
    done.push(wave);
    expect(wave.failures).toEqual([]);
  });

  it("what takes longer", async () => {
    if (!long) return;
    const wave = await long;
    done.push(wave);
    expect(wave.failures).toEqual([]);
  });

  it("is over after it", async () => {
    const over = await Promise.allSettled(done.map((wave) => wave.over()));
    expect(over.filter(({ status }) => status === "rejected")).toEqual([]);
  });

  it.skipIf(chosen || process.env.FAULT)("what cannot be undone", async () => {
    await fire(site, SERIES.LAST, 300);
  });
});
