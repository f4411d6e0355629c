import { execFile, execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SentFile } from "./host.ts";
import { tarStream } from "./tar.ts";
import { UNPACK } from "./unpack.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "unpack-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function packed(files: readonly SentFile[]): Promise<Buffer> {
  return gzipSync(await buffer(tarStream(files)));
}

function unpack(input: Buffer, args: string[] = []): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      "bash",
      ["-c", `${UNPACK}\nplace "$@"`, "bash", folder, ...args],
      (error, _, stderr) => resolve({ code: error ? Number(error.code) : 0, stderr }),
    );
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

test("files take their places by rename, with folders' modes; nothing else is touched or left", async () => {
  await writeFile(join(folder, "kept"), "kept");
  await mkdir(join(folder, "a b"));
  await writeFile(join(folder, "a b/old"), "old", { mode: 0o600 });
  const before = (await stat(join(folder, "a b/old"))).ino;
  const files: SentFile[] = [
    { path: "a b/old", content: "new", mode: 0o444 },
    { path: "a b/.hidden", content: "h" },
    { path: "secret/", mode: 0o700 },
    { path: "secret/key", content: "k" },
    { path: "-f", content: "a name like an option" },
    ...Array.from({ length: 1_101 }, (_, n) => ({ path: `many/${n}`, content: `${n}` })),
  ];
  expect(await unpack(await packed(files), ["700", "secret/"])).toEqual({ code: 0, stderr: "" });
  expect(await readFile(join(folder, "a b/old"), "utf8")).toBe("new");
  expect((await stat(join(folder, "a b/old"))).ino).not.toBe(before);
  expect((await stat(join(folder, "a b/old"))).mode & 0o777).toBe(0o444);
  expect((await stat(join(folder, "secret"))).mode & 0o777).toBe(0o700);
  expect((await stat(join(folder, "many"))).mode & 0o777).toBe(0o755);
  expect(await readdir(join(folder, "many"))).toHaveLength(1_101);
  expect((await readdir(folder)).sort()).toEqual(["-f", "a b", "kept", "many", "secret"]);
});

test("a stream that breaks anywhere leaves the folder as it was", async () => {
  await writeFile(join(folder, "a"), "old");
  const noise = Array.from({ length: 40 }, (_, n) => ({
    path: `f${n}`,
    content: `${Math.sin(n)}`.repeat(50),
  }));
  const whole = await packed([{ path: "a", content: "new" }, ...noise]);
  for (const length of [0, 1, 300, whole.length >> 1, whole.length - 9, whole.length - 8, whole.length - 1]) {
    expect((await unpack(whole.subarray(0, length))).code, `${length} of ${whole.length}`).not.toBe(0);
    expect(await readdir(folder)).toEqual(["a"]);
    expect(await readFile(join(folder, "a"), "utf8")).toBe("old");
  }
});

test("nothing is written through a link, and none of the other files either", async () => {
  await symlink("/tmp", join(folder, "out"));
  const { code, stderr } = await unpack(
    await packed([
      { path: "fine", content: "" },
      { path: "out/plimsoll-unpack-test", content: "" },
    ]),
  );
  expect(code).not.toBe(0);
  expect(stderr).toContain(`${folder}/out is a symbolic link`);
  expect(await readdir(folder)).toEqual(["out"]);
});

test("a file does not take a folder's place, nor the other way round", async () => {
  await mkdir(join(folder, "d"));
  await writeFile(join(folder, "f"), "f");
  for (const path of ["d", "f/below"]) {
    const { code } = await unpack(
      await packed([
        { path: "fine", content: "" },
        { path, content: "" },
      ]),
    );
    expect(code, path).not.toBe(0);
    expect((await readdir(folder)).sort()).toEqual(["d", "f"]);
  }
});

test("what an earlier one left behind is removed once it is old", async () => {
  await mkdir(join(folder, ".part-12345678/x"), { recursive: true });
  await mkdir(join(folder, ".part-87654321"));
  execFileSync("touch", ["-d", "2 hours ago", join(folder, ".part-12345678")]);
  await unpack(await packed([{ path: "a", content: "" }]));
  expect((await readdir(folder)).sort()).toEqual([".part-87654321", "a"]);
});
