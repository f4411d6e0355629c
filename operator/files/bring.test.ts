/** The script that has a service bring back what is missing, against an engine that is played. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { localHost } from "../host/local.ts";
import type { Running } from "../operate/running.ts";
import { chooseFiles, restoreFiles } from "./restore.ts";

const folder = eachInItsFolder();

/** Files in WORLD: `down` (the service is stopped), `says` (what it says when it brings back), `code` (how it ends then). */
const DOCKER = `#!/bin/bash
echo "$*" | tr '\\n' ' ' >>"$WORLD/calls"
echo >>"$WORLD/calls"
case "$*" in
  "ps -"*) grep -oE 'service=[a-z0-9-]+' <<<"$*" | sed 's/service=/id-/' ;;
  *State.Status*) if [[ -e $WORLD/down ]]; then echo exited; else echo running; fi ;;
  *.Mounts*Destination*Name*) echo "/source/snaps|shop_snaps" ;;
  *" volume prepare "*) if [[ -e $WORLD/shut ]]; then echo "wrong password" >&2; exit 1; fi; echo "snapshot 1a2b3c4d 2026-11-28T03:30:00Z" ;;
  *" volume drop"*) ;;
  "exec -i id-elasticsearch bring back .plimsoll-new") cat "$WORLD/says"; exit "$(cat "$WORLD/code" 2>/dev/null || echo 0)" ;;
  "exec -i id-elasticsearch bring undo") cat >"$WORLD/undone" ;;
esac
`;

const world = (name = "") => join(folder.path, "world", name);
const state = (name = "") => join(folder.path, "state", name);
const read = (path: string) => readFileSync(path, "utf8");

beforeEach(() => {
  for (const path of [world(), state()]) mkdirSync(path);
  writeFileSync(world("docker"), DOCKER);
  chmodSync(world("docker"), 0o755);
  vi.stubEnv("PATH", `${world()}:${process.env.PATH}`);
  vi.stubEnv("WORLD", world());
});
afterEach(() => vi.unstubAllEnvs());

const target = {
  what: "elasticsearch",
  volume: "snaps",
  snapshot: "latest",
  words: "elasticsearch",
  broughtBy: { service: "elasticsearch", command: ["bring"] },
};
const running = () =>
  ({
    site: { host: localHost(), state: state(), environment: "production" },
    project: { name: "shop", engine: { endpoint: "unix:///nowhere" }, plan: { backups: [target] } },
  }) as unknown as Running;
const restore = (snapshot = "latest", says = "", code = 0) => {
  writeFileSync(world("says"), says);
  writeFileSync(world("code"), String(code));
  return restoreFiles(running(), { ...target, snapshot }, () => {});
};

describe("what a service brings back by itself", () => {
  it("is asked of it, and stops and mounts nothing of its own", async () => {
    const done = await restore("latest", "note two of three\nindex one\nindex two\n");
    expect(done).toMatchObject({ brought: 2, snapshot: "1a2b3c4d", down: 0 });
    expect(read(state("brought-elasticsearch"))).toBe("one\ntwo\n");
    const calls = read(world("calls"));
    expect(calls).not.toMatch(/^(stop|start|restart|kill)/m);
    expect(calls.trim().split("\n").at(-1)).toMatch(/ volume drop$/);
  });

  it("is taken away by one undo, and no second", async () => {
    await restore("latest", "index one\n");
    // One that brings nothing is no reason to forget.
    expect(await restore()).toMatchObject({ brought: 0 });
    expect(await restore("undo")).toMatchObject({ brought: 1 });
    expect(read(world("undone"))).toBe("one\n");
    await expect(restore("undo")).rejects.toThrow("nothing of elasticsearch was brought back");
  });

  it("is known to the undo where it was brought by one that failed, or was killed", async () => {
    await expect(restore("latest", "index one\n", 1)).rejects.toThrow();
    expect(read(state("brought-elasticsearch"))).toBe("one\n");
    writeFileSync(state("brought-elasticsearch.part"), "two\n");
    await restore("undo");
    expect(read(world("undone"))).toBe("two\n");
    await restore("undo");
    expect(read(world("undone"))).toBe("one\n");
  });

  it("goes on after one that was killed, and undoes both together", async () => {
    writeFileSync(state("brought-elasticsearch.part"), "one\n");
    expect(await restore("latest", "index two\n")).toMatchObject({ brought: 2 });
    expect(existsSync(state("brought-elasticsearch.part"))).toBe(false);
    expect(read(state("brought-elasticsearch"))).toBe("one\ntwo\n");
  });

  it("is refused where the service is down or the backup does not open, and is not asked for", async () => {
    writeFileSync(world("shut"), "");
    await expect(restore()).rejects.toThrow("elasticsearch was not restored: nothing was changed");
    writeFileSync(world("down"), "");
    await expect(restore()).rejects.toThrow("elasticsearch does not run");
    expect(read(world("calls"))).not.toContain("bring back");
  });

  it("is named with its volume's way back, also for an undo", async () => {
    expect(await chooseFiles(running(), "elasticsearch", "undo")).toMatchObject({
      snapshot: "undo",
      broughtBy: { service: "elasticsearch", command: ["bring"] },
    });
    await expect(chooseFiles(running(), "elastic", "undo")).rejects.toThrow(/elasticsearch|elastic/);
  });
});
