/** A droplet of its own with a small stack, and the command line that deploys to it over ssh as a person would. */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa, type ResultPromise } from "execa";
import { expect } from "vitest";
import { parseDocument } from "yaml";
import { produce } from "../../generator/index.ts";
import { readStackFolder } from "../../generator/stack.ts";
import type { EngineEvent } from "../../operator/release/follow.ts";
import type { Release } from "../../operator/release/history.ts";
import { imagesIn } from "../../operator/up/images.ts";
import { startLoad } from "../deploy/load.ts";
import { type Droplet, startDroplet } from "./droplet.ts";
import { inLong } from "./long.ts";
import { buildCli, removeCli, type Said } from "./operate-cli.ts";
import { eventually } from "./wait.ts";

export const DOMAIN = "rolling.example.com";
export const STATE = "/srv/plimsoll/rolling-production/state";
export const LIVE = "/srv/plimsoll/rolling-production/generated/production";

/** Options stand before the first word that is none, so that those of a test may follow. */
type Call = { input?: string; environment?: Readonly<Record<string, string>> };

export type DeploySite = Awaited<ReturnType<typeof openDeploySite>>;

export async function openDeploySite(name: string) {
  const folder = await mkdtemp(join(tmpdir(), `deploy-${name}-`));
  const stack = join(folder, "stacks/rolling");
  await cp(resolve("test/deploy/stack"), stack, { recursive: true });
  const main = await buildCli();
  let droplet: Droplet | undefined;
  try {
    droplet = await startDroplet({ name });
    await setProduction({ host: "droplet", machine: MACHINE, certificates: false, "api.servers": SERVERS });
    await setRelease("v1");
    const { files } = produce(await readStackFolder(stack), "production", { images: "debian" });
    const compose = files.find(({ path }) => path === "compose.yaml")?.text ?? "";
    await droplet.images([
      "debian:forky-slim",
      ...imagesIn(compose).filter((image) => image.startsWith("plimsoll/")),
    ]);
  } catch (error) {
    await close();
    throw error;
  }
  const { attempt, exec, address, sshConfig } = droplet;
  const container = droplet.container;

  /** `plimsoll WORDS`, begun; what it says comes as one. */
  function begin(words: readonly string[], { input, environment = {} }: Call = {}): ResultPromise {
    return execa(process.execPath, [main, ...words], {
      reject: false,
      cwd: folder,
      env: { NODE_NO_WARNINGS: "1", PLIMSOLL_SSH_CONFIG: sshConfig, ...environment },
      ...(input === undefined ? { stdin: "ignore" as const } : { input }),
    });
  }

  async function run(words: readonly string[], call?: Call): Promise<Said> {
    const { exitCode = -1, stdout, stderr } = await begin(words, call);
    return { exitCode, stdout: String(stdout), stderr: String(stderr) };
  }

  /** @throws where it does not end with 0 */
  async function must(words: readonly string[], call?: Call): Promise<Said> {
    const said = await run(words, call);
    expect(said.exitCode, `plimsoll ${words.join(" ")}\n${said.stdout}\n${said.stderr}`).toBe(0);
    return said;
  }

  async function setProduction(words: Readonly<Record<string, unknown>>): Promise<void> {
    const file = join(stack, "stack.yaml");
    const document = parseDocument(await readFile(file, "utf8"));
    for (const [path, value] of Object.entries(words)) {
      const at = ["environments", "production", ...path.split(".")];
      if (value === undefined) document.deleteIn(at);
      else document.setIn(at, value);
    }
    await writeFile(file, document.toString());
  }

  /** Part of the image: every answer names it. */
  async function setRelease(text: string): Promise<void> {
    await writeFile(join(stack, "app/release"), `${text}\n`);
  }

  async function close(): Promise<void> {
    await droplet?.stop();
    await removeCli();
    if (!process.env.PLIMSOLL_E2E_KEEP) await rm(folder, { recursive: true, force: true });
  }

  const read = async (path: string) => (await attempt(`cat -- ${STATE}/${path}`)).stdout;

  return {
    droplet,
    container,
    servers: SERVERS,
    folder,
    stack,
    main,
    begin,
    run,
    must,
    setProduction,
    setRelease,
    read,
    exec,
    attempt,
    close,
    appendConfig: (text: string) => appendFile(sshConfig, text),
    deploy: (...words: string[]) => must(["deploy", "production", "--yes", ...words]),
    current: async () => (await read("current")).trim(),
    /** The version that the next release gets: those that failed count too. */
    async next(): Promise<string> {
      const list = (await attempt(`ls ${STATE}/releases`)).stdout.match(/\d+/g) ?? [];
      return `v${Math.max(0, ...list.map(Number)) + 1}`;
    },
    stateOf: async (version: string) => (await read(`releases/${version}/state`)).trim(),
    async releases(): Promise<Release[]> {
      return JSON.parse((await must(["releases", "production", "--json"])).stdout) as Release[];
    },
    async release(version: string): Promise<Release & { events: EngineEvent[] }> {
      return JSON.parse((await must(["release", "production", version, "--json"])).stdout);
    },
    /** Ids by service, of containers that run or do not. */
    async containers(): Promise<Record<string, string>> {
      const list = await exec(
        `docker ps -a --no-trunc --filter label=com.docker.compose.project=rolling-production --format '{{.Label "com.docker.compose.service"}} {{.ID}}'`,
      );
      return Object.fromEntries(
        list
          .split("\n")
          .filter(Boolean)
          .sort()
          .map((line) => line.split(" ") as [string, string]),
      );
    },
    /** The version as an answer names it, after so many questions. */
    async answers(): Promise<{ status: string; release: string }> {
      const { stdout } = await execa("curl", [
        ...["-sk", "-m", "10", "-o", "/dev/null", "-w", "%{http_code} %header{x-release}"],
        ...["--resolve", `${DOMAIN}:443:${address}`, `https://${DOMAIN}/work`],
      ]);
      const [status = "", release = ""] = stdout.split(" ");
      return { status, release };
    },
    /** Nobody's work is under way any more. */
    async settled(version: string, seconds = 120): Promise<void> {
      await eventually(async () => {
        expect(await read(`releases/${version}/events`)).toContain('"step":"end"');
        expect((await attempt(`flock --nonblock ${STATE}/work.lock true`)).exitCode).toBe(0);
      }, seconds);
    },
    /** A step of it has begun. */
    async begun(version: string, step: string, seconds = 120): Promise<void> {
      const deadline = performance.now() + seconds * 1000;
      while (!(await read(`releases/${version}/events`)).includes(`"step":"${step}","state":"begin"`)) {
        if (performance.now() > deadline) throw new Error(`${version} never came to ${step}`);
        await new Promise((later) => setTimeout(later, 100));
      }
    },
    load: () => startLoad({ url: `https://${address}`, host: DOMAIN }),
  };
}

/** With two, each deploy is shorter by a server; onhost.test.ts and the long series have three. */
const SERVERS = inLong(3, 2);
const MACHINE = { cpus: 2, memory: "2GB", disk: "20GB" };

/** Plain Compose finds everything as it wants it. */
export async function isWhole(site: DeploySite): Promise<void> {
  const before = await site.containers();
  expect(Object.keys(before)).not.toContain("api-spare");
  const { exitCode, stderr } = await site.attempt(
    `cd ${LIVE} && docker compose --ansi never up -d --no-build`,
    { user: "deploy" },
  );
  expect(exitCode, stderr).toBe(0);
  expect(stderr).not.toMatch(/Recreate|Creating|orphan/);
  expect(await site.containers()).toEqual(before);
}
