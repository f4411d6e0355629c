/** The guard of a restore drill against an engine that is played: whatever ends it, the copy goes, and nobody else's. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { drillScript } from "./script.ts";

let root: string;
let guards: ChildProcess[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "plimsoll-guard-"));
  guards = [];
  // A file for the container, and one for the volume.
  writeFileSync(
    join(root, "docker"),
    `#!/bin/bash
case "$1 $2" in
  "ps -aq") [[ ! -e ${root}/container ]] || echo abc ;;
  "rm --force") rm -f ${root}/container ;;
  "volume inspect") [[ -e ${root}/volume ]] ;;
  "volume rm") rm -f ${root}/volume ;;
esac
`,
  );
  chmodSync(join(root, "docker"), 0o755);
});
afterEach(async () => {
  for (const guard of guards) guard.kill("SIGKILL");
  await new Promise((later) => setTimeout(later, 100));
  rmSync(root, { recursive: true, force: true });
});

const state = () => join(root, "state");
const env = () => ({ ...process.env, PATH: `${root}:${process.env.PATH}` });
const copy = () => {
  for (const name of ["container", "volume"]) writeFileSync(join(root, name), "");
};
const there = () => ["container", "volume"].filter((name) => existsSync(join(root, name)));
const gone = async (seconds: number) => {
  const deadline = performance.now() + seconds * 1000;
  while (there().length > 0) {
    if (performance.now() > deadline) throw new Error(`still there: ${there()}`);
    await new Promise((later) => setTimeout(later, 100));
  }
};

async function guard(more: Record<string, string> = {}): Promise<ChildProcess> {
  const child = spawn(
    "bash",
    ["-c", drillScript("guard"), "bash", state(), "shop-production", "ana@laptop"],
    {
      env: { ...env(), ...more },
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  guards.push(child);
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    child.once("exit", (code) => reject(new Error(`exit ${code}`)));
  });
  return child;
}
const over = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once("exit", resolve));

it("takes the copy away when its input ends, and leaves the mark for the next one to find", async () => {
  const child = await guard();
  copy();
  child.stdin?.write("made\n");
  child.stdin?.end();
  expect(await over(child)).toBe(0);
  expect(there()).toEqual([]);
  expect(readFileSync(join(state(), "drill"), "utf8")).toMatch(/^restore \d{10} ana@laptop\n$/);
});

it("waits for a copy that is about to be made", async () => {
  const child = await guard();
  child.stdin?.end();
  await new Promise((later) => setTimeout(later, 1000));
  copy();
  expect(await over(child)).toBe(0);
  expect(there()).toEqual([]);
});

it("takes it away where nothing comes any more, as where the laptop lost its power", async () => {
  const child = await guard({ SILENCE: "1" });
  copy();
  child.stdin?.write("made\n");
  expect(await over(child)).toBe(0);
  expect(there()).toEqual([]);
});

it("leaves alone what is somebody else's", async () => {
  const child = await guard();
  copy();
  child.stdin?.write("theirs\n");
  child.stdin?.end();
  expect(await over(child)).toBe(0);
  expect(there()).toEqual(["container", "volume"]);
  writeFileSync(join(state(), "copy"), "made by bob\n");
  await expect(guard()).rejects.toThrow("exit 95");
  expect(there()).toEqual(["container", "volume"]);
});

it.each(["SIGTERM", "SIGKILL"] as const)("takes it away where it is ended by %s", async (signal) => {
  const child = await guard();
  copy();
  child.kill(signal);
  await gone(20);
});

it("hears no Ctrl-C, and keeps a second one out", async () => {
  const child = await guard();
  child.kill("SIGINT");
  await expect(guard()).rejects.toThrow("exit 96");
  expect(child.exitCode).toBeNull();
});

it("is bash that shellcheck finds nothing in", ({ skip }) => {
  for (const name of ["guard", "content", "probe", "written", "save", "list"]) {
    const checked = spawnSync("shellcheck", ["--shell=bash", "--severity=warning", "--exclude=SC2034", "-"], {
      input: drillScript(name),
      encoding: "utf8",
    });
    if (checked.error) return skip("no shellcheck");
    expect(checked.stdout, name).toBe("");
  }
});
