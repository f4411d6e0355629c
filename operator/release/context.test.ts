import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { contextChanges, readContext } from "./context.ts";

let stack: string;
beforeEach(async () => {
  stack = await mkdtemp(join(tmpdir(), "context-"));
  await mkdir(join(stack, "api/src"), { recursive: true });
  await mkdir(join(stack, "api/node_modules/x"), { recursive: true });
  await writeFile(join(stack, "api/Dockerfile"), "FROM x\n");
  await writeFile(join(stack, "api/.dockerignore"), "node_modules\n*.log\n");
  await writeFile(join(stack, "api/src/a.js"), "a");
  await writeFile(join(stack, "api/b.log"), "b");
  await writeFile(join(stack, "api/node_modules/x/index.js"), "x");
});
afterEach(() => rm(stack, { recursive: true, force: true }));

const read = () => readContext(stack, "./api", "Dockerfile");

test("holds what Docker would take, and no more", async () => {
  expect([...(await read()).files.keys()]).toEqual([".dockerignore", "Dockerfile", "src/a.js"]);
});

test("its tag changes with content, mode, names and links, and with nothing else", async () => {
  const { tag } = await read();
  expect((await read()).tag).toBe(tag);
  await writeFile(join(stack, "api/c.log"), "ignored");
  expect((await read()).tag).toBe(tag);
  const seen = new Set([tag]);
  const change = async (action: Promise<unknown>) => {
    await action;
    const next = (await read()).tag;
    expect(seen).not.toContain(next);
    seen.add(next);
  };
  await change(writeFile(join(stack, "api/src/a.js"), "aa"));
  await change(chmod(join(stack, "api/src/a.js"), 0o755));
  await change(symlink("a.js", join(stack, "api/src/link.js")));
  await change(rm(join(stack, "api/src/a.js")));
});

test("sends what the host lacks, and names what is gone", async () => {
  const before = await read();
  await writeFile(join(stack, "api/src/new.js"), "n");
  await rm(join(stack, "api/src/a.js"));
  const { files, gone, manifest } = await contextChanges(await read(), before.files);
  expect(files.map(({ path }) => path)).toEqual(["src/new.js"]);
  expect(gone).toEqual(["src/a.js"]);
  expect(manifest.split("\n").filter(Boolean)).toHaveLength(3);
});

test("a folder without its Dockerfile is a fault", async () => {
  await rm(join(stack, "api/Dockerfile"));
  await expect(read()).rejects.toThrow(/api\/Dockerfile does not exist/);
});
