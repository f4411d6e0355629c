/** A project and its state folder for the tests of the on-host engine: releases prepared as `deploy` prepares them. */
import { randomBytes } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { generate } from "../../generator/index.ts";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { copyStack, freePortWords, setWords } from "./engine-words.ts";

const ENGINE = resolve("operator/onhost/deploy.bash");

export type Site = Awaited<ReturnType<typeof openSite>>;

export type Event = { at: string; step: string; state: string; seconds?: number; text: string };

export type ReleaseOptions = {
  /** Words of `local` in stack.yaml that change with this release. */
  words?: Readonly<Record<string, unknown>>;
  /** The last word on compose.yaml. */
  change?(compose: string): string;
  /** Further lines of settings.env, which win. */
  settings?: Readonly<Record<string, string>>;
};

/** A shell word that is nothing but text. */
export function word(text: string | number): string {
  return `'${String(text).replaceAll("'", "'\\''")}'`;
}

function list(items: readonly (string | number)[]): string {
  return `(${items.map(word).join(" ")})`;
}

export async function openSite(
  name: string,
  words: Readonly<Record<string, unknown>>,
  from = resolve("stacks/fkod"),
) {
  const project = ["e2e", process.env.PLIMSOLL_E2E_RUN, name, randomBytes(3).toString("hex")]
    .filter(Boolean)
    .join("-");
  const root = await copyStack(from, project);
  await setWords(root, { ...(await freePortWords(root, { images: "debian", overrides: words })), ...words });
  await setWords(root, { project, images: "debian" });
  const state = join(root, "state");
  const live = join(root, "live/local");
  await mkdir(join(state, "releases"), { recursive: true, mode: 0o700 });
  let count = 0;
  const tagged = new Set<string>();

  const read = (path: string) => readFile(join(state, path), "utf8").catch(() => "");
  const current = async () => (await read("current")).trim();

  /** Under names of this run alone: another test that builds the same tag anew would change what we compare. */
  async function ownImages(compose: string, folder: string): Promise<string> {
    const names = new Set([...compose.matchAll(/^ {4}image: (\S+)$/gm)].map(([, name]) => name as string));
    let own = compose;
    for (const name of names) {
      const mine = `${project}/${name.split("/").at(-1)}`;
      if (!tagged.has(mine)) {
        const tag = () => execa("docker", ["tag", name, mine], { reject: false });
        if ((await tag()).exitCode !== 0) {
          const service = new RegExp(`^ {2}(\\S+):\\n {4}image: ${name}$`, "m").exec(compose)?.[1] as string;
          await execa("docker", ["compose", "build", service], { cwd: folder });
          await tag();
        }
        tagged.add(mine);
      }
      own = own.replaceAll(`    image: ${name}\n`, `    image: ${mine}\n`);
    }
    return own;
  }

  /** @returns its version */
  async function prepare({
    words: changed = {},
    change,
    settings = {},
  }: ReleaseOptions = {}): Promise<string> {
    const version = `v${++count}`;
    const release = join(state, "releases", version);
    await setWords(root, changed);
    const { folder } = await generate({ stackFolder: root, environment: "local" });
    await cp(folder, join(release, "files"), { recursive: true });
    const path = join(release, "files/compose.yaml");
    const text = await ownImages(await readFile(path, "utf8"), folder);
    await writeFile(path, change ? change(text) : text);
    const plan = JSON.parse(await readFile(join(folder, "plan.json"), "utf8")) as PlanJson;
    const { application } = plan;
    if (!application) throw new Error("the stack has no application");
    const previous = await current();
    const servers = application.servers.map(({ service }) => service);
    const all = [...application.servers, ...(application.spare ? [application.spare] : [])];
    const before = previous ? JSON.parse(await read(`releases/${previous}/files/plan.json`)) : plan;
    const lines: Record<string, string> = {
      PROJECT: word(project),
      ROOT: word(root),
      LIVE: word(live),
      SECRETS: word(join(root, "secrets/local")),
      VERSION: word(version),
      PREVIOUS: word(previous),
      KIND: "deploy",
      GROUP: word(application.group),
      NGINX: "nginx",
      DOMAIN: word(plan.domain),
      SERVERS: list(servers),
      OLD_SERVERS: list(before.application.servers.map(({ service }: { service: string }) => service)),
      SPARE: word(application.spare?.service ?? ""),
      PROCESSES: list(application.processes),
      MIGRATE: word(application.migrate ?? ""),
      MIGRATE_STATUS: list(application.migrate ? ["node", "dist/migrate.js", "status"] : []),
      READY_PATH: word(application.ready),
      HEALTH_PATH: word(application.health),
      READY_FOR: "30",
      DRAIN: "10",
      STOP: "10",
      SMOKE: list(["/health 200", ...plan.deploy.smoke.map((path) => `${path} <400`)]),
      CANARY_SHARE: "0",
      CANARY_FOR: "10",
      WATCH: "0",
      KEEP: "5",
      POSTGRES_NODES: list(Object.keys(plan.services).filter((service) => /^postgres-\d+$/.test(service))),
      BY: word("a test"),
      ...settings,
    };
    const ports = `declare -A PORTS=(${all.map(({ service, port }) => `[${service}]=${port}`).join(" ")})`;
    const metrics = all.flatMap(({ service, metrics: port }) => (port ? [`[${service}]=${port}`] : []));
    const settingsText = Object.entries(lines).map(([key, value]) => `${key}=${value}`);
    await writeFile(
      join(release, "settings.env"),
      `${[...settingsText, ports, `declare -A METRICS_PORTS=(${metrics.join(" ")})`].join("\n")}\n`,
    );
    await writeFile(join(release, "state"), "prepared\n");
    return version;
  }

  const engine = (argument: string, env: Record<string, string> = {}) =>
    execa("bash", [ENGINE, state, argument], {
      ...{ reject: false, all: true, stdin: "ignore", forceKillAfterDelay: false, env },
    } as const);

  return {
    project,
    domain: /^domain: (\S+)/m.exec(await readFile(join(root, "stack.yaml"), "utf8"))?.[1] ?? "",
    root,
    live,
    state,
    read,
    current,
    prepare,
    /** Starts the engine and does not wait for it. */
    start: (version: string, env?: Record<string, string>) => engine(version, env),
    recover: (env?: Record<string, string>) => engine("--recover", env),
    /** Prepares and deploys. */
    async deploy(options: ReleaseOptions = {}) {
      const version = await prepare(options);
      const { exitCode, all } = await engine(version);
      return { version, exitCode, output: all ?? "", events: await events(version) };
    },
    events,
    stateOf: async (version: string) => (await read(`releases/${version}/state`)).trim(),
    reasonOf: (version: string) => read(`releases/${version}/reason`),
    /** Container ids by service. */
    async containers(): Promise<Record<string, string>> {
      const { stdout } = await execa("docker", [
        ...["ps", "-a", "--no-trunc", "--filter", `label=com.docker.compose.project=${project}`],
        ...["--format", '{{.Label "com.docker.compose.service"}} {{.ID}}'],
      ]);
      return Object.fromEntries(
        stdout
          .split("\n")
          .filter(Boolean)
          .map((line) => line.split(" ") as [string, string]),
      );
    },
    /** Weights by server, as nginx has them. */
    async weights(): Promise<Record<string, number>> {
      const { stdout } = await execa("docker", [
        ...["exec", `${project}-nginx-1`, "curl", "-fsS", "http://127.0.0.1:8081/control/api"],
      ]);
      const { servers } = JSON.parse(stdout) as { servers: Record<string, { weight: number }> };
      return Object.fromEntries(Object.entries(servers).map(([name, { weight }]) => [name, weight]));
    },
    /** All versions that are kept, the oldest first. */
    releases: async () =>
      (await readdir(join(state, "releases"))).sort((a, b) => Number(a.slice(1)) - Number(b.slice(1))),
    /** The process that does the work. */
    worker: async () => Number(/^pid (\d+)$/m.exec(await read("work"))?.[1]),
    async sendSecret(version: string, name: string, value: string) {
      await mkdir(join(state, "releases", version, "secrets-in"), { recursive: true, mode: 0o700 });
      await writeFile(join(state, "releases", version, "secrets-in", name), value);
    },
    secretIn: async (service: string, name: string) =>
      (await execa("docker", ["exec", `${project}-${service}-1`, "cat", `/run/secrets/${name}`])).stdout,
    /** `docker compose` as somebody would call it in the live folder. */
    plain: (...args: string[]) =>
      execa("docker", ["compose", "--ansi", "never", ...args], { cwd: live, all: true, reject: false }),
    port: async () =>
      Number(
        /published: "(\d+)"/.exec(await readFile(join(root, "generated/local/compose.yaml"), "utf8"))?.[1],
      ),
    async close() {
      if (process.env.PLIMSOLL_E2E_KEEP) return console.error(`kept: ${project} (${root})`);
      const filter = ["--filter", `label=com.docker.compose.project=${project}`];
      const ids = async (...list: string[]) =>
        (await execa("docker", [...list, "-q", ...filter])).stdout.split("\n").filter(Boolean);
      const containers = await ids("ps", "-a");
      if (containers.length) await execa("docker", ["rm", "-f", "-v", ...containers], { reject: false });
      for (const id of await ids("network", "ls"))
        await execa("docker", ["network", "rm", id], { reject: false });
      for (const id of await ids("volume", "ls"))
        await execa("docker", ["volume", "rm", id], { reject: false });
      if (tagged.size) await execa("docker", ["image", "rm", ...tagged], { reject: false });
      await rm(root, { recursive: true, force: true });
    },
  };

  async function events(version: string): Promise<Event[]> {
    const text = await read(`releases/${version}/events`);
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Event);
  }
}

/** Steps with their seconds, a line each. */
export function timings(events: readonly Event[]): string {
  return events
    .filter(({ state, seconds }) => state !== "begin" && (seconds !== undefined || state !== "done"))
    .map(
      ({ step, state, seconds, text }) =>
        `${(seconds ?? 0).toFixed(2).padStart(7)} s  ${step} ${state}  ${text.split("\n")[0]?.slice(0, 110)}`,
    )
    .join("\n");
}
