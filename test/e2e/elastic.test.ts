/**
 * Our pipelines, templates, roles and scripts on real Elasticsearch servers: see elastic/servers.ts for which and why.
 * Skipped in one line where Maven Central or Java is not at hand. Kibana, Logstash and Filebeat cannot be had here.
 */

import { chown, cp, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createServer, type Server as HttpServer, request } from "node:http";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Context, Grants } from "../../generator/components/component.ts";
import { elasticsearchFiles, SNAPSHOTS_PATH } from "../../generator/components/elk/elasticsearch.ts";
import { kibanaFiles } from "../../generator/components/elk/kibana.ts";
import { exporter } from "../../generator/components/elk/services.ts";
import { packageRoot } from "../../generator/package.ts";
import { renderFile } from "../../generator/render/files.ts";
import { plain } from "../../generator/report/paint.ts";
import { GiB } from "../../generator/spec/words.ts";
import { joined } from "../../generator/testing/joined.ts";
import { masked } from "../../generator/testing/masked.ts";
import { parseFacts } from "../../operator/checks/facts.ts";
import { errorDetailOf, errorsOf } from "../../operator/observe/errors.ts";
import { type ErrorsAsked, searchesOf } from "../../operator/observe/errors-query.ts";
import { errorDetailText, errorsText } from "../../operator/observe/errors-text.ts";
import { prepare, type Server, type Servers, startOpen, startStripped } from "./elastic/servers.ts";

const OPEN_PORT = 19_410;
const STRIPPED_PORT = 19_420;
const FRONT_PORT = 19_430;
const KIBANA_PORT = 19_440;
/** And the next one. */
const EXPORTED_PORT = 19_450;
const EXPORTER_IMAGE = "plimsoll-test/elasticsearch-exporter";
const STREAM = "logs-plimsoll-default";
/** In the name of today's first index. */
const TODAY = new Date().toISOString().slice(0, 10).replaceAll("-", ".");
const ELASTIC = 'p"w\\d elastic';

const servers = await prepare();
if (typeof servers === "string") console.log(`elastic: skipped, ${servers}`);

type Document = { service?: { name?: string }; message?: unknown; tags?: unknown; [field: string]: unknown };

const samples = join(packageRoot, "elk/samples");
const parsers = (await readdir(samples))
  .filter((name) => name.endsWith(".log"))
  .map((name) => name.slice(0, -4));

async function linesOf(parser: string): Promise<string[]> {
  return joined((await readFile(join(samples, `${parser}.log`), "utf8")).trimEnd().split("\n"));
}

/** A line as Logstash hands it over. */
function event(parser: string, line: string) {
  return {
    "@timestamp": "2026-11-23T01:00:00.000Z",
    message: masked(line),
    service: { name: `a-${parser}-service` },
    host: { name: "fkod-production" },
    stream: "stdout",
    plimsoll: { parser },
  };
}

describe.skipIf(typeof servers === "string")("the Elastic stack's server side", () => {
  const { folder } = servers as Servers;
  const secrets = join(folder ?? "", "secrets");
  const setupFiles = join(folder ?? "", "out/elk/setup");
  const scripts = join(packageRoot, "elk/scripts");
  const snapshots = join(folder ?? "", "snapshots");
  let settings: Record<string, string> = {};
  let open: Server;
  let stripped: Server;
  let front: HttpServer;
  let kibana: HttpServer;
  /** Bodies of requests for what the stripped server lacks. */
  const lifecycles: string[] = [];
  const kibanaRequests: { path: string; authorization: string; xsrf: unknown; body: string }[] = [];

  async function ask(method: string, path: string, user = "elastic", password = ELASTIC, body?: unknown) {
    const response = await fetch(`${stripped.url}/${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
        "content-type": path.includes("_bulk") ? "application/x-ndjson" : "application/json",
      },
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    });
    return { status: response.status, json: (await response.json().catch(() => undefined)) as never };
  }
  const setUp = (environment: Record<string, string> = {}) =>
    script("setup.sh", [], { FILES: setupFiles, ...environment });
  function script(name: string, words: string[], environment: Record<string, string>) {
    return execa("bash", [join(scripts, name), ...words], {
      env: {
        ELASTICSEARCH_URL: `http://127.0.0.1:${FRONT_PORT}`,
        KIBANA_URL: `http://127.0.0.1:${KIBANA_PORT}`,
        SECRETS: secrets,
        PATIENCE: "20",
        ...environment,
      },
      reject: false,
      all: true,
    });
  }

  beforeAll(async () => {
    await mkdir(secrets, { recursive: true });
    for (const name of SECRETS) await writeFile(join(secrets, name), secretOf(name));
    const grants: Grants = {
      service: () => ({ memory: 1 * GiB, cpus: 2, cpuShares: 512, pids: 1024 }),
      volume: () => 2 * GiB,
    };
    const context = { spec: { name: "fkod" }, environment: "local", machine: { disk: 60 * GiB } } as Context;
    const files = elasticsearchFiles({ keep: 30 * 86_400, snapshots: true }, grants, context);
    for (const file of [...files, ...kibanaFiles(5601, context)].flatMap((planned) =>
      renderFile(planned, "elk"),
    )) {
      const path = join(folder, "out", file.path);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, file.text.replaceAll(SNAPSHOTS_PATH, snapshots));
    }
    await emptySnapshots();
    settings = { ...ownSettings(files), "path.repo": snapshots };
    open = await startOpen(servers as Servers, OPEN_PORT);
    stripped = await startStripped(servers as Servers, STRIPPED_PORT, ELASTIC, settings);
    front = await listen(FRONT_PORT, (path, body) => {
      if (!/^\/_data_stream\/[^/]+\/_lifecycle$/.test(path)) return undefined;
      lifecycles.push(body);
      return { acknowledged: true };
    });
    kibana = await listen(KIBANA_PORT, (path, body, headers) => {
      kibanaRequests.push({
        path,
        authorization: headers.authorization ?? "",
        xsrf: headers["kbn-xsrf"],
        body,
      });
      return { success: true };
    });
  });

  afterAll(async () => {
    await Promise.all([open?.stop(), stripped?.stop()]);
    front?.close();
    kibana?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  /** As the volume is on a new host. */
  async function emptySnapshots() {
    await rm(snapshots, { recursive: true, force: true });
    await mkdir(snapshots);
    if (process.getuid?.() === 0) await chown(snapshots, 1000, 1000);
  }

  /** One address for both: pipelines to the server with processors, all else to the one with security. */
  function listen(
    port: number,
    answer: (path: string, body: string, headers: NodeJS.Dict<string>) => object | undefined,
  ): Promise<HttpServer> {
    const server = createServer((asked, replied) => {
      const chunks: Buffer[] = [];
      asked.on("data", (chunk: Buffer) => chunks.push(chunk));
      asked.on("end", () => {
        const body = Buffer.concat(chunks);
        const own = answer(asked.url as string, String(body), asked.headers as NodeJS.Dict<string>);
        if (own) {
          replied.setHeader("content-type", "application/json");
          replied.end(JSON.stringify(own));
          return;
        }
        const ingest = asked.url?.startsWith("/_ingest/");
        const headers = { ...asked.headers };
        if (ingest) delete headers.authorization;
        const onward = request(
          { port: ingest ? OPEN_PORT : STRIPPED_PORT, method: asked.method, path: asked.url, headers },
          (response) => {
            replied.writeHead(response.statusCode as number, response.headers);
            response.pipe(replied);
          },
        );
        onward.end(body);
      });
    });
    return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
  }

  async function simulate(parser: string): Promise<Document[]> {
    const docs = (await linesOf(parser)).map((line) => ({ _source: event(parser, line) }));
    const response = await fetch(`${open.url}/_ingest/pipeline/logs-plimsoll/_simulate`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ docs }),
    });
    const { docs: done } = (await response.json()) as { docs: { doc: { _source: Document } }[] };
    return done.map(({ doc }) => doc._source);
  }

  describe("setup", () => {
    it("succeeds, and again, and shows no secret to anyone who looks at the processes", async () => {
      const seen = new Set<string>();
      let running = true;
      const watch = (async () => {
        while (running) {
          for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
            for (const file of ["cmdline", "environ"]) {
              const text = await readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
              if (text.includes("hidden-") && Number(pid) !== process.pid) seen.add(text.slice(0, 300));
            }
          }
        }
      })();
      for (const time of ["first", "second"]) {
        const { exitCode, all } = await setUp();
        expect(`${time}: ${exitCode} ${all}`).toMatch(/^\w+: 0 .*is set up"\}$/);
      }
      running = false;
      await watch;
      expect([...seen]).toEqual([]);
    });

    it.each([
      ["kibana_system", "elastic_kibana_password", ["kibana_system"]],
      ["logstash_writer", "elastic_logstash_password", ["plimsoll_log_writer"]],
      ["log_keeper", "elastic_keeper_password", ["plimsoll_log_keeper", "kibana_admin"]],
      ["metrics", "elastic_metrics_password", ["plimsoll_metrics"]],
      ["grafana_reader", "elk_grafana_password", ["plimsoll_log_reader"]],
      ["plimsoll", "kibana_login_password", ["editor"]],
    ])("%s logs in with the password in %s and has the roles %j", async (user, secret, roles) => {
      const { status, json } = await ask("GET", "_security/_authenticate", user, secretOf(secret));
      expect(status).toBe(200);
      expect((json as { roles: string[] }).roles).toEqual(roles);
    });

    it("brings a changed password with its next run", async () => {
      await writeFile(join(secrets, "elk_grafana_password"), "hidden-changed");
      expect((await setUp()).exitCode).toBe(0);
      const before = await ask(
        "GET",
        "_security/_authenticate",
        "grafana_reader",
        secretOf("elk_grafana_password"),
      );
      const after = await ask("GET", "_security/_authenticate", "grafana_reader", "hidden-changed");
      expect([before.status, after.status]).toEqual([401, 200]);
      await writeFile(join(secrets, "elk_grafana_password"), secretOf("elk_grafana_password"));
      expect((await setUp()).exitCode).toBe(0);
    });

    it("fails in words, and in time, where Elasticsearch is away or refuses", async () => {
      const away = await setUp({ ELASTICSEARCH_URL: "http://127.0.0.1:9", PATIENCE: "1" });
      expect([away.exitCode, away.all]).toEqual([1, expect.stringContaining("Elasticsearch did not answer")]);
      const refused = await setUp({ FILES: join(folder, "nowhere") });
      expect(refused.exitCode).not.toBe(0);
    });
  });

  describe("a line of every service", () => {
    it.each(parsers)("%s becomes the ECS document that was expected", async (parser) => {
      const expected = join(samples, `${parser}.expected.json`);
      const documents = await simulate(parser);
      // UPDATE=1 writes what the server answers; the diff is then for a person to read.
      if (process.env.UPDATE)
        await writeFile(expected, `${JSON.stringify(documents.map(sorted), null, 2)}\n`);
      expect(documents).toEqual(JSON.parse(await readFile(expected, "utf8")));
    });

    it("is never lost and never misread as another service's", async () => {
      for (const parser of parsers) {
        for (const document of await simulate(parser)) {
          expect(document.service?.name).toBe(`a-${parser}-service`);
          expect(typeof document.message).toBe("string");
          expect(document).not.toHaveProperty("plimsoll");
          expect(document).not.toHaveProperty("tags");
        }
      }
    });

    it("survives what no parser expects", async () => {
      const odd = [
        "",
        " ",
        "{",
        "{}",
        '{"a":',
        "[1]",
        "null",
        '{"message":{"a":1},"error":"text","service":"x","log":1}',
        "\u0000\u{1f600}",
        "TypeError: x\n    at y (/app/z.js:1:2)",
        "x".repeat(20_000),
      ];
      for (const parser of [...parsers, "no-such-parser"]) {
        const response = await fetch(`${open.url}/_ingest/pipeline/logs-plimsoll/_simulate`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ docs: odd.map((line) => ({ _source: event(parser, line) })) }),
        });
        const { docs } = (await response.json()) as {
          docs: { doc?: { _source: Document }; error?: unknown }[];
        };
        for (const [index, { doc, error }] of docs.entries()) {
          expect({ parser, line: odd[index]?.slice(0, 80), error }).toEqual({
            parser,
            line: odd[index]?.slice(0, 80),
            error: undefined,
          });
          expect(doc?._source.service?.name).toBe(`a-${parser}-service`);
        }
      }
    });
  });

  describe("the log stream", () => {
    const writer = ["logstash_writer", secretOf("elastic_logstash_password")] as const;

    it("takes every document of every parser from the writer, under the mapping", async () => {
      const lines: string[] = [];
      for (const parser of parsers) {
        for (const document of await simulate(parser)) lines.push('{"create":{}}', JSON.stringify(document));
      }
      // The stripped server has no processors: these documents have been through them already.
      const { json } = await ask(
        "POST",
        `${STREAM}/_bulk?pipeline=_none&refresh=true`,
        ...writer,
        `${lines.join("\n")}\n`,
      );
      const { items } = json as { items: { create: { status: number; error?: unknown } }[] };
      expect(items.filter(({ create }) => create.status !== 201)).toEqual([]);
    });

    it.each([
      ["service.name", "a-nginx-service"],
      ["log.level", "fatal"],
      ["http.request.id", "6f1c1c5ab8e34d1b"],
    ])("is searchable by %s", async (field, value) => {
      const { json } = await ask(
        "POST",
        `${STREAM}/_search`,
        "grafana_reader",
        secretOf("elk_grafana_password"),
        {
          query: { term: { [field]: value } },
        },
      );
      expect((json as { hits: { hits: unknown[] } }).hits.hits.length).toBeGreaterThan(0);
    });

    it("keeps 30 days with no replica, by our template and not Elastic's", async () => {
      const { json: state } = await ask("GET", "_cluster/state/metadata?filter_path=metadata.data_stream");
      expect(JSON.stringify(state)).toContain('"data_retention":"30d"');
      const { json: settings } = await ask("GET", `${STREAM}/_settings`);
      const [index] = Object.values(
        settings as Record<string, { settings: { index: Record<string, unknown> } }>,
      );
      expect(index?.settings.index).toMatchObject({
        number_of_replicas: "0",
        default_pipeline: "logs-plimsoll",
      });
      // The stripped server has no lifecycle service: what setup would tell it of a stream that exists.
      expect((await setUp()).exitCode).toBe(0);
      expect(JSON.parse(lifecycles.at(-1) ?? "")).toEqual({ enabled: true, data_retention: "30d" });
    });

    it.each([
      ["read", "GET", `${STREAM}/_search`],
      ["delete", "DELETE", `.ds-${STREAM}-${TODAY}-000001`],
      ["write elsewhere", "POST", "logs-other-default/_doc", { "@timestamp": "2026-11-23T01:00:00Z" }],
      ["see users", "GET", "_security/user"],
      [
        "change settings",
        "PUT",
        "_cluster/settings",
        { persistent: { "cluster.routing.allocation.enable": "none" } },
      ],
    ])("does not let the writer %s", async (_what, method, path, body?: object) => {
      expect((await ask(method, path, ...writer, body)).status).toBe(403);
    });

    it("does not let Grafana write or Prometheus read", async () => {
      const document = { "@timestamp": "2026-11-23T01:00:00Z" };
      const write = await ask(
        "POST",
        `${STREAM}/_doc?pipeline=_none`,
        "grafana_reader",
        secretOf("elk_grafana_password"),
        document,
      );
      const read = await ask(
        "POST",
        `${STREAM}/_search`,
        "metrics",
        secretOf("elastic_metrics_password"),
        {},
      );
      expect([write.status, read.status]).toEqual([403, 403]);
    });
  });

  describe("errors", () => {
    type Failure = { type?: unknown; message?: unknown; stack?: unknown; service?: string; version?: string };
    type Grouped = Document & { error?: { grouping_key?: string; grouping_name?: string } };

    /** Through the pipelines, as the API writes them. */
    async function group(failures: readonly Failure[], more: readonly object[] = []): Promise<Grouped[]> {
      const docs = failures.map(({ type, message, stack, service = "api-1", version = "v1" }, index) => {
        const line = {
          "log.level": "error",
          "service.version": version,
          message: "a request failed",
          error: { type, message, stack_trace: stack },
          ...more[index],
        };
        return { _source: { ...event("ecs-json", JSON.stringify(line)), service: { name: service } } };
      });
      const response = await fetch(`${open.url}/_ingest/pipeline/logs-plimsoll/_simulate`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ docs }),
      });
      const answer = (await response.json()) as { docs: { doc: { _source: Grouped } }[] };
      return answer.docs.map(({ doc }) => doc._source);
    }
    const key = async (failure: Failure) => (await group([failure]))[0]?.error?.grouping_key;
    const stack = (line: number, file = "/app/dist/routes/courses.js", more = "") =>
      `TypeError: it failed${more}\n    at list (${file}:${line}:${line + 3})\n    at async next (/app/dist/app.js:${line}:1)`;
    const base: Failure = {
      type: "TypeError",
      message: "course 17 of user 4 is 'gone'",
      stack: stack(10),
    };

    beforeAll(async () => {
      const { exitCode, all } = await setUp();
      expect([exitCode, all]).toEqual([0, expect.stringContaining("is set up")]);
    });

    it.each<[string, Failure, Failure?]>([
      ["in another line of the file", { stack: stack(99) }],
      ["with other numbers and quoted values", { message: "course 2048 of user 77 is 'another thing'" }],
      ["on another server", { service: "api-2" }],
      ["on the spare", { service: "api-spare" }],
      ["of another release", { version: "v2" }],
      [
        "below frames of libraries and of Node itself",
        {
          stack: `TypeError: x\n    at /app/node_modules/pg/lib/client.js:5:1\n    at process.processTicksAndRejections (node:internal/process/task_queues:103:5)\n    at Array.map (<anonymous>)\n    at async Promise.all (index 0)\n    at async list (file:///app/dist/routes/courses.js?v=3:12:9)`,
        },
      ],
      [
        "that names a UUID",
        { message: "no session 8c5d1f2a-3b4c-4d5e-8f60-112233445566" },
        { message: "no session 0A1B2C3D-0000-4d5e-8f60-aabbccddeeff" },
      ],
      [
        "that names ids, of digits or of letters too",
        { message: "job 12345678 of tenant 01HZX3V9K8QWERTY12345 at 0xdeadbeef" },
        { message: "job 3f2a9c of tenant 01HZX7777777777ASDFGH at 0x1" },
      ],
      [
        "that names addresses",
        { message: "connect ECONNREFUSED 10.0.0.5:5432 (::1), [fd00::2]:80" },
        { message: "connect ECONNREFUSED 192.168.11.17:6432 (fe80::a:1), [fd00::3]:8080" },
      ],
      [
        "that names a person, a place and a time",
        { message: "ana@example.com at https://fkod.com/a?b=1 since 2026-11-23T00:50:11.101Z" },
        { message: "bo.c+d@mail.example.org at http://10.0.0.1/ since 2025-01-02 03:04:05" },
      ],
      ["that lists more of them", { message: 'ids 1, 2, 3 and "a"' }, { message: 'ids 4, 5 and "b c"' }],
      [
        "in a file whose bundler hashed its name",
        { stack: stack(1, "/app/dist/chunk-A1B2C3D4.js") },
        { stack: stack(2, "/app/dist/chunk-99FF00AA.js") },
      ],
      [
        "of Python, whose newest call comes last",
        {
          stack:
            'Traceback (most recent call last):\n  File "/app/main.py", line 3, in run\n    go()\n  File "/app/jobs.py", line 9, in go\n    1/0\nZeroDivisionError: division by zero',
        },
        {
          stack:
            'Traceback (most recent call last):\n  File "/app/other.py", line 8, in x\n    go()\n  File "/app/jobs.py", line 12, in go\n    1/0\n  File "/usr/lib/python3/site-packages/a.py", line 1, in b\nZeroDivisionError: division by zero',
        },
      ],
    ])("is the same %s", async (_what, change, other = {}) => {
      const [one, two] = await group([
        { ...base, ...change },
        { ...base, ...other },
      ]);
      expect(one?.error?.grouping_key).toMatch(/^[0-9a-f]{16}$/);
      expect(one?.error?.grouping_key).toBe(two?.error?.grouping_key);
      expect(one?.tags).toBeUndefined();
    });

    it.each<[string, Failure]>([
      ["type", { type: "RangeError" }],
      ["words", { message: "lesson 17 of user 4 is 'gone'" }],
      ["function", { stack: stack(10).replace("list", "show") }],
      ["file", { stack: stack(10, "/app/dist/routes/mentors.js") }],
      ["kind of service", { service: "worker-1" }],
      ["stack, none", { stack: undefined }],
    ])("is another with another %s", async (_what, change) => {
      expect(await key({ ...base, ...change })).not.toBe(await key(base));
    });

    it.each<[Failure, string]>([
      [base, "TypeError in dist/routes/courses.js: course # of user # is <value>"],
      [{ message: "boom" }, "Error: boom"],
      [{ type: "AbortError" }, "AbortError"],
      [
        { type: "Error", stack: "Error: from the stack 5\n    at x (/srv/a/b.js:1:1)" },
        "Error in a/b.js: from the stack #",
      ],
      [
        {
          type: "error",
          message: "postgresql://app:[masked]@postgres:5432/fkod: Bearer [masked], ana@example.com",
        },
        "error: <url> Bearer [masked], <email>",
      ],
      [{ message: `${"so long ".repeat(600)}'` }, `Error: ${"so long ".repeat(40).slice(0, 232)}…`],
    ])("has a name that can be read, without what was quoted: %#", async (failure, name) => {
      const [document] = await group([failure]);
      expect(document?.error?.grouping_name).toBe(name);
    });

    it("is named after what the masks have left", async () => {
      const raw = JSON.stringify({
        error: {
          type: "Error",
          message:
            "said Authorization: Bearer abcdefgh12345678 and eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.abc_DEF-123",
        },
      });
      const [document] = await group([{}], [JSON.parse(masked(raw))]);
      expect(document?.error?.grouping_name).toMatch(/^Error: said Authorization: Bearer \[masked\] and /);
      expect(JSON.stringify(document)).not.toMatch(/abcdefgh|eyJhbGci/);
    });

    it.each<[string, Failure]>([
      ["nothing", {}],
      ["no texts", { type: { a: 1 }, message: ["x"], stack: { b: [] } }],
    ])("is none where an error holds %s, and the line is kept", async (_what, failure) => {
      const [document] = await group(
        [failure],
        [{ "error.grouping_key": "mine", "error.grouping_name": { a: 1 } }],
      );
      expect(document?.message).toBe("a request failed");
      expect(document?.error ?? {}).not.toHaveProperty("grouping_key");
      expect(document?.error ?? {}).not.toHaveProperty("grouping_name");
    });

    it("leaves a line without its group, and says so, where the group cannot be made", async () => {
      const path = `${open.url}/_ingest/pipeline/logs-plimsoll-errors`;
      const broken = { processors: [{ fail: { message: "broken" } }] };
      const headers = { "content-type": "application/json" };
      expect((await fetch(path, { method: "PUT", headers, body: JSON.stringify(broken) })).status).toBe(200);
      const [document] = await group([base]);
      expect(document).toMatchObject({
        message: "a request failed",
        tags: ["_grouping_failure"],
        log: { level: "error" },
        error: { type: base.type, message: base.message, stack_trace: base.stack },
      });
      expect(document).not.toHaveProperty("plimsoll");
      expect((await setUp()).exitCode).toBe(0);
      expect(await key(base)).toMatch(/^[0-9a-f]{16}$/);
    });

    it("costs little, whatever the line holds", async () => {
      const nasty = [
        "a@",
        "'",
        '"',
        "1.",
        ":",
        "f",
        "0x",
        "A1",
        "::ffff:",
        "://",
        "-",
        "x ",
        "\n    at ",
      ].map((text) => ({
        type: text.repeat(50),
        message: text.repeat(200_000 / text.length),
        stack: text.repeat(400_000 / text.length),
      }));
      await group(nasty);
      const begun = Date.now();
      const documents = await group(nasty);
      // Measured at 1.5 s on a busy machine, with the sending of 8 MB; a pattern that goes back and forth takes minutes.
      expect(Date.now() - begun).toBeLessThan(60_000);
      for (const { error, tags, message } of documents) {
        expect([message, tags]).toEqual(["a request failed", undefined]);
        expect(error?.grouping_key).toMatch(/^[0-9a-f]{16}$/);
        expect(error?.grouping_name?.length).toBeLessThanOrEqual(240);
      }
    });

    describe("are counted", () => {
      const now = Date.now() / 1000;
      const at = (hours: number) => new Date((now - hours * 3600) * 1000).toISOString();
      const asked: ErrorsAsked = { since: now - 24 * 3600, now, limit: 20 };
      const known = { type: "TypeError", message: "known since 5", stack: stack(1) };
      const fresh = { type: "RangeError", message: "came with v12", stack: stack(1) };
      const past = { type: "Error", message: "long ago", service: "worker" };
      const gone = { type: "Error", message: "of the release before" };
      const scenario: [hours: number, failure: Failure, more?: object][] = [
        [72, { ...known, version: "v10", service: "api-2" }],
        [30, { ...known, version: "v11" }],
        [5, { ...known, version: "v11", stack: stack(7) }],
        [1, { ...known, version: "v12", service: "api-spare", stack: stack(9) }],
        [0.5, { ...known, version: "v12", message: "known since 77" }],
        [0.4, { ...fresh, version: "v12", service: "api-2" }],
        [
          0.2,
          { ...fresh, version: "v12", service: "api-3" },
          { "http.request.id": "6f1c1c5ab8e34d1b", "trace.id": "4bf92f3577b34da6a3ce929d0e0e4736" },
        ],
        [30, { ...past, version: "v11" }],
        [6, { ...gone, version: "v11" }],
      ];
      const errors = async (words: ErrorsAsked, environment: Record<string, string> = {}) => {
        const { exitCode, stdout, stderr } = await execa("bash", [join(scripts, "errors.sh")], {
          env: { ELASTICSEARCH_URL: stripped.url, SECRETS: secrets, ...environment },
          input: searchesOf(words),
          reject: false,
        });
        return { exitCode, stderr, facts: parseFacts(`release v12\n${stdout}`) };
      };
      const list = async (words: Partial<ErrorsAsked> = {}) => {
        const { exitCode, stderr, facts } = await errors({ ...asked, ...words });
        expect([exitCode, stderr]).toEqual([0, ""]);
        return errorsOf(facts, { ...asked, ...words });
      };

      beforeAll(async () => {
        const documents = await group(
          scenario.map(([, failure]) => failure),
          scenario.map(([, , more]) => more ?? {}),
        );
        const lines = documents.flatMap((document, index) => [
          '{"create":{}}',
          JSON.stringify({ ...document, "@timestamp": at(scenario[index]?.[0] ?? 0) }),
        ]);
        const { json } = await ask(
          "POST",
          `${STREAM}/_bulk?pipeline=_none&refresh=true`,
          "logstash_writer",
          secretOf("elastic_logstash_password"),
          `${lines.join("\n")}\n`,
        );
        expect(json).toMatchObject({ errors: false });
      });

      it("by group: how often, first and last of all that is kept, releases, servers, and what is new", async () => {
        const { groups, more, running, partial } = await list();
        const hours = (seconds: number) => Number(((now - seconds) / 3600).toFixed(1));
        expect(
          groups.map(({ first, last, ...group }) => ({ ...group, first: hours(first), last: hours(last) })),
        ).toEqual([
          {
            key: await key(known),
            name: "TypeError in dist/routes/courses.js: known since #",
            count: 3,
            total: 5,
            first: 72,
            last: 0.5,
            releases: ["v10", "v11", "v12"],
            services: ["api-1", "api-2", "api-spare"],
            new: false,
          },
          {
            key: await key(fresh),
            name: "RangeError in dist/routes/courses.js: came with v#",
            count: 2,
            total: 2,
            first: 0.4,
            last: 0.2,
            releases: ["v12"],
            services: ["api-2", "api-3"],
            new: true,
          },
          expect.objectContaining({
            name: "Error: of the release before",
            count: 1,
            releases: ["v11"],
            new: false,
          }),
        ]);
        expect([more, running, partial]).toEqual([0, ["v12"], false]);
      });

      it("in a longer window, of one service, and the loudest alone", async () => {
        const long = await list({ since: now - 48 * 3600 });
        expect(long.groups.find(({ name }) => name === "Error: long ago")).toMatchObject({
          count: 1,
          services: ["worker"],
        });
        expect((await list({ service: "api" })).groups).toHaveLength(3);
        expect((await list({ service: "api-3" })).groups.map(({ count, total }) => [count, total])).toEqual([
          [1, 2],
        ]);
        expect((await list({ service: "ap" })).groups).toEqual([]);
        const loudest = await list({ limit: 1 });
        expect([loudest.groups.length, loudest.more]).toEqual([1, 2]);
        expect(errorsText(loudest, plain, 100)).toContain("and 2 more: --limit 3");
      });

      it("as one group by the beginning of its key, with its course and the newest line whole", async () => {
        const words = { ...asked, key: (await key(fresh))?.slice(0, 8) };
        const { facts } = await errors(words);
        const found = errorDetailOf(facts, words, "production");
        expect(found).toMatchObject({ count: 2, total: 2, bar: 3600, new: true });
        expect(found.times.reduce((sum, { count }) => sum + count, 0)).toBe(2);
        expect(found.times.length).toBeGreaterThanOrEqual(24);
        expect(found.newest).toMatchObject({
          service: "api-3",
          release: "v12",
          level: "error",
          stack: fresh.stack,
          request: "6f1c1c5ab8e34d1b",
          trace: "4bf92f3577b34da6a3ce929d0e0e4736",
        });
        const text = errorDetailText(found, now, plain, 100);
        for (const part of [fresh.stack, "6f1c1c5ab8e34d1b", "v12 (new: in none before)", "█"])
          expect(text).toContain(part);
      });

      it("not where the key is nobody's", async () => {
        const words = { ...asked, key: "0000000000000000" };
        const { facts } = await errors(words);
        expect(() => errorDetailOf(facts, words, "production")).toThrow(
          "no error that is kept has the key 0000",
        );
      });

      it("not, in words, where Elasticsearch is away or lets nobody in", async () => {
        const away = await errors(asked, { ELASTICSEARCH_URL: "http://127.0.0.1:9" });
        expect([away.exitCode, away.stderr]).toEqual([
          1,
          expect.stringContaining("127.0.0.1:9/logs-plimsoll-*"),
        ]);
        await mkdir(join(folder, "wrong"), { recursive: true });
        await writeFile(join(folder, "wrong/elk_grafana_password"), "hidden-wrong");
        const refused = await errors(asked, { SECRETS: join(folder, "wrong") });
        expect([refused.exitCode, refused.stderr]).toEqual([
          1,
          expect.stringContaining("unable to authenticate"),
        ]);
        expect(refused.stderr).not.toContain("hidden-");
      });

      it.each([
        ["write", "POST", `${STREAM}/_doc?pipeline=_none`, { "@timestamp": "2026-11-23T01:00:00Z" }],
        ["delete an index", "DELETE", `.ds-${STREAM}-${TODAY}-000001`, undefined],
        ["change the mapping", "PUT", `${STREAM}/_mapping`, { properties: { x: { type: "keyword" } } }],
        ["roll the stream over", "POST", `${STREAM}/_rollover`, undefined],
        ["see users", "GET", "_security/user", undefined],
        ["read what is no log", "GET", ".security/_search", undefined],
      ])("by one who may not %s", async (_what, method, path, body) => {
        const { status } = await ask(method, path, "grafana_reader", secretOf("elk_grafana_password"), body);
        expect(status).toBe(403);
      });
    });
  });

  describe("the keeper", () => {
    const indices = async () => {
      const { json } = await ask(
        "GET",
        `_cat/indices/.ds-${STREAM}-*?format=json&bytes=b&s=creation.date,index&expand_wildcards=all`,
      );
      return json as { index: string; "store.size": string }[];
    };
    const size = async () => (await indices()).reduce((sum, entry) => sum + Number(entry["store.size"]), 0);
    const round = (bytes: number) =>
      script("keeper.sh", ["once"], {
        LOG_BYTES: String(bytes),
        LAST: join(folder, "last"),
        FILES: join(folder, "out/elk/kibana-objects"),
      });
    const fill = async () => {
      const lines = Array.from({ length: 200 }, (_, index) => [
        '{"create":{}}',
        JSON.stringify({ "@timestamp": "2026-11-23T01:00:00Z", message: `${index} ${Math.random()}` }),
      ]).flat();
      await ask(
        "POST",
        `${STREAM}/_bulk?pipeline=_none&refresh=true`,
        "logstash_writer",
        secretOf("elastic_logstash_password"),
        `${lines.join("\n")}\n`,
      );
      await ask("POST", `.ds-${STREAM}-*/_flush?expand_wildcards=all`);
    };

    it("rolls over what has grown, deletes the oldest beyond the limit, and never the one that is written to", async () => {
      const limit = 60_000;
      for (let count = 0; count < 8; count++) {
        await fill();
        const { exitCode, all } = await round(limit);
        expect([exitCode, all]).toEqual([0, expect.not.stringContaining('"error"')]);
      }
      const kept = await indices();
      expect(kept.length).toBeGreaterThan(1);
      expect(kept.map(({ index }) => index)).not.toContain(`.ds-${STREAM}-${TODAY}-000001`);
      const { all } = await round(limit);
      expect(await size()).toBeLessThanOrEqual(limit);
      expect(all).not.toContain("error");
      // Down to nothing but the write index, which stays.
      await round(1);
      await round(1);
      expect((await indices()).length).toBeGreaterThan(0);
      await fill();
    });

    it("says when its last round was, for the healthcheck", async () => {
      const check = () => script("keeper.sh", ["check"], { LAST: join(folder, "last") });
      expect((await check()).exitCode).toBe(0);
      await writeFile(join(folder, "last"), "1000");
      expect((await check()).exitCode).toBe(1);
      const failed = await script("keeper.sh", ["once"], {
        ELASTICSEARCH_URL: "http://127.0.0.1:9",
        LOG_BYTES: "1",
        LAST: join(folder, "last"),
      });
      expect(failed.all).toContain("error");
      expect((await check()).exitCode).toBe(1);
    });

    it("gives Kibana its objects as one who may manage Kibana, not as the superuser", () => {
      const [, first, second] = kibanaRequests;
      expect(first).toMatchObject({ path: "/api/saved_objects/_import?overwrite=true", xsrf: "plimsoll" });
      expect(Buffer.from(first?.authorization.split(" ")[1] ?? "", "base64").toString()).toMatch(
        /^log_keeper:/,
      );
      expect(first?.body).toContain('"title":"logs-plimsoll-*"');
      expect(second).toMatchObject({
        path: "/api/data_views/default",
        body: '{"data_view_id":"logs-plimsoll","force":true}',
      });
    });
  });

  describe("snapshots", () => {
    const KEEPER = ["log_keeper", secretOf("elastic_keeper_password")] as const;
    const every = (seconds: number) =>
      script("keeper.sh", ["snapshot"], {
        LOG_BYTES: "1",
        SNAPSHOT_EVERY: String(seconds),
        OTHERS_FOR: "60",
      });
    const bring = (words: string[], input = "") =>
      execa("bash", [join(scripts, "bring.sh"), ...words], {
        env: { ELASTICSEARCH_URL: stripped.url, SECRETS: secrets, SNAPSHOTS: snapshots, PATIENCE: "20" },
        input,
        reject: false,
      });
    const list = async () =>
      (await ask("GET", "_cat/snapshots/plimsoll?format=json&s=start_epoch")).json as {
        id: string;
        status: string;
      }[];
    const quiet = async () => {
      await expect
        .poll(async () => (await list()).map(({ status }) => status), { timeout: 60_000 })
        .not.toContain("IN_PROGRESS");
      return list();
    };
    const indices = async () =>
      (
        (await ask("GET", "_cat/indices/.ds-logs-plimsoll-*?format=json&expand_wildcards=all&s=index"))
          .json as {
          index: string;
        }[]
      ).map(({ index }) => index);
    const write = async (message: string) => {
      const { status } = await ask(
        "POST",
        `${STREAM}/_doc?pipeline=_none&refresh=true`,
        "logstash_writer",
        secretOf("elastic_logstash_password"),
        {
          "@timestamp": "2026-11-27T01:00:00Z",
          message,
          service: { name: "snapshot-test" },
        },
      );
      expect(status).toBe(201);
    };
    /** What a person sees in the stream, as who reads it. */
    const lines = async () => {
      const { json } = await ask(
        "POST",
        `${STREAM}/_search?size=1000`,
        "grafana_reader",
        secretOf("elk_grafana_password"),
        {
          query: { term: { "service.name": "snapshot-test" } },
        },
      );
      return (json as { hits: { hits: { _source: Document }[] } }).hits.hits
        .map(({ _source }) => String(_source.message))
        .sort();
    };
    const roll = async () => {
      const { status } = await ask("POST", `${STREAM}/_rollover`);
      expect(status).toBe(200);
    };
    /** As restic does: out of the volume, and back beside what is there. */
    const copyOut = (to: string) =>
      cp(snapshots, to, { recursive: true, filter: (path) => !path.includes("/.plimsoll-") });
    async function copyBack(from: string) {
      await rm(join(snapshots, ".plimsoll-new"), { recursive: true, force: true });
      await cp(from, join(snapshots, ".plimsoll-new"), { recursive: true });
    }
    const copy = join(folder ?? "", "copy");
    let first = "";

    it("is taken by the keeper with its own rights, where one is due, and not twice", async () => {
      await write("one");
      await write("two");
      first = (await indices()).at(-1) as string;
      await roll();
      await write("three");
      const taken = await every(3600);
      expect([taken.exitCode, taken.all]).toEqual([0, ""]);
      const [only, ...more] = await quiet();
      expect(more).toEqual([]);
      expect(only).toMatchObject({
        status: "SUCCESS",
        id: expect.stringMatching(/^\d{8}t\d{6}z-[a-z0-9]{10,12}$/),
      });
      expect((await every(3600)).exitCode).toBe(0);
      expect(await quiet()).toHaveLength(1);
      const { json } = await ask("GET", `_snapshot/plimsoll/${only?.id}`);
      const [snapshot] = (json as { snapshots: { indices: string[]; include_global_state: boolean }[] })
        .snapshots;
      expect(snapshot?.include_global_state).toBe(false);
      // Users and passwords are none of it.
      expect(snapshot?.indices.filter((index) => !index.startsWith(".ds-logs-plimsoll-"))).toEqual([]);
      expect(snapshot?.indices).toContain(first);
    });

    it.each([
      ["bring anything back", "POST", "_snapshot/plimsoll/_all/_restore", {}],
      ["make a repository", "PUT", "_snapshot/other", { type: "fs", settings: { location: "/tmp/other" } }],
      ["take the repository away", "DELETE", "_snapshot/plimsoll", undefined],
      ["read logs", "GET", `${STREAM}/_search`, undefined],
    ])("does not let the keeper %s", async (_what, method, path, body) => {
      expect((await ask(method, path, ...KEEPER, body)).status).toBe(403);
    });

    it.each([
      ["take one", "PUT", "_snapshot/plimsoll/mine"],
      ["delete one", "DELETE", "_snapshot/plimsoll/mine"],
    ])("does not let the one who measures %s", async (_what, method, path) => {
      const measuring = ["metrics", secretOf("elastic_metrics_password")] as const;
      expect((await ask("GET", "_snapshot/plimsoll/_all", ...measuring)).status).toBe(200);
      expect((await ask(method, path, ...measuring)).status).toBe(403);
    });

    it("brings back what is missing, out of a copy, into the stream, and touches nothing else", async () => {
      const whole = await lines();
      expect(whole).toEqual(["one", "three", "two"]);
      await copyOut(copy);
      expect((await ask("DELETE", first)).status).toBe(200);
      await write("since");
      expect(await lines()).toEqual(["since", "three"]);
      const before = (
        await ask(
          "GET",
          `_cat/indices/.ds-logs-plimsoll-*?h=index,uuid&expand_wildcards=all&s=index&format=json`,
        )
      ).json;

      await copyBack(copy);
      const { exitCode, stdout, stderr } = await bring(["back", ".plimsoll-new"]);
      expect([exitCode, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(new RegExp(`^index ${first}$`, "m"));
      expect(stdout).toMatch(/^note 1 indices were brought back, \d+ are there as they were$/m);
      expect(await lines()).toEqual([...whole, "since"].sort());
      const after = (
        await ask(
          "GET",
          `_cat/indices/.ds-logs-plimsoll-*?h=index,uuid&expand_wildcards=all&s=index&format=json`,
        )
      ).json as { index: string }[];
      expect(after.filter(({ index }) => index !== first)).toEqual(before);
      // No way into the copy is left open.
      expect(Object.keys((await ask("GET", "_snapshot")).json as object)).toEqual(["plimsoll"]);
      // The next line goes where lines went.
      await write("later");
      expect(await lines()).toContain("later");

      const again = await bring(["back", ".plimsoll-new"]);
      expect(again.stdout).toMatch(/^note 0 indices were brought back/m);
      expect(again.stdout).not.toMatch(/^index /m);
      const undone = await bring(["undo"], `${first}\n`);
      expect([undone.exitCode, undone.stderr]).toEqual([0, ""]);
      expect(await lines()).toEqual(["later", "since", "three"]);
      expect((await bring(["undo"], `${first}\n`)).stdout).toBe(`note ${first} is gone already`);
    });

    it("goes on where one was killed between an index and its stream", async () => {
      await ask("PUT", "_snapshot/by-hand?verify=false", "elastic", ELASTIC, {
        type: "fs",
        settings: { location: join(snapshots, ".plimsoll-new"), readonly: true },
      });
      const [one] = (await ask("GET", "_cat/snapshots/by-hand?format=json")).json as { id: string }[];
      const { status } = await ask("POST", `_snapshot/by-hand/${one?.id}/_restore`, "elastic", ELASTIC, {
        indices: first,
        include_global_state: false,
      });
      expect(status).toBe(200);
      await ask("DELETE", "_snapshot/by-hand");
      expect(await lines()).not.toContain("one");
      const { exitCode, stderr } = await bring(["back", ".plimsoll-new"]);
      expect([exitCode, stderr]).toEqual([0, ""]);
      expect(await lines()).toContain("one");
      await bring(["undo"], `${first}\n`);
    });

    it("tells a blob that is damaged, and leaves nothing half of it", async () => {
      await copyBack(copy);
      // All data of the index that is missing is cut; what says which files there are is whole.
      const base = join(snapshots, ".plimsoll-new/indices");
      for (const index of await readdir(base)) {
        for (const name of (await readdir(join(base, index, "0"))).filter((name) => name.startsWith("__")))
          await truncate(join(base, index, "0", name), 10);
      }
      const before = await indices();
      const { exitCode, stdout, stderr } = await bring(["back", ".plimsoll-new"]);
      expect(exitCode).toBe(1);
      expect(stdout).toMatch(new RegExp(`^note ${first} is not whole in the backup: .{20}`, "m"));
      expect(stderr).toContain(`not brought back: ${first}`);
      expect(await indices()).toEqual(before);
      expect((await ask("GET", "_cluster/health?filter_path=status")).json).not.toEqual({ status: "red" });
    });

    it.each([
      [
        "holds none",
        async () => void (await mkdir(join(snapshots, ".plimsoll-new"))),
        "holds no snapshot of the logs",
      ],
      [
        "is damaged where it lists them",
        async () => {
          await copyBack(copy);
          for (const name of await readdir(join(snapshots, ".plimsoll-new")))
            if (name.startsWith("index-")) await truncate(join(snapshots, ".plimsoll-new", name), 20);
        },
        "cannot be read: it is damaged",
      ],
    ])("says that a copy %s", async (_what, make, words) => {
      await rm(join(snapshots, ".plimsoll-new"), { recursive: true, force: true });
      await make();
      const { exitCode, stderr } = await bring(["back", ".plimsoll-new"]);
      expect([exitCode, stderr.split("\n").at(-1)]).toEqual([1, expect.stringContaining(words)]);
    });

    it("keeps the newest three of this cluster, and those of another for as long as it was told", async () => {
      await ask(
        "PUT",
        "_snapshot/plimsoll/20261101t000000z-anothercluster?wait_for_completion=true",
        "elastic",
        ELASTIC,
        {
          indices: "logs-plimsoll-*",
          include_global_state: false,
        },
      );
      for (let count = 0; count < 4; count++) {
        expect((await every(0)).exitCode).toBe(0);
        await quiet();
        await new Promise((resolve) => setTimeout(resolve, 1100));
      }
      const kept = async () => (await quiet()).map(({ id }) => id.split("-")[1]);
      expect((await every(3600)).exitCode).toBe(0);
      const ours = (await kept()).filter((tag) => tag !== "anothercluster");
      expect(ours).toHaveLength(3);
      expect(await kept()).toContain("anothercluster");
      const pruned = await script("keeper.sh", ["snapshot"], {
        LOG_BYTES: "1",
        SNAPSHOT_EVERY: "3600",
        OTHERS_FOR: "0",
      });
      expect([pruned.exitCode, pruned.all]).toEqual([0, ""]);
      expect(await kept()).toEqual(ours);
    });

    it("fails aloud and not for long where there is no repository, and the keeper's rounds go on", async () => {
      await ask("DELETE", "_snapshot/plimsoll");
      const failed = await every(3600);
      expect([failed.exitCode, failed.all]).toEqual([1, expect.stringContaining("repository_missing")]);
      const round = await script("keeper.sh", ["once"], {
        LOG_BYTES: String(GiB),
        SNAPSHOT_EVERY: "3600",
        LAST: join(folder, "last"),
        FILES: join(folder, "out/elk/kibana-objects"),
      });
      expect(round.exitCode).toBe(0);
      expect((await script("keeper.sh", ["check"], { LAST: join(folder, "last") })).exitCode).toBe(0);
      expect((await setUp()).exitCode).toBe(0);
      expect((await every(3600)).exitCode).toBe(0);
    });

    it("is measured, and indices are, by the exporter with its own rights", async () => {
      // The stripped server has no module for its root, which the exporter asks for the cluster's name.
      const named = await listen(EXPORTED_PORT, (path) =>
        path === "/"
          ? {
              name: "elasticsearch",
              cluster_name: "fkod-local",
              cluster_uuid: "x",
              version: { number: "8.19.21" },
            }
          : undefined,
      );
      await execa("docker", ["build", "--quiet", "--tag", EXPORTER_IMAGE, "-"], {
        input:
          "FROM debian:forky-slim\nRUN apt-get -o Acquire::Check-Valid-Until=false update && apt-get install --yes --no-install-recommends prometheus-elasticsearch-exporter curl && rm -rf /var/lib/apt/lists/*\n",
      });
      // As the service has it, but for the address.
      const words = ((exporter(true).command ?? []) as string[]).map((word) =>
        word.replace("http://elasticsearch:9200", `http://127.0.0.1:${EXPORTED_PORT}`),
      );
      const name = "plimsoll-elastic-exporter";
      await execa("docker", ["rm", "--force", name], { reject: false });
      await execa(
        "docker",
        [
          ...[
            "run",
            "--detach",
            "--init",
            "--name",
            name,
            "--network",
            "host",
            "--env",
            "ES_USERNAME=metrics",
          ],
          ...["--env", "ES_PASSWORD", EXPORTER_IMAGE, "prometheus-elasticsearch-exporter", ...words],
          `--web.listen-address=127.0.0.1:${EXPORTED_PORT + 1}`,
        ],
        { env: { ES_PASSWORD: secretOf("elastic_metrics_password") } },
      );
      try {
        const figures = async () =>
          (
            await execa(
              "docker",
              ["exec", name, "curl", "--silent", `http://127.0.0.1:${EXPORTED_PORT + 1}/metrics`],
              { reject: false },
            )
          ).stdout;
        await expect
          .poll(figures, { timeout: 60_000, interval: 2000 })
          .toContain("elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds{");
        const text = await figures();
        const value = (series: string) => Number(new RegExp(`^${series} (\\S+)$`, "m").exec(text)?.[1]);
        const newest =
          'elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds\\{repository="plimsoll"\\}';
        expect(value(newest)).toBeGreaterThan(Date.now() / 1000 - 3600);
        expect(
          value('elasticsearch_snapshot_stats_snapshot_failed_shards\\{repository="plimsoll",[^}]*\\}'),
        ).toBe(0);
        // What LogsStopped, LogsKeptLess and the dashboard read: of each index behind the stream.
        for (const name of [
          "index_stats_indexing_index_total",
          "index_stats_indexing_index_time_seconds_total",
          "indices_docs_total",
          "indices_store_size_bytes_total",
        ]) {
          const line = new RegExp(
            `^elasticsearch_${name}\\{[^}]*index="[.]ds-logs-plimsoll-[^}]*\\} \\d`,
            "m",
          );
          expect(text).toMatch(line);
        }
      } finally {
        await execa("docker", ["rm", "--force", name], { reject: false });
        named.close();
      }
    });

    it("comes to a new host: what the lost one had, beside what the new one has", async () => {
      await stripped.stop();
      await emptySnapshots();
      stripped = await startStripped(servers as Servers, STRIPPED_PORT, ELASTIC, {
        ...settings,
        "path.data": join(folder, "elasticsearch-8.19.21/data-of-another"),
      });
      expect((await setUp()).exitCode).toBe(0);
      await copyBack(copy);
      const early = await bring(["back", ".plimsoll-new"]);
      expect([early.exitCode, early.stderr]).toEqual([
        1,
        expect.stringContaining(`there is no stream ${STREAM} yet`),
      ]);
      await write("new host");
      const { exitCode, stdout, stderr } = await bring(["back", ".plimsoll-new"]);
      expect([exitCode, stderr]).toEqual([0, ""]);
      expect(await lines()).toEqual(["new host", "one", "three", "two"]);
      const brought = [...stdout.matchAll(/^index (\S+)$/gm)].map(([, name]) => name as string);
      expect(brought.every((name) => /-[a-z0-9]{10,12}$/.test(name))).toBe(true);
      expect((await bring(["back", ".plimsoll-new"])).stdout).toMatch(/^note 0 indices were brought back/m);
      // The new host's own snapshots hold both from now on, and the keeper's other work knows them.
      expect((await every(3600)).exitCode).toBe(0);
      const [taken] = await quiet();
      const { json } = await ask("GET", `_snapshot/plimsoll/${taken?.id}?filter_path=snapshots.indices`);
      expect(JSON.stringify(json)).toContain(brought[0]);
      await bring(["undo"], `${brought.join("\n")}\n`);
      expect(await lines()).toEqual(["new host"]);
    });
  });
});

const SECRETS = [
  "elastic_password",
  "elastic_kibana_password",
  "elastic_logstash_password",
  "elastic_keeper_password",
  "elastic_metrics_password",
  "elk_grafana_password",
  "kibana_login_password",
];

/** With what JSON and curl would read as syntax in it: a person may choose a password. */
function secretOf(name: string): string {
  return name === "elastic_password" ? ELASTIC : `hidden-"${name}\\`;
}

/** Our elasticsearch.yml, but for what the stripped server cannot know or a container decides. */
function ownSettings(files: ReturnType<typeof elasticsearchFiles>): Record<string, string> {
  const file = files.find(({ path }) => path.endsWith("elasticsearch.yml"));
  const settings = file && "yaml" in file.content ? (file.content.yaml as Record<string, unknown>) : {};
  const elsewhere = ["discovery.type", "network.host", "xpack.ml.enabled", "ingest.geoip.downloader.enabled"];
  return Object.fromEntries(
    Object.entries(settings)
      .filter(([key]) => !elsewhere.includes(key) && !key.startsWith("cluster.deprecation"))
      .map(([key, value]) => [key, String(value)]),
  );
}

/** Keys in order, so that an updated expectation differs only where the document does. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
