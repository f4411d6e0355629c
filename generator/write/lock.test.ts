import { readdir, readFile, symlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { eachInItsFolder, file } from "../testing/folder.ts";
import { withLock } from "./lock.ts";
import { writeFiles } from "./write.ts";

const folder = eachInItsFolder();
const lock = () => join(folder.path, ".plimsoll.lock");
/** Above the largest number that Linux gives a process. */
const DEAD = `4194305@${hostname()}`;

it("lets one write at a time", async () => {
  const many = (text: string) => Array.from({ length: 50 }, (_, index) => file(`f${index}`, text));
  await writeFiles(folder.path, many("0"));
  const results = await Promise.allSettled(["1", "2"].map((text) => writeFiles(folder.path, many(text))));
  const refused = results.filter((result) => result.status === "rejected");
  expect(refused).toHaveLength(1);
  expect(String(refused[0]?.reason)).toMatch(/another generate is writing here/);
  const texts = await Promise.all(many("").map(({ path }) => readFile(join(folder.path, path), "utf8")));
  expect(new Set(texts).size).toBe(1);
});

it("is taken over from a dead process by one alone", async () => {
  for (let round = 0; round < 50; round++) {
    await symlink(DEAD, lock());
    let inside = 0;
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () =>
        withLock(folder.path, async () => {
          expect(++inside).toBe(1);
          await new Promise((later) => setTimeout(later, 5));
          inside -= 1;
        }),
      ),
    );
    const reasons = results.flatMap((result) =>
      result.status === "rejected" ? [String(result.reason)] : [],
    );
    for (const reason of reasons) expect(reason).toMatch(/another generate is writing here/);
    expect(reasons.length).toBeLessThan(8);
    expect(await readdir(folder.path)).toEqual([]);
  }
});

it.each([
  ["of another machine", "1@elsewhere"],
  ["that says nothing of this house", "somebody"],
  ["of this very process", `${process.pid}@${hostname()}`],
])("is left to a holder %s", async (_, holder) => {
  await symlink(holder, lock());
  const action = vi.fn();
  await expect(withLock(folder.path, action)).rejects.toThrow(`process ${holder}`);
  expect(action).not.toHaveBeenCalled();
});
