/** Which images a stack runs from, and getting those that are missing: pulled, or built. */
import { join } from "node:path";
import { parse } from "yaml";
import { ensureBase } from "../engine/base.ts";
import type { Engine } from "../engine/find.ts";
import { hasImage, registryAnswers } from "../engine/registry.ts";
import type { Host } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { explainBuild } from "./build-faults.ts";
import { PROJECT_LABEL } from "./containers.ts";
import type { Progress } from "./progress.ts";
import { compose, type Project } from "./project.ts";

export type Images = "official" | "debian";

/** `images` is undefined where stack.yaml is to decide. */
export type Choice = { images?: Images; because?: string };

export type ChoiceInput = {
  host: Host;
  engine: Engine;
  /** Set by --images. */
  asked?: Images;
  /** Images that the stack needs as stack.yaml has it. */
  needed: readonly string[];
  project: string;
};

/** A stack that runs already keeps its kind; otherwise the engine is asked whether a registry answers. */
export async function chooseImages({ host, engine, asked, needed, project }: ChoiceInput): Promise<Choice> {
  if (asked) return { images: asked };
  const running = await runningKind(host, engine, project);
  if (running) return { images: running };
  if (await registryAnswers(engine.docker)) return {};
  const present = await Promise.all(needed.map((image) => hasImage(engine.docker, image)));
  // On a train: what was pulled at home is all that is needed.
  if (needed.length > 0 && present.every(Boolean)) return {};
  return {
    images: "debian",
    because:
      "No image registry answers, so every image is built from Debian packages (--images official insists)",
  };
}

async function runningKind(host: Host, engine: Engine, project: string): Promise<Images | undefined> {
  const filters = { label: [`${PROJECT_LABEL}=${project}`] };
  const [first] = await engine.docker.listContainers({ all: true, filters });
  const folder = first?.Labels["com.docker.compose.project.working_dir"];
  const plan = folder ? await host.read(join(folder, "plan.json")) : undefined;
  const images = plan ? (JSON.parse(plan) as { images?: Images }).images : undefined;
  return images;
}

/** The images that a Compose file names. */
export function imagesIn(composeYaml: string): string[] {
  const services = (parse(composeYaml) as { services?: Record<string, { image?: string }> }).services ?? {};
  return [...new Set(Object.values(services).flatMap(({ image }) => image ?? []))];
}

/** A service of the Compose file: its image, and whether it is built here. */
export type Needed = { service: string; image: string; built: boolean };

/** One service for each image: the first, since Compose would build the same image for every one of them. */
export async function neededImages(project: Project): Promise<Needed[]> {
  const shown = await compose(project, ["config", "--format", "json"], { timeout: 60_000 });
  if (shown.exitCode !== 0) {
    throw new Problem(
      `Compose refuses ${project.folder}/compose.yaml\n${shown.stderr.trim()}`,
      "Make it again: plimsoll generate",
    );
  }
  const { services } = JSON.parse(shown.stdout) as {
    services: Record<string, { image: string; build?: unknown }>;
  };
  const byImage = new Map<string, Needed>();
  for (const [service, { image, build }] of Object.entries(services)) {
    if (!byImage.has(image)) byImage.set(image, { service, image, built: build !== undefined });
  }
  return [...byImage.values()];
}

type GetOptions = { progress: Progress; signal?: AbortSignal };

/** Pulls and builds what is missing. The tag of our own images is the hash of their folder: there means current. */
export async function getImages(
  project: Project,
  needed: readonly Needed[],
  options: GetOptions,
): Promise<void> {
  const missing: Needed[] = [];
  for (const entry of needed) {
    // A user's own build folder has one tag whatever is in it: the cache decides what there is to do.
    const settled = !entry.built || entry.image.startsWith("plimsoll/");
    if (!settled || !(await hasImage(project.engine.docker, entry.image))) missing.push(entry);
  }
  const pulls = missing.filter(({ built }) => !built);
  const builds = missing.filter(({ built }) => built);
  if (pulls.length > 0) await pull(project, pulls, options);
  if (builds.length > 0) {
    if (project.plan.images === "debian") {
      await ensureBase(project.engine, project.host, options.progress.say, { signal: options.signal });
    }
    await build(project, builds, options);
  }
}

async function pull(
  project: Project,
  pulls: readonly Needed[],
  { progress, signal }: GetOptions,
): Promise<void> {
  for (const { service } of pulls) progress.update(service, "working", "pulling");
  const pulled = await compose(project, ["pull", "--quiet", ...pulls.map(({ service }) => service)], {
    signal,
  });
  signal?.throwIfAborted();
  if (pulled.exitCode === 0) return;
  throw new Problem(
    `images cannot be pulled\n${pulled.stderr.trim().split("\n").slice(-5).join("\n")}`,
    project.plan.images === "debian"
      ? "It is the application's own image: check api.image in stack.yaml, the network, and docker login."
      : "Check the network; or build them from Debian packages instead: npx plimsoll up --images debian",
  );
}

async function build(
  project: Project,
  builds: readonly Needed[],
  { progress, signal }: GetOptions,
): Promise<void> {
  const services = new Set(builds.map(({ service }) => service));
  const [only] = services;
  for (const service of services) progress.update(service, "working", "building");
  const built = await compose(project, ["--progress", "plain", "build", ...services], {
    signal,
    onLine(line) {
      const step = parseStep(line);
      // BuildKit names the service only where it builds more than one.
      const service =
        step?.names.find((name) => services.has(name)) ?? (services.size === 1 ? only : undefined);
      if (step && service) progress.update(service, "working", `building ${step.at}/${step.of}`);
    },
  });
  signal?.throwIfAborted();
  if (built.exitCode !== 0) throw explainBuild(`${built.stdout}\n${built.stderr}`);
}

/** `#9 [postgres-1 build 3/7] RUN apt-get …` of BuildKit's plain output: the service, the stage, both or neither. */
export function parseStep(line: string): { names: string[]; at: number; of: number } | undefined {
  const match = /^#\d+ \[((?:[\w.-]+ +)*)(\d+)\/(\d+)\]/.exec(line);
  if (!match) return undefined;
  return { names: (match[1] ?? "").split(" ").filter(Boolean), at: Number(match[2]), of: Number(match[3]) };
}
