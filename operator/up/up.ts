/** Brings a generated folder up: images, containers, health, and a first request through the front door. */
import { join } from "node:path";
import { Problem } from "../problem.ts";
import { requireCores } from "./cores.ts";
import { requireDisk } from "./disk.ts";
import { explainFailure } from "./failure.ts";
import { type FirstAnswer, firstRequest } from "./first.ts";
import { getImages, neededImages } from "./images.ts";
import { requirePorts } from "./ports.ts";
import type { Progress } from "./progress.ts";
import { compose, type Project } from "./project.ts";
import { type Arrival, type Watched, watchUntilReady } from "./watch.ts";

export type UpOptions = {
  progress: Progress;
  /** Seconds until every service must be healthy, counted from when images are there. */
  timeout: number;
  /** The command that takes it down again, for messages. */
  takeDown: string;
  signal?: AbortSignal;
  /** Services that mount a secret which was written anew: a running container goes on seeing the file of before. */
  stale?: readonly string[];
};

export type Door = {
  name: string;
  url: string;
  user?: string /** Path of the file with the password. */;
  password?: string;
};

export type UpResult = {
  project: string;
  folder: string;
  environment: string;
  images: "official" | "debian";
  absent: Project["plan"]["absent"];
  services: Record<string, Arrival>;
  first?: FirstAnswer;
  doors: Door[];
  /** Folder of the secret files. */
  secrets: string;
  seconds: number;
};

/** @throws Problem; what runs by then is left running. */
export async function bringUp(project: Project, options: UpOptions): Promise<UpResult> {
  const began = performance.now();
  const { progress, signal, takeDown } = options;
  await requireCores(project);
  await requirePorts(project);
  const needed = await neededImages(project);
  await requireDisk(
    project,
    needed.map(({ image }) => image),
  );
  signal?.throwIfAborted();

  progress.begin(Object.keys(project.plan.services));
  try {
    await getImages(project, needed, { progress, signal });
    signal?.throwIfAborted();
    if (options.stale?.length) await compose(project, ["rm", "--stop", "--force", ...options.stale]);
    const watched = await startAndWatch(project, options);
    if (watched.kind === "failed") {
      await progress.end();
      throw await explainFailure(project, watched, takeDown);
    }
    await progress.end();
    const first = await firstRequest(project.plan);
    if (first && (first.status < 200 || first.status >= 300)) throw silentDoor(first, project, takeDown);
    return {
      project: project.name,
      folder: project.folder,
      environment: project.plan.environment,
      images: project.plan.images,
      absent: project.plan.absent,
      services: watched.services,
      first,
      doors: doorsOf(project),
      secrets: secretsOf(project),
      seconds: Number(((performance.now() - began) / 1000).toFixed(1)),
    };
  } finally {
    await progress.end();
  }
}

/** Compose waits for dependencies itself; it is ended where we know already that one will not come. */
async function startAndWatch(project: Project, options: UpOptions): Promise<Watched> {
  const ending = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, ending.signal]) : ending.signal;
  const args = ["up", "--detach", "--no-build", "--remove-orphans", "--quiet-pull"];
  const starting = compose(project, args, { signal });
  try {
    return await watchUntilReady(project, starting, options);
  } finally {
    ending.abort();
    await starting;
  }
}

function silentDoor({ url, status }: FirstAnswer, project: Project, takeDown: string): Problem {
  return new Problem(
    `every service is healthy, but ${url} ${status === 0 ? "does not answer" : `answers ${status}`}`,
    `Its log: docker compose -p ${project.name} logs nginx\nTake it down: ${takeDown}`,
  );
}

/** Admin pages and where their passwords are: never the passwords. */
export function doorsOf({ plan, folder }: Pick<Project, "plan" | "folder">): Door[] {
  return plan.doors.map(({ name, url, user, password }) => ({
    name,
    url,
    user,
    password: password && join(secretsOf({ plan, folder }), password),
  }));
}

/** Beside `generated/`, so that no generate touches it. */
function secretsOf({ plan, folder }: Pick<Project, "plan" | "folder">): string {
  return join(folder, "../../secrets", plan.environment);
}
