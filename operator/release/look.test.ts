import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { localHost } from "../host/local.ts";
import type { Site } from "../site/site.ts";
import { nextVersion } from "./deploy.ts";
import { look, parseLook } from "./look.ts";

async function withState(action: (site: Site, state: string) => Promise<void>) {
  const root = await mkdtemp(join(tmpdir(), "look-"));
  const state = join(root, "state");
  try {
    await action(
      {
        host: localHost(),
        root,
        state,
        live: root,
        secrets: join(root, "secrets"),
        project: "nobody",
      } as unknown as Site,
      state,
    );
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

test("a host without a release says so, and gets its state's folder", async () => {
  await withState(async (site) => {
    const seen = await look(site, "");
    expect(seen.current).toBeUndefined();
    expect(nextVersion(seen)).toBe("v1");
    expect(seen.closed).toBeUndefined();
    expect(seen.stateFree).toBeGreaterThan(0);
  });
});

test("reads the current release, its words, locks, secrets' names, and who is at work", async () => {
  await withState(async (site, state) => {
    await mkdir(join(state, "releases/v9/files"), { recursive: true });
    await mkdir(join(state, "releases/v10"), { recursive: true });
    await mkdir(site.secrets, { recursive: true });
    await writeFile(join(site.secrets, "api_token"), "value-of-a-secret");
    await writeFile(join(site.secrets, "empty"), "");
    await writeFile(join(state, "current"), "v9\n");
    await writeFile(join(state, "releases/v9/state"), "current\n");
    await writeFile(join(state, "releases/v10/state"), "failed\n");
    await writeFile(join(state, "releases/v9/release.yaml"), "scale: { api: 5 }\n");
    await writeFile(
      join(state, "lock"),
      JSON.stringify({ owner: "ana", reason: "x", since: new Date().toISOString(), expires: null }),
    );
    await writeFile(join(state, "work"), "version v11\npid 1\nby bo\nsince now\n");
    const seen = await look(site, "");
    expect(seen).toMatchObject({ current: "v9", release: "scale: { api: 5 }\n", lock: { owner: "ana" } });
    expect([...seen.secrets]).toEqual(["api_token"]);
    expect(JSON.stringify([...seen.secrets])).not.toContain("value-of");
    expect(nextVersion(seen)).toBe("v11");
    // A file that nobody holds is a dead one's.
    expect(seen.work).toBeUndefined();
    await writeFile(join(state, "work.lock"), "");
    const holder = spawn("flock", ["-n", join(state, "work.lock"), "sh", "-c", "echo held; read end"]);
    await once(holder.stdout, "data");
    try {
      expect((await look(site, "")).work).toMatchObject({ version: "v11", by: "bo" });
    } finally {
      holder.stdin.end();
    }
  });
});

test("says that a copy is kept warm there", async () => {
  await withState(async (site, state) => {
    expect((await look(site, "")).follows).toBe(false);
    await mkdir(state, { recursive: true });
    await writeFile(join(state, "follow.json"), "{}");
    expect((await look(site, "")).follows).toBe(true);
  });
});

test("an engine that does not answer is told apart from none", () => {
  expect(parseLook("now 1\ndocker none\n").docker).toEqual({ kind: "none" });
  expect(parseLook("now 1\ndocker silent permission denied\n").docker).toEqual({
    kind: "silent",
    why: "permission denied",
  });
  expect(parseLook("now 1\ndocker ready 28.5.2\ncompose 2.40.3\n").docker).toMatchObject({
    kind: "ready",
    compose: "2.40.3",
  });
});
