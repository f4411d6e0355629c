/**
 * From a fault to a person, by a real Alertmanager: one message for each, the right one, and one that it is over. An
 * hour; ROWS=1,2,3 takes these rows of faults alone.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip, startStack } from "../e2e/engine.ts";
import { startWebhook, type Webhook } from "../e2e/webhook.ts";
import { letOut, receiveAt } from "./acts.ts";
import { type Load, startLoad } from "./load.ts";
import { type Paged, pageFor, pages } from "./page.ts";
import { ROWS } from "./page-faults.ts";
import type { Site } from "./site.ts";

const engine = await engineOrSkip();
const rows = process.env.ROWS?.split(",").map(Number);
const chosen = ROWS.filter((_, index) => rows?.includes(index + 1) ?? true);

describe.skipIf(!engine)("from a fault to a person", () => {
  let site: Site;
  let hook: Webhook;
  let load: Load;
  const ends: (() => Promise<Paged[]>)[] = [];

  beforeAll(async () => {
    hook = await startWebhook();
    const stack = await startStack({
      name: "page",
      cold: true,
      timeout: 600,
      overrides: {
        logging: false,
        "nginx.rate": false,
        "backup.verify": "0 0 1 1 *",
        // A third of the time for what waits a part of it; all else is as for any stack.
        "objectives.rpo": "20m",
        // What is asked here is no application's mix: little of it is in a cache.
        "objectives.cache_hits": "1%",
      },
    });
    site = { stack, disks: undefined, leader: "postgres-1", replica: "postgres-2" };
    await receiveAt(site, `${hook.url}/person`);
    await stack.start();
    await letOut(site, "alertmanager");
    load = startLoad(stack.ports.nginx as number, stack.plan.domain, 10);
    // A counter that was never seen at zero does not rise.
    await sleep(90_000);
  });
  afterAll(async () => {
    await load?.stop();
    await site?.stack.stop();
    hook?.close();
  });

  it.each(chosen.map((row) => ({ row, what: row.map(({ what }) => what).join("; ") })))(
    "$what",
    async ({ row }) => {
      const { paged, beside } = await pageFor(site, hook, row, { quiet: 300, patience: 900 });
      ends.push(paged);
      expect(beside).toEqual([]);
    },
  );

  it("says once that there is something, and once that it is over", async () => {
    const done = (await Promise.all(ends.map((paged) => paged()))).flat();
    console.log(pages(done));
    expect(done).toHaveLength(chosen.flat().length);
    expect(done.filter(({ messages, overs }) => messages !== 1 || overs !== 1)).toEqual([]);
  });
});
