import { execFileSync } from "node:child_process";
import { lstat, mkdir, mkdtemp, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SentFile } from "./host.ts";
import { tarStream } from "./tar.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tar-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function unpacked(files: readonly SentFile[]): Promise<string> {
  const target = await mkdtemp(join(folder, "out-"));
  execFileSync("tar", ["-xpf", "-", "-C", target], { input: await buffer(tarStream(files)) });
  return target;
}

test("tar gives back content and mode, whatever the name and length", async () => {
  const part = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 60 })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: no path has them
    .filter((text) => !/[/\x00-\x1f\x7f]/.test(text) && text !== "." && text !== "..");
  const file = fc.record({
    path: fc
      .array(part, { minLength: 1, maxLength: 6 })
      .map((parts) => `d/${parts.join("/").slice(0, 240)}f`),
    mode: fc.constantFrom(0o600, 0o644, 0o755, 0o444),
    content: fc.uint8Array({ maxLength: 1_500 }),
  });
  await fc.assert(
    fc.asyncProperty(file, async (sent) => {
      if (sent.path.split("/").some((name) => Buffer.byteLength(name) > 255)) return;
      const target = await unpacked([sent]);
      const path = join(target, sent.path);
      expect((await readFile(path)).equals(Buffer.from(sent.content))).toBe(true);
      expect((await lstat(path)).mode & 0o777).toBe(sent.mode);
    }),
    { numRuns: 25 },
  );
});

test("folders, links and files of this machine", async () => {
  await writeFile(join(folder, "source"), Buffer.alloc(300_001, 7));
  const target = await unpacked([
    { path: "secret/", mode: 0o700 },
    { path: "link", content: { link: `${"x/".repeat(80)}é` } },
    { path: "big", content: { from: join(folder, "source") } },
    { path: "empty", content: "" },
  ]);
  expect((await lstat(join(target, "secret"))).mode & 0o777).toBe(0o700);
  expect(await readlink(join(target, "link"))).toBe(`${"x/".repeat(80)}é`);
  expect((await readFile(join(target, "big"))).equals(Buffer.alloc(300_001, 7))).toBe(true);
  expect((await lstat(join(target, "empty"))).size).toBe(0);
});

test("a file that cannot be read breaks the stream", async () => {
  await expect(buffer(tarStream([{ path: "a", content: { from: join(folder, "none") } }]))).rejects.toThrow(
    "ENOENT",
  );
  await mkdir(join(folder, "folder"));
  await expect(
    buffer(tarStream([{ path: "a", content: { from: join(folder, "folder") } }])),
  ).rejects.toThrow();
});
