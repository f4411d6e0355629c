import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { localHost } from "../host/local.ts";
import { liftStackLock, parseLock, readLock, requireUnlocked, takeStackLock } from "./lock.ts";

const folder = eachInItsFolder();
const place = () => ({ host: localHost(), state: join(folder.path, "a 'state'"), environment: "production" });
const never = async () => false;

it("is seen by all with owner, reason and end, and lifted by its owner", async () => {
  expect((await readLock(place())).lock).toBeUndefined();
  await takeStackLock(place(), { owner: "ana@x", reason: 'look at "this" $(id)', for: 3600 });
  const { lock } = await readLock(place());
  expect(lock).toMatchObject({ owner: "ana@x", reason: 'look at "this" $(id)' });
  expect(() => requireUnlocked(lock, "production")).toThrow(
    /^production is locked by ana@x since .* until 2.*: look at "this" \$\(id\)$/,
  );
  await expect(takeStackLock(place(), { owner: "bob@y", reason: "mine" })).rejects.toThrow(/locked by ana@x/);
  await expect(liftStackLock(place(), "bob@y", never)).rejects.toThrow(/locked by ana@x/);
  // Its owner may give it another end: the same lock, no new beginning.
  const longer = await takeStackLock(place(), { owner: "ana@x", reason: "longer" });
  expect(longer).toMatchObject({ since: lock?.since, expires: null });
  expect(await liftStackLock(place(), "ana@x", never)).toMatchObject({ reason: "longer" });
  expect(await liftStackLock(place(), "ana@x", never)).toBeUndefined();
  expect(await readdir(place().state)).toEqual(["lock.guard"]);
});

it("goes to one of those who try at once", async () => {
  const tries = Array.from({ length: 6 }, (_, index) =>
    takeStackLock(place(), { owner: `person-${index}`, reason: "at once" }).then(
      () => index,
      (error: Error) => error.message,
    ),
  );
  const outcomes = await Promise.all(tries);
  const winners = outcomes.filter((outcome) => typeof outcome === "number");
  expect(winners).toHaveLength(1);
  for (const outcome of outcomes)
    if (typeof outcome === "string") expect(outcome).toContain(`locked by person-${winners[0]}`);
  expect((await readLock(place())).lock?.owner).toBe(`person-${winners[0]}`);
});

it("counts no longer once it expired, and is replaced", async () => {
  await takeStackLock(place(), { owner: "ana@x", reason: "short", for: 0.001 });
  await new Promise((later) => setTimeout(later, 1100));
  expect((await readLock(place())).lock).toBeUndefined();
  await takeStackLock(place(), { owner: "bob@y", reason: "next" });
  expect((await readLock(place())).lock?.owner).toBe("bob@y");
});

it("takes a file that cannot be read for a lock", async () => {
  await takeStackLock(place(), { owner: "ana@x", reason: "first" });
  await writeFile(join(place().state, "lock"), '{"owner":');
  const { lock } = await readLock(place());
  expect(() => requireUnlocked(lock, "production")).toThrow(/locked by somebody .* cannot be read/);
  await liftStackLock(place(), "ana@x", async () => true);
  expect((await readLock(place())).lock).toBeUndefined();
});

it("judges the end by the host's clock", () => {
  const text = JSON.stringify({
    owner: "a",
    reason: "r",
    since: "2026-01-01T00:00:00Z",
    expires: "2026-01-01T01:00:00Z",
  });
  expect(parseLock(text, Date.parse("2026-01-01T00:59:59Z"))).toBeDefined();
  expect(parseLock(text, Date.parse("2026-01-01T01:00:00Z"))).toBeUndefined();
  expect(parseLock("\n", 0)).toBeUndefined();
});

it("leaves the file of before where the new one cannot be written", async () => {
  await takeStackLock(place(), { owner: "ana@x", reason: "first" });
  const before = await readFile(join(place().state, "lock"), "utf8");
  const host = localHost();
  const full = {
    ...host,
    script: (text: string, ...rest: [string[]]) => host.script(text.replace("cat >", "false >"), ...rest),
  };
  await expect(liftStackLock({ ...place(), host: full }, "ana@x", never)).rejects.toThrow(
    /writing the lock failed/,
  );
  expect(await readFile(join(place().state, "lock"), "utf8")).toBe(before);
});
