import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeLock } from "./lock.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "plimsoll-lock-"));
  path = join(folder, "local.lock");
});
afterEach(() => rm(folder, { recursive: true }));

const holder = (some: object) =>
  `${JSON.stringify({ pid: process.pid, host: hostname(), command: "plimsoll up", since: "2026-11-01", ...some })}\n`;

async function deadPid(): Promise<number> {
  const child = spawn("true");
  await new Promise((done) => child.once("exit", done));
  return child.pid as number;
}

test("the second is told who holds it", async () => {
  const lock = await takeLock(path, "plimsoll up fkod");
  await expect(takeLock(path, "plimsoll down")).rejects.toThrow(/`plimsoll up fkod` is at work/);
  await lock.release();
  await (await takeLock(path, "plimsoll down")).release();
  expect(await readdir(folder)).toEqual([]);
});

test("of many at once, one gets it", async () => {
  const tries = await Promise.allSettled(Array.from({ length: 8 }, (_, at) => takeLock(path, `try ${at}`)));
  expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("a dead holder keeps nothing", async () => {
  await writeFile(path, holder({ pid: await deadPid() }));
  await (await takeLock(path, "plimsoll up")).release();
});

test.runIf(process.platform === "linux")("a number that another process has now keeps nothing", async () => {
  await writeFile(path, holder({ born: "1" }));
  await (await takeLock(path, "plimsoll up")).release();
});

test("half a file keeps nothing", async () => {
  await writeFile(path, '{"pid":');
  await (await takeLock(path, "plimsoll up")).release();
});

test("a holder on another machine is believed, and the file to remove is named", async () => {
  await writeFile(path, holder({ host: "elsewhere" }));
  await expect(takeLock(path, "plimsoll up")).rejects.toMatchObject({
    remedy: expect.stringContaining(path),
  });
  expect(await readFile(path, "utf8")).toContain("elsewhere");
});
