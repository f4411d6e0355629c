/** Deploys in a row under load: what the short test does a few times, the long one does twenty times. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Counts } from "../deploy/load.ts";
import { type DeploySite, isWhole } from "./deploy-site.ts";

/** How an application takes SIGTERM: ends what it does, has no word about it, or goes on until it is killed. */
export const APPLICATIONS = {
  polite: { "api.command": "node polite.mjs", "api.stop": undefined },
  plain: { "api.command": "node plain.mjs", "api.stop": undefined },
  stubborn: { "api.command": "node stubborn.mjs", "api.stop": "2s" },
} as const;

export type Application = keyof typeof APPLICATIONS;

/** The number of the next release's content, so that each image is another. */
let content = 1;

export async function newContent(site: DeploySite): Promise<string> {
  const name = `content-${++content}`;
  await site.setRelease(name);
  return name;
}

/** Counts what is lost in it. Its last requests are waited for. */
export async function counted<Value>(
  site: DeploySite,
  action: () => Promise<Value>,
): Promise<{ value: Value; counts: Counts }> {
  const load = await site.load();
  try {
    await sleep(500);
    const value = await action();
    await sleep(500);
    return { value, counts: await load.stop() };
  } finally {
    await load.stop();
  }
}

export function expectNoneLost(counts: Counts): void {
  const { sent, lost, kinds, duplicates, wrong } = counts;
  expect(sent).toBeGreaterThan(20);
  expect({ lost, kinds, duplicates, wrong }).toEqual({ lost: 0, kinds: {}, duplicates: 0, wrong: 0 });
}

/** Every third changes nginx's own files too, so that it reloads; `handover` is the number of one that replaces nginx. */
export async function series(
  site: DeploySite,
  application: Application,
  { deploys, handover }: { deploys: number; handover?: number },
): Promise<void> {
  await site.setProduction(APPLICATIONS[application]);
  const seconds: number[] = [];
  let name = "";
  const { counts } = await counted(site, async () => {
    for (let number = 1; number <= deploys; number++) {
      name = await newContent(site);
      if (number % 3 === 0) await site.setProduction({ "nginx.body": `${number + 1}MB` });
      if (number === handover)
        await site.setProduction({
          "nginx.names": [`n${content}.example.com`],
          "nginx.http": 8000 + content,
        });
      const before = await site.containers();
      const start = performance.now();
      const { stderr } = await site.deploy("--message", `${application} ${number}`);
      seconds.push((performance.now() - start) / 1000);
      if (number % 3 === 0) expect(stderr).toMatch(/nginx .*reloaded|made anew/);
      const after = await site.containers();
      expect(after.nginx === before.nginx, stderr).toBe(number !== handover);
      expect(await site.answers()).toEqual({ status: "200", release: name });
    }
  });
  console.log(
    `${application}: ${deploys} deploys of ${Math.min(...seconds).toFixed(1)}-${Math.max(...seconds).toFixed(1)} s, ` +
      `${counts.sent} requests, ${counts.lost} lost ${JSON.stringify(counts.kinds)}, ` +
      `longest pause ${counts.gap} ms, p95 ${counts.quick.p95} ms, slowest ${counts.quick.max} ms`,
  );
  expectNoneLost(counts);
  expect(counts.byRelease[name]).toBeGreaterThan(0);
  await isWhole(site);
}
