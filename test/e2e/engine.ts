/**
 * Stacks on a real engine for the end-to-end suites: each under a project name and ports of its own, so that a running
 * stack is not disturbed, and taken away whole.
 */
import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseDocument } from "yaml";
import { generate, produce } from "../../generator/index.ts";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { readStackFolder } from "../../generator/stack.ts";
import { describeEngine, type Engine, findEngine } from "../../operator/engine/find.ts";
import type { Outcome } from "../../operator/host/host.ts";
import { localHost } from "../../operator/host/local.ts";
import { formatProblem, Problem } from "../../operator/problem.ts";
import { takeDown } from "../../operator/up/down.ts";
import { neededImages } from "../../operator/up/images.ts";
import { wordFor } from "../../operator/up/ports.ts";
import { type Progress, plainProgress } from "../../operator/up/progress.ts";
import { openProject, type Project, compose as runCompose } from "../../operator/up/project.ts";
import { bringUp, type UpResult } from "../../operator/up/up.ts";

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

export type HttpAnswer = {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  json<Value = unknown>(): Value;
};

export type HttpInit = {
  method?: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON. */
  body?: string | Buffer | object;
  /** Name of the published port's service; nginx if absent. */
  service?: string;
  /** Milliseconds. */
  timeout?: number;
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
    await setWords(stackFolder, { ...(await freePortWords(stackFolder, options)), ...options.overrides });
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
      const { changes } = await generate({ stackFolder, environment: "local" });
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

/** Without what git does not keep: dependencies, builds, generated files, secrets. */
async function copyStack(from: string, id: string): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), `${id}-`));
  const left = new Set(["node_modules", "dist", "generated", ".generated", "secrets", "coverage"]);
  await cp(from, root, { recursive: true, filter: (path) => path === from || !left.has(basename(path)) });
  return root;
}

async function setWords(stackFolder: string, words: Readonly<Record<string, unknown>>): Promise<void> {
  const file = join(stackFolder, "stack.yaml");
  const document = parseDocument(await readFile(file, "utf8"));
  for (const [path, value] of Object.entries(words))
    document.setIn(["environments", "local", ...path.split(".")], value);
  await mkdir(stackFolder, { recursive: true });
  await writeFile(file, document.toString());
}

/** A free port for every one that the stack publishes. */
async function freePortWords(
  stackFolder: string,
  { images, overrides }: StackOptions,
): Promise<Record<string, number>> {
  await setWords(stackFolder, { images: images ?? "debian", ...overrides });
  const { plan } = produce(await readStackFolder(stackFolder), "local");
  const words = Object.entries(plan.services).flatMap(([service, { compose }]) =>
    (compose.ports ?? []).map(({ target }) => wordFor({ service, target })),
  );
  const ports = await freePorts(words.length);
  return Object.fromEntries(words.map((word, index) => [word, ports[index] as number]));
}

/** Ports of 127.0.0.1 that nobody listens on, all different: each is held until the last is found. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done, failed) => server.once("error", failed).listen(0, "127.0.0.1", done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
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

/** No connection is kept: which server answers must not depend on the test before. */
export function request(
  port: number,
  path: string,
  domain?: string,
  init: HttpInit = {},
): Promise<HttpAnswer> {
  const { body } = init;
  const isText = typeof body === "string" || Buffer.isBuffer(body) || body === undefined;
  const payload = isText ? body : JSON.stringify(body);
  const headers = {
    ...(domain && { host: domain }),
    ...(!isText && { "content-type": "application/json" }),
    ...(payload !== undefined && { "content-length": String(Buffer.byteLength(payload)) }),
    ...init.headers,
  };
  return new Promise((done, failed) => {
    const options = { host: "127.0.0.1", port, path, method: init.method ?? "GET", headers, agent: false };
    const sent = http.request({ ...options, timeout: init.timeout ?? 15_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", failed);
      response.once("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        done({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: () => JSON.parse(text),
        });
      });
    });
    sent.once("timeout", () => sent.destroy(new Error(`no answer from port ${port} within the time`)));
    sent.once("error", failed);
    sent.end(payload);
  });
}
