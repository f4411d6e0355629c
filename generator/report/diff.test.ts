import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { produce } from "../index.ts";
import { shortest, sourceOf } from "../testing/source.ts";
import { compare, readIfThere } from "../write/compare.ts";
import { writeFiles } from "../write/write.ts";
import { diffReport, effects } from "./diff.ts";
import { diffText } from "./diff-text.ts";
import { colourful, plain } from "./paint.ts";

const filesOf = (stack: string, overrides?: string) =>
  produce(sourceOf(stack, overrides), "production").files;

async function diffBetween(before: string | undefined, after: string, overrides?: string) {
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-diff-"));
  if (before !== undefined) await writeFiles(folder, filesOf(before));
  return await diffFrom(folder, after, overrides);
}

async function diffFrom(folder: string, after: string, overrides?: string) {
  const files = filesOf(after, overrides);
  const compose = await readIfThere(join(folder, "compose.yaml"));
  return diffReport("generated/production", compose, files, await compare(folder, files));
}

const screen = { width: 80, paint: plain };

test("says that there is no difference", async () => {
  const report = await diffBetween(shortest, shortest);
  expect(report).toMatchObject({ files: [], services: [], elsewhere: [], foreign: [], fresh: false });
  expect(diffText(report, screen)).toBe("generated/production: no difference\n");
});

test("of a stack that was never generated all is new", async () => {
  const report = await diffBetween(undefined, shortest);
  expect(report.fresh).toBe(true);
  expect(effects(report).create.map(({ service }) => service)).toContain("postgres-1");
  const text = diffText(report, screen);
  expect(text).toMatch(/^ {2}\+ compose\.yaml/m);
  expect(text).not.toContain("@@");
});

test("a variable recreates the servers, and nobody else", async () => {
  const report = await diffBetween(shortest, `${shortest}  environment: { LOG_LEVEL: debug }\n`);
  const names = effects(report).recreate.map(({ service }) => service);
  expect(names.filter((name) => !/^(api-\d|migrate)$/.test(name))).toEqual([]);
  expect(names).toContain("api-3");
  // Nobody starts it but a deploy: there is no container to recreate.
  expect(names).not.toContain("api-spare");
  const text = diffText(report, screen);
  expect(text).toContain("~ api-1, api-2, api-3, api-spare\n      + environment.LOG_LEVEL  debug");
  expect(text).toMatch(/recreated {2}api-2 +environment\.LOG_LEVEL/);
});

test("a file that needs a restart is named; one that a reload takes in touches nobody", async () => {
  const cache = (policy: string) => `${shortest}redis: { cache: { policy: ${policy} } }\n`;
  const restart = await diffBetween(cache("allkeys-lru"), cache("allkeys-lfu"));
  expect(effects(restart).recreate).toMatchObject([
    { service: "redis-cache", why: ["redis-cache/redis.conf"] },
  ]);
  const text = diffText(restart, screen);
  expect(text).toContain("-maxmemory-policy allkeys-lru");
  expect(text).toContain("+maxmemory-policy allkeys-lfu");
  const reload = await diffBetween(
    `${shortest}nginx: { gzip: true }\n`,
    `${shortest}nginx: { gzip: false }\n`,
  );
  expect(effects(reload).recreate).toEqual([]);
  expect(diffText(reload, screen)).toContain("none is touched");
});

test("what is left over and what is kept is said", async () => {
  const report = await diffBetween(shortest, `${shortest}logging: false\n`);
  expect(effects(report).remove.map(({ service }) => service)).toContain("elasticsearch");
  const text = diffText(report, screen);
  expect(text).toContain("--remove-orphans");
  expect(text).toMatch(/kept +the volume elasticsearch-data/);
});

test("an override is a change like any other", async () => {
  const report = await diffBetween(shortest, shortest, "services:\n  nginx:\n    environment: { TZ: UTC }\n");
  expect(effects(report).recreate.map(({ service }) => service)).toEqual(["nginx"]);
});

test("a file edited by hand is told of, and cannot paint the terminal", async () => {
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-diff-"));
  await writeFiles(folder, filesOf(shortest));
  await writeFile(join(folder, "nginx", "nginx.conf"), "\u001b[2Jmine\n");
  const report = await diffFrom(folder, shortest);
  expect(report.foreign).toEqual([{ path: "nginx/nginx.conf", why: "was edited by hand" }]);
  const text = diffText(report, { width: 80, paint: colourful });
  expect(text).toContain("\\x1b[2Jmine");
  expect(text).not.toContain("\u001b[2J");
  expect(text).toContain("--force");
});

test("a Compose file that is broken counts as none", async () => {
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-diff-"));
  await writeFiles(folder, filesOf(shortest));
  await writeFile(join(folder, "compose.yaml"), "{ broken");
  const report = await diffFrom(folder, shortest);
  // But for the spare server, which a deploy alone starts.
  expect(effects(report).create.length).toBe(report.services.length - 1);
});
