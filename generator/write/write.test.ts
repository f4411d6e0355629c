import { execFileSync, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Rendered } from "../render/files.ts";
import { compare } from "./compare.ts";
import { makeSecrets } from "./secrets.ts";
import { ForeignFilesError, writeFiles } from "./write.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "plimsoll-write-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const file = (path: string, text: string, executable = false): Rendered => ({
  path,
  text,
  executable,
  component: "test",
  restarts: [],
});
const read = (path: string) => readFile(join(folder, path), "utf8");
const list = async () =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

it("writes, changes and removes only what is its own", async () => {
  await writeFiles(folder, [file("a", "1"), file("b/c", "2", true)]);
  await writeFile(join(folder, "mine"), "kept");
  expect(((await stat(join(folder, "b/c"))).mode & 0o777).toString(8)).toBe("755");
  const changes = await writeFiles(folder, [file("a", "3")]);
  expect(changes.map(({ path, kind }) => `${kind} ${path}`)).toEqual(["change a", "remove b/c"]);
  expect(await list()).toEqual(["a", "manifest.json", "mine"]);
  expect(await readdir(folder)).not.toContain("b");
});

it("changes nothing the second time", async () => {
  await writeFiles(folder, [file("a", "1")]);
  expect(await writeFiles(folder, [file("a", "1")])).toEqual([]);
});

it("does not destroy what a person wrote, unless told to", async () => {
  await writeFiles(folder, [file("a", "1")]);
  await writeFile(join(folder, "a"), "edited");
  await writeFile(join(folder, "b"), "never ours");
  const next = [file("a", "2"), file("b", "2")];
  await expect(writeFiles(folder, next)).rejects.toThrow(
    /a was edited by hand\n {2}b exists, and no generate wrote it/,
  );
  await expect(writeFiles(folder, next)).rejects.toThrow(ForeignFilesError);
  expect([await read("a"), await read("b")]).toEqual(["edited", "never ours"]);
  await writeFiles(folder, next, { force: true });
  expect([await read("a"), await read("b")]).toEqual(["2", "2"]);
});

it("leaves the old output whole where the disk is full", async () => {
  const small = join(folder, "small");
  await mkdir(small);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", small], { stdio: "pipe" });
  } catch {
    console.warn("skipped: mounting a small tmpfs needs root");
    return;
  }
  try {
    await writeFiles(small, [file("a", "old"), file("b", "old")]);
    const next = [file("a", "new"), file("b", "x".repeat(1024 * 1024))];
    await expect(writeFiles(small, next)).rejects.toThrow(/ENOSPC/);
    expect(await readFile(join(small, "a"), "utf8")).toBe("old");
    expect((await compare(small, [file("a", "old"), file("b", "old")])).changes).toEqual([]);
    expect((await readdir(small)).sort()).toEqual(["a", "b", "manifest.json"]);
  } finally {
    execFileSync("umount", [small]);
  }
});

it("finishes what a killed generate began, and leaves nothing of it behind", async () => {
  const script = `
    import { writeFiles } from ${JSON.stringify(join(import.meta.dirname, "write.ts"))};
    const files = (text) => Array.from({ length: 300 }, (_, i) => (
      { path: text + "/" + i, text, executable: false, component: "t", restarts: [] }));
    for (let round = 0; ; round++) {
      await writeFiles(${JSON.stringify(folder)}, files(round % 2 ? "odd" : "even"));
      if (round === 0) console.log("ready");
    }`;
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((ready) => child.stdout?.once("data", ready));
    await new Promise((later) => setTimeout(later, 20 + round * 37));
    child.kill("SIGKILL");
    await new Promise((gone) => child.once("close", gone));
    // The lock of a dead process is taken over; every file is of one generate or the other, never torn.
    const after = await writeFiles(folder, [file("last", "1")]);
    expect(after.length).toBeGreaterThan(0);
    expect(await list()).toEqual(["last", "manifest.json"]);
  }
});

it("lets one write at a time", async () => {
  const many = (text: string) => Array.from({ length: 50 }, (_, index) => file(`f${index}`, text));
  await writeFiles(folder, many("0"));
  const results = await Promise.allSettled([writeFiles(folder, many("1")), writeFiles(folder, many("2"))]);
  const refused = results.filter((result) => result.status === "rejected");
  expect(refused).toHaveLength(1);
  expect(String((refused[0] as PromiseRejectedResult).reason)).toMatch(/another generate is writing here/);
  const texts = await Promise.all(many("").map(({ path }) => read(path)));
  expect(new Set(texts).size).toBe(1);
});

it("says so where it may not write", async () => {
  if (process.getuid?.() === 0) return console.warn("skipped: root may write everywhere");
  await chmod(folder, 0o500);
  await expect(writeFiles(folder, [file("a", "1")])).rejects.toThrow(/EACCES/);
});

it("makes secrets once, and derives the others from them each time", async () => {
  const secrets = [
    { name: "password", random: 32, component: "t" },
    { name: "key", supplied: "a key", component: "t" },
    {
      name: "url",
      component: "t",
      text: ["x://u:", { secret: "password", as: "url" as const }, "@h/", { secret: "key" }],
    },
  ] as const;
  const refused = await makeSecrets(folder, secrets, undefined);
  expect(refused.missing).toEqual([{ name: "key", what: "a key" }]);
  await writeFile(join(folder, "key"), "a/b\n");
  await makeSecrets(folder, secrets, undefined);
  const password = await read("password");
  expect(password).toMatch(/^[A-Za-z0-9]{32}$/);
  expect(await read("url")).toBe(`x://u:${password}@h/a/b`);
  expect((await makeSecrets(folder, secrets, undefined)).made).toEqual([]);
  expect(await read("password")).toBe(password);
  expect(((await stat(folder)).mode & 0o777).toString(8)).toBe("700");
  expect(((await stat(join(folder, "url"))).mode & 0o777).toString(8)).toBe("444");
});
