/** An engine that answers: found, started, or installed from the distribution's own packages. */
import type { Host } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { aptInstall, installedPackages } from "./apt.ts";
import { type Distribution, distributionOf } from "./distribution.ts";
import { describeEngine, type Engine, type EngineState, findEngine } from "./find.ts";
import { advice, composePackages, type Recipe, recipeFor } from "./recipe.ts";
import { startEngine } from "./start.ts";

type Say = (line: string) => void;

/** Asked before anything is installed. */
export type Agree = (what: string) => Promise<boolean>;

/** What was added to a machine, so that it can be taken away again. */
export const RECORD = "/var/lib/plimsoll/engine.json";

export type InstallRecord = { packages: readonly string[]; files: readonly string[] };

/**
 * Safe to run again: whatever is there already is left as it is.
 * @throws Problem where there is none and we may not or cannot install one; its remedy says how.
 */
export async function ensureEngine(host: Host, say: Say, agree: Agree = async () => true): Promise<Engine> {
  let state = await findEngine(host);
  if (state.kind === "ready") return state;
  const distribution = await distributionOf(host);
  if (state.kind === "forbidden") throw forbidden(state.endpoint);
  if (state.kind === "old engine") throw await tooOld(host, state, distribution);
  if (state.kind === "silent" && host.environment.DOCKER_HOST) throw elsewhere(state);
  const decision = decide(state, distribution, host.uid);
  if (decision === "advise") throw new Problem(sentence(state), advice(distribution));
  if (decision === "become root") {
    throw new Problem(
      sentence(state),
      `As root, plimsoll ${state.kind === "silent" && state.installed ? "starts" : "installs"} it from ${distribution.title}'s own packages:\n${installCommand(host.uid)}`,
    );
  }
  if (decision === "install") {
    const what = `${sentence(state)}. Docker can be installed from ${distribution.title}'s own packages.`;
    if (!(await agree(what))) throw new Problem("nothing was installed", advice(distribution));
    await installPackages(host, await enginePackages(host, distribution), say);
    state = await findEngine(host);
  }
  if (state.kind === "no compose") {
    await installPackages(host, await missingCompose(host, distribution, state), say);
    state = await findEngine(host);
  }
  if (state.kind === "silent") state = await startEngine(host, say);
  // Started just now, and its Compose may be the old one.
  if (state.kind === "no compose") {
    await installPackages(host, await missingCompose(host, distribution, state), say);
    state = await findEngine(host);
  }
  if (state.kind === "old engine") throw await tooOld(host, state, distribution);
  if (state.kind !== "ready") throw new Problem(sentence(state), advice(distribution));
  say(sentence(state));
  return state;
}

const COMMAND = "npx plimsoll engine install";

/** sudo forgets PATH, and with it a Node that lives in a home folder. */
export function installCommand(uid: number): string {
  return uid === 0 ? COMMAND : `sudo env "PATH=$PATH" ${COMMAND}`;
}

export type Decision = "install" | "start" | "add compose" | "become root" | "advise";

/** What to do about an engine that is not ready. Pure: the table of it is the test. */
export function decide(
  state: Extract<EngineState, { kind: "silent" | "no compose" }>,
  distribution: Distribution,
  uid: number,
): Decision {
  const known = recipeFor(distribution) !== undefined;
  if (state.kind === "silent" && state.installed) return uid === 0 ? "start" : "become root";
  if (!known) return "advise";
  if (uid !== 0) return "become root";
  return state.kind === "silent" ? "install" : "add compose";
}

async function enginePackages(host: Host, distribution: Distribution): Promise<Recipe> {
  const recipe = recipeFor(distribution);
  if (!recipe) throw new Problem("no packages are known for this system", advice(distribution));
  const present = await installedPackages(host, ["docker-ce", "podman-docker"]);
  if (present.size > 0) {
    // Installing ours would remove theirs.
    throw new Problem(
      `${[...present].join(" and ")} is installed and does not answer`,
      present.has("docker-ce")
        ? "Start it: systemctl start docker"
        : "Remove podman-docker, or set DOCKER_HOST to its socket.",
    );
  }
  return recipe;
}

async function missingCompose(host: Host, distribution: Distribution, state: EngineState): Promise<Recipe> {
  const installed = await installedPackages(host, ["docker-ce", "docker.io"]);
  const packages = composePackages(distribution, installed);
  if (!packages) {
    throw new Problem(
      sentence(state),
      "Install its Compose plugin: https://docs.docker.com/compose/install/linux/",
    );
  }
  const missing = (await host.run("docker", ["--version"])).exitCode !== 0 && distribution.id === "debian";
  const files = packages.some((name) => name.endsWith("/forky"))
    ? (recipeFor(distribution)?.files ?? [])
    : [];
  return {
    packages: missing ? [...packages, "docker-cli"] : packages,
    files,
    because: "the engine is there, its Compose is not",
  };
}

async function installPackages(host: Host, recipe: Recipe, say: Say): Promise<void> {
  const names = recipe.packages.map((name) => name.replace(/\/.*$/, ""));
  say(`Installing ${names.join(", ")} with apt: ${recipe.because}`);
  const before = await installedPackages(host, names);
  const added: string[] = [];
  const files = recipe.files.length > 0 && (await hasForky(host)) ? [] : recipe.files;
  for (const { path, text } of files) {
    if ((await host.read(path)) === text) continue;
    await host.write(path, text);
    added.push(path);
    say(`  added ${path}`);
  }
  await aptInstall(host, recipe.packages, say);
  await remember(host, { packages: names.filter((name) => !before.has(name)), files: added });
}

/** A second source of the same suite with other options is an error to apt; whoever added the first has pinned it. */
async function hasForky(host: Host): Promise<boolean> {
  const targets = await host.run("apt-get", [
    "indextargets",
    "--no-release-info",
    "--format",
    "$(RELEASE)/$(COMPONENT)",
  ]);
  return targets.stdout.split("\n").includes("forky/main");
}

/** Adds to the record: a second run that installs the rest must not forget the first. */
export async function remember(host: Host, added: InstallRecord): Promise<void> {
  const old = await readRecord(host);
  const record: InstallRecord = {
    packages: [...new Set([...(old?.packages ?? []), ...added.packages])],
    files: [...new Set([...(old?.files ?? []), ...added.files])],
  };
  if (record.packages.length + record.files.length === 0) return;
  await host.write(RECORD, `${JSON.stringify(record, null, 2)}\n`);
}

export async function readRecord(host: Host): Promise<InstallRecord | undefined> {
  try {
    return JSON.parse((await host.read(RECORD)) ?? "") as InstallRecord;
  } catch {
    return undefined;
  }
}

/** The commands that take back what was installed. Data stays in /var/lib/docker. */
export function wayBack({ packages, files }: InstallRecord): string {
  return [
    packages.length > 0 ? `apt-get purge --auto-remove ${packages.join(" ")}` : "",
    `rm -f ${[...files, RECORD].join(" ")}`,
  ]
    .filter(Boolean)
    .join("\n");
}

function forbidden(endpoint: string): Problem {
  return new Problem(
    `there is a Docker engine at ${endpoint}, but this user may not use it`,
    [
      "Join its group and log in again (whoever is in it is as good as root): sudo usermod -aG docker $USER",
      "or run plimsoll with sudo.",
    ].join("\n"),
  );
}

/** Its containers would be restarted: a person decides when. */
async function tooOld(host: Host, state: EngineState, distribution: Distribution): Promise<Problem> {
  const installed = await installedPackages(host, ["docker-ce", "docker.io"]);
  if (installed.has("docker-ce")) {
    const line =
      "apt-get update && apt-get install docker-ce docker-ce-cli docker-compose-plugin docker-buildx-plugin";
    return new Problem(sentence(state), `Upgrade it, which restarts its containers: ${line}`);
  }
  if (!installed.has("docker.io") || !recipeFor(distribution))
    return new Problem(sentence(state), advice(distribution));
  const line = `apt-get purge docker.io && ${COMMAND}`;
  return new Problem(
    sentence(state),
    `Replace it, as root; its containers stop meanwhile, images and volumes in /var/lib/docker stay:\n${line}`,
  );
}

function elsewhere(state: EngineState): Problem {
  return new Problem(sentence(state), "DOCKER_HOST says so. Start that engine, or unset DOCKER_HOST.");
}

function sentence(state: EngineState): string {
  const text = describeEngine(state);
  return `${text[0]?.toUpperCase()}${text.slice(1)}`;
}
