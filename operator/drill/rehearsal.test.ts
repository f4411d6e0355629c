/** A drill's host against an engine that is played: however the drill ends, what it made goes, and nothing else. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Site } from "../site/site.ts";
import { occupy as hold } from "./rehearsal.ts";
import { drillScript } from "./script.ts";

const PROJECT = "shop-production";
let above: string;
let bin: string;
let started: ChildProcess[];
beforeEach(() => {
  above = mkdtempSync(join(tmpdir(), "plimsoll-rehearsal-"));
  bin = mkdtempSync(join(tmpdir(), "plimsoll-engine-"));
  started = [];
  // A file for what there is of each kind.
  writeFileSync(
    join(bin, "docker"),
    `#!/bin/bash
case "$1 $2" in
  "ps -aq") [[ ! -e ${bin}/container ]] || echo abc ;;
  "rm --force") rm -f ${bin}/container ;;
  "volume ls" | "network ls") [[ ! -e ${bin}/$1 ]] || echo abc ;;
  "volume rm" | "network rm") [[ ! -e ${bin}/container ]] && rm -f ${bin}/$1 ;;
  "images --format") cat ${bin}/images ;;
  "image rm") sed -i "\\#^$4\\$#d" ${bin}/images ;;
esac
`,
  );
  chmodSync(join(bin, "docker"), 0o755);
  writeFileSync(join(bin, "images"), "debian:forky\nshop/api:v1\n");
});
afterEach(async () => {
  for (const one of started) one.kill("SIGKILL");
  await new Promise((later) => setTimeout(later, 100));
  for (const folder of [above, bin]) rmSync(folder, { recursive: true, force: true });
});

const root = () => join(above, PROJECT);
const mark = () => join(root(), "drill-site");
const env = () => ({ ...process.env, PATH: `${bin}:${process.env.PATH}` });
const args = (script: string, words: readonly string[]) => [
  "-c",
  drillScript(script, "rehearsal"),
  "bash",
  ...words,
];
const words = (id = "one") => [root(), PROJECT, id, "ana@laptop"];
const there = () => ["container", "volume", "network"].filter((name) => existsSync(join(bin, name)));
const until = async (what: () => boolean) => {
  const deadline = performance.now() + 20_000;
  while (!what()) {
    if (performance.now() > deadline) throw new Error("it never came");
    await new Promise((later) => setTimeout(later, 50));
  }
};

type Held = { child: ChildProcess; said: string[]; ended: Promise<number | null> };

async function occupy(changed = (script: string) => script): Promise<Held> {
  const [option = "", script = "", ...more] = args("occupy", words());
  const child = spawn("bash", [option, changed(script), ...more], {
    env: env(),
    stdio: ["pipe", "pipe", "inherit"],
  });
  started.push(child);
  const said: string[] = [];
  child.stdout?.on("data", (bytes: Buffer) => said.push(...bytes.toString().trim().split("\n")));
  const ended = new Promise<number | null>((resolve) => void child.once("exit", resolve));
  await until(() => said.includes("ready"));
  return { child, said, ended };
}
const refused = () => spawnSync("bash", args("occupy", words("two")), { env: env(), encoding: "utf8" });
const vacate = () => spawnSync("bash", args("vacate", [above]), { env: env(), encoding: "utf8" });

/** As the engine leaves it: containers, a volume, a network, secrets, and an image that came with the release. */
function comeUp(): void {
  for (const name of ["container", "volume", "network"]) writeFileSync(join(bin, name), "");
  writeFileSync(join(bin, "images"), "debian:forky\nshop/api:v1\nshop/api:v2\nother/thing:v1\n");
  const files = join(root(), "state/releases/v2/files");
  mkdirSync(files, { recursive: true });
  writeFileSync(
    join(files, "compose.yaml"),
    "services:\n  api-1:\n    image: shop/api:v2\n  db:\n    image: debian:forky\n",
  );
  mkdirSync(join(root(), "secrets/production"), { recursive: true });
  writeFileSync(join(root(), "secrets/production/key"), "secret");
}

it("empties the host when its input ends, down to the image that came with the release", async () => {
  const { child, said, ended } = await occupy();
  expect(readFileSync(mark(), "utf8")).toMatch(/^one \d+ ana@laptop held\n$/);
  comeUp();
  child.stdin?.end();
  expect(await ended).toBe(0);
  expect(said.at(-1)).toBe("gone");
  expect(there()).toEqual([]);
  expect(existsSync(root())).toBe(false);
  // Somebody else's, of the same hour, stays.
  expect(readFileSync(join(bin, "images"), "utf8")).toBe("debian:forky\nshop/api:v1\nother/thing:v1\n");
});

it("empties the host where the laptop says nothing any more, though its connection stands", async () => {
  const { child, said } = await occupy((script) => script.replace("-t 60", "-t 1"));
  comeUp();
  // It is waited for as long as there is a sign of life, and no longer.
  for (let n = 0; n < 10; n++) {
    child.stdin?.write("\n");
    await new Promise((later) => setTimeout(later, 200));
  }
  expect(there()).toHaveLength(3);
  await until(() => said.includes("gone"));
  expect(there()).toEqual([]);
  expect(existsSync(root())).toBe(false);
});

it("is told every 15 s that we are there, for as long as the drill", async () => {
  vi.useFakeTimers();
  const said: string[] = [];
  const host = {
    script: async (_: string, __: unknown, options: { input: PassThrough; onLine(line: string): void }) => {
      options.input.on("data", (bytes: Buffer) => said.push(bytes.toString()));
      options.onLine("ready");
      await finished(options.input);
      return { exitCode: 0, stdout: "", stderr: "" };
    },
  };
  try {
    const held = await hold(
      { host, root: root(), project: PROJECT } as unknown as Site,
      "one",
      () => undefined,
    );
    await vi.advanceTimersByTimeAsync(31_000);
    held.keep();
    await held.end();
    await vi.advanceTimersByTimeAsync(31_000);
  } finally {
    vi.useRealTimers();
  }
  expect(said).toEqual(["\n", "\n", "keep\n"]);
});

it("ends the engine that is at work, which would make it all anew", async () => {
  const { child, ended } = await occupy();
  comeUp();
  const onhost = join(root(), "state/onhost");
  mkdirSync(onhost);
  writeFileSync(join(onhost, "deploy.bash"), "while :; do sleep 0.1; done\n");
  const engine = spawn("bash", [join(onhost, "deploy.bash"), join(root(), "state"), "v2"], {
    stdio: "ignore",
  });
  started.push(engine);
  const killed = new Promise((resolve) => void engine.once("exit", (_, signal) => resolve(signal)));
  child.stdin?.end();
  expect(await killed).toBe("SIGKILL");
  expect(await ended).toBe(0);
  expect(existsSync(root())).toBe(false);
});

it("leaves what is to be kept, to which the next one is refused, until it is taken away", async () => {
  const { child, said, ended } = await occupy();
  comeUp();
  child.stdin?.end("keep\n");
  expect(await ended).toBe(0);
  expect(said.at(-1)).toBe("kept");
  expect(there()).toEqual(["container", "volume", "network"]);
  const next = refused();
  expect(next.status).toBe(95);
  expect(next.stdout).toMatch(/^kept one \d+ ana@laptop kept$/m);
  const gone = vacate();
  expect(gone.stdout).toMatch(/^gone shop-production one \d+ ana@laptop kept$/m);
  expect(there()).toEqual([]);
  expect(existsSync(root())).toBe(false);
  expect(vacate()).toMatchObject({ status: 0, stdout: "" });
});

it("takes away what one that was killed has left, and begins", async () => {
  const { child } = await occupy();
  comeUp();
  child.kill("SIGKILL");
  await until(() => child.signalCode !== null);
  expect(there()).toHaveLength(3);
  const next = await occupy();
  expect(next.said[0]).toMatch(/^left one \d+ ana@laptop held$/);
  expect(there()).toEqual([]);
  expect(existsSync(join(root(), "secrets"))).toBe(false);
});

it("refuses a second one, and takes nothing away beside it", async () => {
  await occupy();
  comeUp();
  expect(refused().status).toBe(96);
  expect(vacate().status).toBe(96);
  expect(there()).toHaveLength(3);
});

it("begins on no host that has anything of the stack, and never takes away what no drill made", () => {
  mkdirSync(join(root(), "state"), { recursive: true });
  writeFileSync(join(root(), "state/current"), "v1\n");
  const folder = refused();
  expect(folder.status).toBe(94);
  expect(folder.stderr).toContain(root());
  expect(vacate().status).toBe(0);
  expect(readFileSync(join(root(), "state/current"), "utf8")).toBe("v1\n");
  rmSync(root(), { recursive: true });
  writeFileSync(join(bin, "volume"), "");
  const volume = refused();
  expect(volume.status).toBe(94);
  expect(volume.stderr).toMatch(/volumes of shop-production: 1/);
  expect(there()).toEqual(["volume"]);
});

it("empties the host where it is ended by SIGTERM", async () => {
  const { child, ended } = await occupy();
  comeUp();
  child.kill("SIGTERM");
  await ended;
  expect(there()).toEqual([]);
  expect(existsSync(root())).toBe(false);
});

it("is bash that shellcheck finds nothing in", ({ skip }) => {
  for (const name of ["occupy", "vacate", "door"]) {
    const checked = spawnSync("shellcheck", ["--shell=bash", "-"], {
      input: drillScript(name, "rehearsal"),
      encoding: "utf8",
    });
    if (checked.error) return skip("no shellcheck");
    expect(checked.stdout, name).toBe("");
  }
});
