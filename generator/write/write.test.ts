import { execFileSync, spawn } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder, file, listFiles } from "../testing/folder.ts";
import { compare } from "./compare.ts";
import { ForeignFilesError, writeFiles } from "./write.ts";

const scratch = eachInItsFolder();
const read = (path: string) => readFile(join(scratch.path, path), "utf8");
const mode = async (path: string) => ((await stat(join(scratch.path, path))).mode & 0o777).toString(8);

it("writes, changes and removes only what is its own", async () => {
  await writeFiles(scratch.path, [file("a", "1"), file("b/c", "2", true)]);
  await writeFile(join(scratch.path, "mine"), "kept");
  expect(await mode("b/c")).toBe("755");
  const changes = await writeFiles(scratch.path, [file("a", "3")]);
  expect(changes.map(({ path, kind }) => `${kind} ${path}`)).toEqual(["change a", "remove b/c"]);
  expect(await listFiles(scratch.path)).toEqual(["a", "manifest.json", "mine"]);
  expect(await readdir(scratch.path)).not.toContain("b");
});

it("changes nothing the second time", async () => {
  await writeFiles(scratch.path, [file("a", "1")]);
  expect(await writeFiles(scratch.path, [file("a", "1")])).toEqual([]);
});

it("does not destroy what a person wrote, unless told to", async () => {
  await writeFiles(scratch.path, [file("a", "1")]);
  await writeFile(join(scratch.path, "a"), "edited");
  await writeFile(join(scratch.path, "b"), "never ours");
  const next = [file("a", "2"), file("b", "2")];
  await expect(writeFiles(scratch.path, next)).rejects.toThrow(
    /a was edited by hand\n {2}b exists, and no generate wrote it/,
  );
  await expect(writeFiles(scratch.path, next)).rejects.toThrow(ForeignFilesError);
  expect([await read("a"), await read("b")]).toEqual(["edited", "never ours"]);
  await writeFiles(scratch.path, next, { force: true });
  expect([await read("a"), await read("b")]).toEqual(["2", "2"]);
});

it("leaves the old output whole where the disk is full", async () => {
  const small = join(scratch.path, "small");
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
      await writeFiles(${JSON.stringify(scratch.path)}, files(round % 2 ? "odd" : "even"));
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
    const after = await writeFiles(scratch.path, [file("last", "1")]);
    expect(after.length).toBeGreaterThan(0);
    expect(await listFiles(scratch.path)).toEqual(["last", "manifest.json"]);
  }
});

it("says so where it may not write", async () => {
  // Root may write everywhere but on what is mounted read-only.
  const root = process.getuid?.() === 0;
  if (root) execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", scratch.path]);
  else await chmod(scratch.path, 0o500);
  try {
    await expect(writeFiles(scratch.path, [file("a", "1")])).rejects.toThrow(/EACCES|EROFS/);
  } finally {
    if (root) execFileSync("umount", [scratch.path]);
    else await chmod(scratch.path, 0o700);
  }
});

it("leaves folders and files that a container's user can read, whatever the umask", async () => {
  const umask = process.umask(0o077);
  try {
    await writeFiles(scratch.path, [file("nginx/conf/nginx.conf", "1")]);
  } finally {
    process.umask(umask);
  }
  expect([await mode("nginx"), await mode("nginx/conf"), await mode("nginx/conf/nginx.conf")]).toEqual([
    "755",
    "755",
    "644",
  ]);
});

it("keeps a folder that a container mounts, though every file in it is another", async () => {
  await writeFiles(scratch.path, [file("nginx/a", "1")]);
  const { ino } = await stat(join(scratch.path, "nginx"));
  await writeFiles(scratch.path, [file("nginx/b", "1")]);
  expect((await stat(join(scratch.path, "nginx"))).ino).toBe(ino);
});

it("differs where the manifest alone is out of date, and mends it", async () => {
  await writeFiles(scratch.path, [file("a", "1")]);
  await rm(join(scratch.path, "manifest.json"));
  const { changes } = await compare(scratch.path, [file("a", "1")]);
  expect(changes.map(({ path, kind }) => `${kind} ${path}`)).toEqual(["add manifest.json"]);
  await writeFiles(scratch.path, [file("a", "1")]);
  expect(await writeFiles(scratch.path, [file("a", "1")])).toEqual([]);
});

it("deletes nothing outside its folder, whatever a manifest says", async () => {
  const inner = join(scratch.path, "inner");
  await writeFiles(inner, [file("a", "1")]);
  await writeFile(join(scratch.path, "mine"), "1");
  const manifest = await readFile(join(inner, "manifest.json"), "utf8");
  await writeFile(join(inner, "manifest.json"), manifest.replace('"a"', '"../mine"'));
  await writeFiles(inner, [file("b", "1")]);
  expect(await read("mine")).toBe("1");
});
