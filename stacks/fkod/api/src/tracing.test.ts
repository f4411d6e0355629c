import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type Started, startServer } from "./testing.ts";
import { playBackend, playPostgres, playRedis, playSilence } from "./testing-backends.ts";

// Each starts servers of its own, beside whatever else the machine does.
vi.setConfig({ testTimeout: 90_000 });

const api = fileURLToPath(new URL("..", import.meta.url));
let folder: string;
let redis: Awaited<ReturnType<typeof playRedis>>;
let postgres: Awaited<ReturnType<typeof playPostgres>>;
let running: Started | undefined;

/** Writes a line for each package of OpenTelemetry that is loaded, by import or by require. */
const SPY = `import { Module, register } from "node:module";
const tell = (name) => name.startsWith("@opentelemetry/") && process.stderr.write("LOADED " + name + "\\n");
const resolve = Module._resolveFilename;
Module._resolveFilename = function (name, ...rest) { tell(name); return resolve.call(this, name, ...rest); };
register("data:text/javascript," + encodeURIComponent(
  'import { writeSync } from "node:fs"; export function resolve(name, about, next) {' +
  ' if (name.startsWith("@opentelemetry/")) writeSync(2, "LOADED " + name + "\\\\n"); return next(name, about); }'));
`;

beforeAll(async () => {
  // What is tested is what runs in a container: compiled, as ES modules, in a process of its own.
  await promisify(execFile)(join(api, "node_modules/.bin/tsc"), ["-p", "tsconfig.build.json"], { cwd: api });
  folder = await mkdtemp(join(tmpdir(), "fkod-tracing-"));
  await writeFile(join(folder, "spy.mjs"), SPY);
  await writeFile(join(folder, "headers"), "x-team=secret%20key,x-dataset=fkod\n");
  [redis, postgres] = await Promise.all([playRedis(), playPostgres()]);
}, 120_000);

afterEach(async () => {
  running?.child.kill("SIGKILL");
  running = undefined;
});
afterAll(async () => {
  redis.close();
  postgres.close();
  await rm(folder, { recursive: true, force: true });
});

async function serve(more: Record<string, string> = {}): Promise<Started> {
  const port = await freePort();
  running = await startServer(port, {
    NODE_OPTIONS: `--import ${pathToFileURL(join(folder, "spy.mjs"))}`,
    ...servers(),
    JWT_SECRET: "x".repeat(32),
    RELEASE: "v12",
    SERVER_NAME: "api-1",
    ...more,
  });
  const started = running;
  // A cache that is not connected yet is not asked: its commands would be missing from the first trace.
  await until("every connection", async () => {
    const { status } = (await (await ask(started, "/ready")).json()) as { status: string };
    return status === "ok";
  });
  return started;
}

const servers = () => ({
  DATABASE_URL: `postgres://app:x@127.0.0.1:${postgres.port}/fkod`,
  REDIS_URL: `redis://127.0.0.1:${redis.port}`,
});

/** As the stack sets them. */
const tracing = (port: number) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
  OTEL_EXPORTER_OTLP_HEADERS_FILE: join(folder, "headers"),
  OTEL_SERVICE_NAME: "fkod-api",
  OTEL_RESOURCE_ATTRIBUTES: "service.version=v12,deployment.environment.name=production",
  OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
  OTEL_TRACES_SAMPLER_ARG: "1",
  OTEL_BSP_SCHEDULE_DELAY: "200",
});

/** The metrics' port is the next thousand: both must be free. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    if ((await isFree(port)) && (await isFree(port + 1000))) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

const ids = () => ({ trace: randomBytes(16).toString("hex"), parent: randomBytes(8).toString("hex") });

function ask(started: Started, path: string, headers: Record<string, string> = {}) {
  return fetch(`${started.base}${path}`, { headers, signal: AbortSignal.timeout(10_000) });
}

/** Not fetch(): Prometheus's own header, and a port that fetch() may refuse. */
function metrics(started: Started, accept?: string): Promise<{ type: string; text: string }> {
  return new Promise((resolve, reject) => {
    get(started.metrics, { headers: accept ? { accept } : {} }, async (answer) => {
      let text = "";
      for await (const chunk of answer) text += chunk;
      resolve({ type: String(answer.headers["content-type"]), text });
    }).on("error", reject);
  });
}

const lines = (started: Started): Record<string, unknown>[] =>
  started
    .output()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));

async function until<T>(what: string, find: () => Promise<T | false> | T | undefined | false): Promise<T> {
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    const found = await find();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not seen within 10 s: ${what}\n${running?.output()}`);
}

const OPEN_METRICS =
  "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

describe("with a backend", () => {
  test("a request is one trace: its span, its statement and commands, its log line and its exemplar", async () => {
    const backend = await playBackend();
    const server = await serve(tracing(backend.port));
    const { trace, parent } = ids();
    const answer = await ask(server, "/api/v1/courses?category=private", {
      traceparent: `00-${trace}-${parent}-01`,
      "x-request-id": "request-of-test",
    });
    expect(answer.status).toBe(200);

    const root = await until("the request's span", () => backend.spans.find(({ kind }) => kind === 2));
    expect(root).toMatchObject({ traceId: trace, parentSpanId: parent, name: "GET /api/v1/courses" });
    expect(root.attributes).toMatchObject({
      "http.route": "/api/v1/courses",
      "http.request.method": "GET",
      "http.response.status_code": 200,
    });
    expect(root.resource).toMatchObject({
      "service.name": "fkod-api",
      "service.version": "v12",
      "deployment.environment.name": "production",
    });
    expect(backend.headers[0]).toMatchObject({ "x-team": "secret key", "x-dataset": "fkod" });
    // Whoever asked, and for what, stays here.
    expect(JSON.stringify(backend.spans)).not.toMatch(/private|client\.address|127\.0\.0\.1.*peer/);

    const children = backend.spans.filter(({ parentSpanId }) => parentSpanId === root.spanId);
    expect(new Set(children.map(({ traceId }) => traceId))).toEqual(new Set([trace]));
    const names = children.map(({ name }) => name);
    expect(names).toContain("HGET");
    const statement = children.find(({ name }) => name.startsWith("pg.query"));
    expect(statement?.name, names.join()).toMatch(/^pg\.query:SELECT/);
    expect(JSON.stringify(statement?.attributes)).toContain("where ($1::text is null or c.category = $1)");

    const line = await until("the log line", () =>
      lines(server).find((entry) => entry["http.request.id"] === "request-of-test"),
    );
    expect(line).toMatchObject({ "trace.id": trace, "transaction.id": root.spanId });

    const open = await metrics(server, OPEN_METRICS);
    expect(open.type).toMatch(/^application\/openmetrics-text/);
    expect(open.text).toMatch(
      new RegExp(
        `^http_request_duration_seconds_bucket\\{.*\\} \\d+ # \\{trace_id="${trace}"\\} [\\d.]+ [\\d.]+$`,
        "m",
      ),
    );
    expect(open.text).toMatch(/^fkod_registrations_total 0$/m);
    expect(open.text.endsWith("# EOF\n")).toBe(true);
    // The other format is what it was, also after that one.
    const plain = await metrics(server);
    expect(plain.type).toMatch(/^text\/plain/);
    expect(plain.text).toMatch(/^# TYPE fkod_registrations_total counter\nfkod_registrations_total 0$/m);
    expect(plain.text).not.toContain(trace);
    backend.close();
  });

  test("one that the caller does not sample is named in the log, and neither sent nor an exemplar", async () => {
    const backend = await playBackend();
    const server = await serve(tracing(backend.port));
    const quiet = ids();
    const loud = ids();
    await ask(server, "/api/v1/whoami", { traceparent: `00-${quiet.trace}-${quiet.parent}-00` });
    await ask(server, "/api/v1/whoami", { traceparent: `00-${loud.trace}-${loud.parent}-01` });
    await until("the sampled one", () => backend.spans.some(({ traceId }) => traceId === loud.trace));
    expect(backend.spans.map(({ traceId }) => traceId)).not.toContain(quiet.trace);
    expect(lines(server).map((line) => line["trace.id"])).toContain(quiet.trace);
    expect((await metrics(server, OPEN_METRICS)).text).not.toContain(quiet.trace);
    backend.close();
  });

  test("probes and scrapes are no traces, and what is left is sent at the stop", async () => {
    const backend = await playBackend();
    const server = await serve({ ...tracing(backend.port), OTEL_BSP_SCHEDULE_DELAY: "60000" });
    for (const path of ["/health", "/ready", "/health?x=1"]) await ask(server, path);
    await metrics(server, OPEN_METRICS);
    await ask(server, "/api/v1/whoami");
    expect(backend.spans).toEqual([]);
    expect(await server.stop()).toBe(0);
    expect(backend.spans.map(({ name }) => name)).toEqual(["GET /api/v1/whoami"]);
    backend.close();
  });
});

test("a task of the clock is a trace of its own, and so are its statements part of it", async () => {
  const backend = await playBackend();
  const child = spawn(process.execPath, [join(api, "dist/clock.js")], {
    env: {
      PATH: process.env.PATH,
      ...servers(),
      ...tracing(backend.port),
      HOST: "127.0.0.1",
      PORT: String(await freePort()),
      OTEL_SERVICE_NAME: "fkod-clock",
    },
    stdio: "ignore",
  });
  try {
    const task = await until("the task", () =>
      backend.spans.find(({ name }) => name === "course-statistics"),
    );
    expect(task).toMatchObject({ parentSpanId: "", resource: { "service.name": "fkod-clock" } });
    const children = backend.spans.filter(({ parentSpanId }) => parentSpanId === task.spanId);
    expect(children.map(({ name }) => name).join()).toMatch(
      /pg\.query:BEGIN.*pg\.query:SELECT.*pg\.query:COMMIT/i,
    );
    child.kill("SIGTERM");
    expect((await once(child, "exit"))[0]).toBe(0);
  } finally {
    child.kill("SIGKILL");
    backend.close();
  }
});

describe("with a backend that is away", () => {
  const askMany = async (server: Started) => {
    let slowest = 0;
    for (let round = 0; round < 10; round++)
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const began = Date.now();
          expect((await ask(server, "/api/v1/courses")).status).toBe(200);
          slowest = Math.max(slowest, Date.now() - began);
        }),
      );
    return slowest;
  };

  test("that refuses: requests are served, and it is told once", async () => {
    const nobody = await playSilence();
    nobody.close();
    const server = await serve(tracing(nobody.port));
    await askMany(server);
    const told = () =>
      lines(server).filter(({ message }) => String(message).startsWith("traces cannot be sent"));
    await until("the warning", () => told().length > 0);
    await askMany(server);
    expect(await server.stop()).toBe(0);
    expect(told()).toHaveLength(1);
    expect(server.output()).not.toContain("secret");
  });

  test("that hears and never answers: no request waits for it, and neither does the stop", async () => {
    const silence = await playSilence();
    const server = await serve({
      ...tracing(silence.port),
      OTEL_BSP_MAX_QUEUE_SIZE: "64",
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "32",
    });
    // It would answer within 10 s, OpenTelemetry's own limit, or not at all.
    expect(await askMany(server)).toBeLessThan(5_000);
    const began = Date.now();
    expect(await server.stop()).toBe(0);
    expect(Date.now() - began).toBeLessThan(6_000);
    silence.close();
  });
});

test("without an endpoint nothing of it is loaded, no line has a trace, and /metrics is what it was", async () => {
  const server = await serve({ OTEL_SERVICE_NAME: "fkod-api", OTEL_TRACES_SAMPLER_ARG: "1" });
  const { trace, parent } = ids();
  await ask(server, "/api/v1/courses", { traceparent: `00-${trace}-${parent}-01` });
  const { type, text } = await metrics(server, OPEN_METRICS);
  expect(type).toMatch(/^text\/plain/);
  expect(text).toContain(
    'http_request_duration_seconds_count{method="GET",route="/api/v1/courses",status="200"} 1',
  );
  await until("the request's line", () =>
    lines(server).some((line) => line["url.path"] === "/api/v1/courses"),
  );
  expect(server.output()).not.toContain(trace);
  // The API alone, which prom-client brings and loads by itself; it does nothing without the rest.
  expect(server.output().match(/LOADED (?!@opentelemetry\/api$).*/m)).toBeNull();
  await server.stop();

  // The spy sees: with an endpoint they are loaded.
  const silence = await playSilence();
  expect((await serve(tracing(silence.port))).output()).toContain("LOADED @opentelemetry/sdk-trace-node");
  silence.close();
});
