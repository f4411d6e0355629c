/**
 * From a fault to a person, by a real Alertmanager: one message for each, the right one, and one that it is over. An
 * hour; ROWS=1,2,3 takes these rows of faults alone.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip } from "../e2e/engine.ts";
import { startWebhook, type Webhook } from "../e2e/webhook.ts";
import { type Paged, pageFor, pages } from "./page.ts";
import { ROWS } from "./page-faults.ts";
import type { Site } from "./site.ts";
import { openWatched, type Watched } from "./watched.ts";

const engine = await engineOrSkip();
const rows = process.env.ROWS?.split(",").map(Number);
const chosen = ROWS.filter((_, index) => rows?.includes(index + 1) ?? true);

describe.skipIf(!engine)("from a fault to a person", () => {
  let site: Site;
  let hook: Webhook;
  let watched: Watched;
  const ends: (() => Promise<Paged[]>)[] = [];

  beforeAll(async () => {
    hook = await startWebhook();
    // What is asked here is no application's mix: little of it is in a cache.
    watched = await openWatched("page", { "objectives.cache_hits": "1%" }, `${hook.url}/person`);
    site = watched.site;
  });
  afterAll(async () => {
    await watched?.close();
    hook?.close();
  });

  it.each(chosen.map((row) => ({ row, what: row.map(({ what }) => what).join("; ") })))(
    "$what",
    async ({ row }) => {
      const { paged, beside, failures } = await pageFor(site, hook, row, { quiet: 300, patience: 900 });
      ends.push(paged);
      expect({ beside, failures }).toEqual({ beside: [], failures: [] });
    },
  );

  it("says once that there is something, and once that it is over", async () => {
    const all = await Promise.allSettled(ends.map((paged) => paged()));
    const done = all.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    console.log(pages(done));
    expect(all.filter(({ status }) => status === "rejected")).toEqual([]);
    expect(done).toHaveLength(chosen.flat().length);
    expect(done.filter(({ messages, overs }) => messages !== 1 || overs !== 1)).toEqual([]);
  });
});
