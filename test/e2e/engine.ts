/**
 * Stacks on a real engine for the end-to-end suites: each under a project name and ports of its own, so that a running
 * stack is not disturbed, and taken away whole.
 */
import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { generate } from "../../generator/index.ts";
import { readersOf } from "../../generator/plan/readers.ts";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { describeEngine, type Engine, findEngine } from "../../operator/engine/find.ts";
import type { Outcome } from "../../operator/host/host.ts";
import { localHost } from "../../operator/host/local.ts";
import { formatProblem, Problem } from "../../operator/problem.ts";
import { takeDown } from "../../operator/up/down.ts";
import { neededImages } from "../../operator/up/images.ts";
import { type Progress, plainProgress } from "../../operator/up/progress.ts";
import { openProject, type Project, compose as runCompose } from "../../operator/up/project.ts";
import { bringUp, type UpResult } from "../../operator/up/up.ts";
import { type HttpAnswer, type HttpInit, request } from "./engine-http.ts";
import { copyStack, freePortWords, setWords } from "./engine-words.ts";

export type { HttpAnswer, HttpInit } from "./engine-http.ts";
export { request } from "./engine-http.ts";
export { freePorts } from "./engine-words.ts";

const host = localHost();

let found: Promise<Engine | undefined> | undefined;

/**
 * The engine, or undefined after saying once what to do about it: `describe.skipIf(!(await engineOrSkip()))`.
 * @throws where PLIMSOLL_E2E=required: a run that must skip nothing fails instead
 */
export function engineOrSkip(): Promise<Engine | undefined> {
  found ??= look();
  return found;
}

async function look(): Promise<Engine | undefined> {
  const state = await findEngine(host);
  if (state.kind === "ready") return state;
  const line = `${describeEngine(state)}. Get one: sudo npx plimsoll engine install`;
  if (process.env.PLIMSOLL_E2E === "required") throw new Error(`e2e cannot run: ${line}`);
  console.error(`e2e is skipped: ${line}`);
  return undefined;
}

export type StackOptions = {
  /** Part of the project's name, at most 20 characters: `smoke`. */
  name: string;
  /** A folder with a stack.yaml; stacks/fkod if absent. It is copied. */
  from?: string;
  /** Words of stack.yaml for `local`, by dotted path: `{ "api.servers": 2, logging: false }`. */
  overrides?: Readonly<Record<string, unknown>>;
  images?: "official" | "debian";
  /** Seconds until every service must be healthy. */
  timeout?: number;
  /** Generated and its images built, but not started: `start()` does that. */
  cold?: boolean;
};

export type RunningStack = {
  project: string;
  /** The stack's folder (stack.yaml); a copy. */
  stackFolder: string;
  /** The generated folder. */
  folder: string;
  plan: PlanJson;
  /** Published port of each service that has one. */
  ports: Readonly<Record<string, number>>;
  engine: Engine;
  /** Of the latest start. */
  result?: UpResult;
  /** `docker compose ARGS` on the project; never throws for a command that failed. */
  compose(...args: string[]): Promise<Outcome>;
  /** Runs a command in a service's container. @throws where it fails, with its output */
  exec(service: string, command: readonly string[], options?: { user?: string }): Promise<string>;
  /** The value of a secret. */
  secret(name: string): Promise<string>;
  /** A request through nginx with the stack's Host header, or straight to another published port. */
  http(path: string, init?: HttpInit): Promise<HttpAnswer>;
  /** Changes words of `local` in stack.yaml and generates again; starts nothing. @returns paths that changed */
  change(words: Readonly<Record<string, unknown>>): Promise<string[]>;
  /** Up (again), as `plimsoll up` does. */
  start(): Promise<UpResult>;
  /** Down; the volumes stay. */
  down(): Promise<void>;
  /** Down with volumes, images made here and the folder. Safe to call twice. */
  stop(): Promise<void>;
};

/** Generates, builds and starts a stack. @throws with the failed service's log; nothing is left behind then */
export async function startStack(options: StackOptions): Promise<RunningStack> {
  const engine = await engineOrSkip();
  if (!engine) throw new Error("no engine: ask engineOrSkip() first");
  // .ci/run names its run, and takes away what a killed test left behind.
  const run = process.env.PLIMSOLL_E2E_RUN;
  const id = ["e2e", run, options.name, randomBytes(3).toString("hex")].filter(Boolean).join("-");
  const stackFolder = await copyStack(options.from ?? resolve("stacks/fkod"), id);
  let stack: RunningStack | undefined;
  try {
    // After the overrides: a whole part that is given anew has ports of its own.
    await setWords(stackFolder, await freePortWords(stackFolder, options));
    await setWords(stackFolder, { project: id, images: options.images ?? "debian" });
    const { folder } = await generate({ stackFolder, environment: "local" });
    const project = await openProject(host, engine, folder);
    stack = await runningStack(project, stackFolder, options);
    if (!options.cold) await stack.start();
    return stack;
  } catch (error) {
    await (stack?.stop() ?? rm(stackFolder, { recursive: true, force: true }));
    throw error instanceof Problem ? new Error(formatProblem(error)) : error;
  }
}

/** The same, for one test: stopped whatever happens in it. */
export async function withStack<Result>(
  options: StackOptions,
  action: (stack: RunningStack) => Promise<Result>,
): Promise<Result> {
  const stack = await startStack(options);
  try {
    return await action(stack);
  } finally {
    await stack.stop();
  }
}

async function runningStack(
  project: Project,
  stackFolder: string,
  options: StackOptions,
): Promise<RunningStack> {
  const { engine, name, folder } = project;
  const before = await imageIds(engine);
  const progress = quietProgress();
  let stopped = false;
  let stale: string[] = [];
  const stack: RunningStack = {
    project: name,
    stackFolder,
    folder,
    plan: project.plan,
    ports: portsOf(project.plan),
    engine,
    compose: (...args) => runCompose(project, args),
    async exec(service, command, { user } = {}) {
      const args = ["exec", "-T", ...(user ? ["--user", user] : []), service, ...command];
      const { exitCode, stdout, stderr } = await runCompose(project, args);
      if (exitCode !== 0)
        throw new Error(`${service}: ${command.join(" ")} ended with ${exitCode}\n${stdout}\n${stderr}`);
      return stdout;
    },
    secret: (secret) => readFile(join(stackFolder, "secrets/local", secret), "utf8"),
    http(path, { service = "nginx", ...init } = {}) {
      const port = stack.ports[service];
      if (port === undefined) throw new Error(`${service} publishes no port`);
      return request(port, path, service === "nginx" ? project.plan.domain : undefined, init);
    },
    async change(words) {
      await setWords(stackFolder, words);
      const { changes, plan, secrets } = await generate({ stackFolder, environment: "local" });
      stale = readersOf(plan, secrets?.made ?? []);
      Object.assign(project, await openProject(host, engine, folder));
      stack.plan = project.plan;
      return changes.map(({ path }) => path);
    },
    async start() {
      try {
        stack.result = await bringUp(project, {
          progress,
          timeout: options.timeout ?? 300,
          takeDown: "stop()",
          stale,
        });
        return stack.result;
      } catch (error) {
        throw error instanceof Problem ? new Error(formatProblem(error)) : error;
      }
    },
    async down() {
      await takeDown(host, engine, name, { volumes: false, say: progress.say });
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      if (process.env.PLIMSOLL_E2E_KEEP) return console.error(`kept: ${name} (${folder})`);
      const images = await neededImages(project).catch(() => []);
      await takeDown(host, engine, name, { volumes: true, say: () => undefined });
      for (const { image, built } of images) if (built) await removeImage(engine, image, before);
      await rm(stackFolder, { recursive: true, force: true });
    },
  };
  return stack;
}

/** Progress only where somebody looks for it: PLIMSOLL_E2E_VERBOSE=1. */
function quietProgress(): Progress {
  return plainProgress(process.env.PLIMSOLL_E2E_VERBOSE ? (line) => console.error(line) : () => undefined);
}

function portsOf(plan: PlanJson): Record<string, number> {
  return Object.fromEntries(
    Object.entries(plan.services).flatMap(([service, { ports }]) => {
      const first = ports[0];
      return first ? [[service, first.published]] : [];
    }),
  );
}

async function imageIds(engine: Engine): Promise<Set<string>> {
  return new Set((await engine.docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []));
}

/** An image that was there before the test belongs to somebody else. The build cache stays: it is nobody's. */
async function removeImage(engine: Engine, image: string, before: ReadonlySet<string>): Promise<void> {
  if (before.has(image)) return;
  await engine.docker
    .getImage(image)
    .remove()
    .catch(() => undefined);
}
