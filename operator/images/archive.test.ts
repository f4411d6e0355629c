import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tarStream } from "../host/tar.ts";
import { survey, without } from "./archive.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "archive-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const manifest = JSON.stringify([{ Config: "blobs/sha256/c", RepoTags: null, Layers: ["blobs/sha256/a"] }]);
const LONG = `deep/${"long/".repeat(50)}name`;

/** As a tar program of that format writes it. */
async function archiveOf(files: Readonly<Record<string, string>>, format = "gnu"): Promise<Buffer> {
  const source = await mkdtemp(join(folder, "in-"));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(source, path)), { recursive: true });
    await writeFile(join(source, path), content);
  }
  return execFileSync("tar", ["-c", `--format=${format}`, "-C", source, ...Object.keys(files)]);
}

async function* chunks(whole: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
}

async function all(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const list: Uint8Array[] = [];
  for await (const part of parts) list.push(part);
  return Buffer.concat(list);
}

const names = (archive: Buffer) =>
  execFileSync("tar", ["-t"], { input: archive, encoding: "utf8" }).trim().split("\n");

test.each(["gnu", "pax", "ustar"])(
  "leaves out files of a %s archive, and nothing else changes",
  async (format) => {
    const files = {
      "blobs/a": "a".repeat(3000),
      "blobs/b": "",
      "blobs/c": "c".repeat(512),
      "manifest.json": manifest,
    };
    const long: Record<string, string> = format === "ustar" ? {} : { [LONG]: "long" };
    const whole = await archiveOf({ ...files, ...long }, format);
    for (const size of [1, 511, 512, 700, 100_000]) {
      expect((await all(without(chunks(whole, size), new Set()))).equals(whole)).toBe(true);
      const less = await all(without(chunks(whole, size), new Set(["blobs/a", "blobs/b", LONG])));
      expect(names(less)).toEqual(["blobs/c", "manifest.json"]);
      expect(execFileSync("tar", ["-xO", "blobs/c"], { input: less, encoding: "utf8" })).toBe(
        files["blobs/c"],
      );
    }
  },
);

test("reads what our own tar writes, whatever the files and chunks", async () => {
  const file = fc.record({
    path: fc.stringMatching(/^[a-z]{1,20}(\/[a-zé]{1,70}){0,3}$/),
    content: fc.uint8Array({ maxLength: 2000 }),
  });
  const files = fc.uniqueArray(file, { selector: ({ path }) => path, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(files, fc.integer({ min: 1, max: 3000 }), async (list, size) => {
      const whole = await buffer(tarStream([...list, { path: "manifest.json", content: manifest }]));
      const found = await survey(chunks(whole, size));
      expect(found.manifest[0]?.Layers).toEqual(["blobs/sha256/a"]);
      expect(Object.fromEntries(found.sizes)).toEqual({
        ...Object.fromEntries(list.map(({ path, content }) => [path, content.length])),
        "manifest.json": manifest.length,
      });
    }),
    { numRuns: 100 },
  );
});

test("an archive that ends early is never taken for a whole one", async () => {
  const whole = await archiveOf({ "blobs/a": "a".repeat(2000), "manifest.json": manifest });
  const end = whole.indexOf(Buffer.alloc(1024), whole.indexOf(manifest) + 512);
  for (let cut = 0; cut < Math.floor(end / 512) * 512; cut += 256) {
    await expect(all(without(chunks(whole.subarray(0, cut), 700), new Set(["blobs/a"])))).rejects.toThrow(
      "ends in the middle",
    );
  }
});

test("says what is wrong with what is no archive of images", async () => {
  await expect(survey(chunks(Buffer.from("no tar at all".repeat(100)), 100))).rejects.toThrow("checksum");
  await expect(survey(chunks(await archiveOf({ a: "b" }), 100))).rejects.toThrow("no manifest.json");
  await symlink("a", join(folder, "link"));
  await writeFile(join(folder, "manifest.json"), manifest);
  const linked = execFileSync("tar", ["-c", "-C", folder, "link", "manifest.json"]);
  expect((await survey(chunks(linked, 512))).links).toBe(true);
});

test("closes its source when it stops early", async () => {
  let closed = false;
  async function* source() {
    try {
      yield Buffer.from("x".repeat(1000));
    } finally {
      closed = true;
    }
  }
  await expect(survey(source())).rejects.toThrow();
  expect(closed).toBe(true);
});
