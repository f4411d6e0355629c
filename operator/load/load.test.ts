import { readFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { Load } from "../../generator/components/api/checks.ts";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { plain } from "../../generator/report/paint.ts";
import { fakeHost } from "../host/fake.ts";
import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";
import { load } from "./load.ts";
import { LoadReport, percentile, reportOf } from "./report.ts";
import { asksOf, requireSize, turns } from "./shape.ts";
import { addressOf, targetOf, urlOf } from "./target.ts";
import { loadText } from "./text.ts";

const plan = JSON.parse(await readFile("stacks/fkod/generated/production/plan.json", "utf8")) as PlanJson;
const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: http.RequestListener): Promise<number> {
  const server = http.createServer(listener).listen(0, "127.0.0.1");
  servers.push(server);
  await new Promise((resolve) => server.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}

type Bounds = { p95?: number; errors?: number };

/** A stack of this machine whose edge is that port. */
function onPort(port: number, { p95 = 60, errors = 0.01 }: Bounds = {}, files: Record<string, string> = {}) {
  const host = fakeHost(() => undefined, { files });
  const site = { host, environment: "local", state: "/state" } as unknown as Site;
  const own = {
    ...plan,
    environment: "local",
    objectives: { ...plan.objectives, p95, errors },
    services: { nginx: { ports: [{ host_ip: "127.0.0.1", published: port, target: 8080 }] } },
  };
  return { host, running: { site, project: { plan: own }, containers: [] } as unknown as Running };
}

const shape = { rate: 200, seconds: 1, warmUp: 0.2, connections: 50, patience: 10 };

it("asks at the rate, by name, and leaves the report on the host", async () => {
  const asked: string[] = [];
  const port = await serve((request, response) => {
    asked.push(`${request.method} ${request.headers.host} ${request.url}`);
    response.end("ok");
  });
  const { host, running } = onPort(port, {}, { "/state/current": "v12\n" });
  const { report, rows, notes } = await load(running, undefined, { ...shape, rate: 50 });
  expect(report).toMatchObject({
    release: "v12",
    environment: "local",
    rate: 50,
    seconds: 1,
    requests: 50,
    errors: 0,
    limited: 0,
  });
  // One to see whether anybody is there, ten to warm up.
  expect(asked).toHaveLength(61);
  expect(new Set(asked)).toEqual(new Set(["GET api.fkod.com /health"]));
  expect(rows.slice(0, 2).every(({ met }) => met)).toBe(true);
  expect(notes.join()).not.toContain("429");
  expect(host.commands).toEqual(["script set -euo pipefail /state/checks"]);
  expect(LoadReport.parse(JSON.parse(host.inputs[0] as string))).toEqual(report);
});

it("asks a stack that is slow no less, and says that it is", async () => {
  // One at a time, 20 ms each: a client that waits for answers would see 20 ms, its users wait in line.
  const line: (() => void)[] = [];
  const port = await serve((_, response) => {
    line.push(() => response.end("ok"));
  });
  const serving = setInterval(() => line.shift()?.(), 20);
  try {
    const { running } = onPort(port, { p95: 0.1 });
    const { report, rows } = await load(running, undefined, { ...shape, patience: 1 });
    expect(report.requests).toBe(200);
    expect(report.p95).toBeGreaterThan(0.5);
    expect(report.passed).toBe(false);
    expect(rows.find(({ objective }) => objective === "p95")?.met).toBe(false);
    // Those that were never served have failed.
    expect(report.errors).toBeGreaterThan(0);
  } finally {
    clearInterval(serving);
  }
});

it("counts what fails: an error, a missing page, a connection that ends without an answer", async () => {
  let count = 0;
  const port = await serve((request, response) => {
    if (request.url === "/health") return void response.end("ok");
    count++;
    if (count % 4 === 0) return void request.socket.destroy();
    if (count % 4 === 1) response.statusCode = 500;
    if (count % 4 === 2) response.statusCode = 404;
    if (count % 4 === 3) {
      response.writeHead(200, { "content-length": 10 });
      response.write("half");
      return void setTimeout(() => request.socket.destroy(), 5);
    }
    response.end();
  });
  const words = Load.parse({ requests: [{ path: "/x?page=1", method: "POST", body: { a: 1 } }] });
  const { running } = onPort(port);
  const found = await load(running, words, { ...shape, warmUp: 0 });
  // GET / came first.
  expect(found.report).toMatchObject({ requests: 200, errors: 200, passed: false });
  expect(found.outcomes["POST /x?page=1 500"]).toBeGreaterThan(40);
  expect(found.outcomes["POST /x?page=1 404"]).toBeGreaterThan(40);
  const text = loadText(found, plain);
  expect(text).toContain("errors at most 1%");
  expect(text).toMatch(/100% +100\.00 +MISSED/);
  expect(text).toContain("x POST /x?page=1 404");
});

it("counts 429 apart, with the word that changes it, and does not pass a load that was not taken", async () => {
  let count = 0;
  const port = await serve((_, response) => {
    response.statusCode = count++ % 2 ? 429 : 200;
    response.end();
  });
  const { running } = onPort(port);
  const found = await load(running, undefined, { ...shape, warmUp: 0 });
  expect(found.report).toMatchObject({ requests: 200, errors: 0, limited: 100, passed: false });
  expect(found.rows.map(({ objective, met }) => [objective, met])).toEqual([
    ["p95", true],
    ["errors", true],
    ["rate", false],
  ]);
  expect(found.notes.join("\n")).toContain("nginx.rate.requests");
});

it("says at once that nothing answers, and writes nothing", async () => {
  const port = await serve(() => undefined);
  servers.pop()?.close();
  const { host, running } = onPort(port);
  const loaded = load(running, undefined, shape);
  await expect(loaded).rejects.toThrow(`nothing answers at http://127.0.0.1:${port}/health: ECONNREFUSED`);
  expect(host.inputs).toEqual([]);
});

it("says nothing of a release that was replaced meanwhile", async () => {
  const port = await serve((_, response) => void response.end());
  const { host, running } = onPort(port, {}, { "/state/current": "v1\n" });
  const loaded = load(running, undefined, shape, {
    every: 0.1,
    onProgress: () => void host.files.set("/state/current", "v2\n"),
  });
  await expect(loaded).rejects.toThrow("from v1 to v2");
  expect(host.inputs).toEqual([]);
});

it("ends when it is interrupted", async () => {
  const port = await serve((_, response) => void response.end());
  const { host, running } = onPort(port);
  const ending = new AbortController();
  const loaded = load(
    running,
    undefined,
    { ...shape, seconds: 600 },
    {
      signal: ending.signal,
      every: 0.1,
      onProgress: () => ending.abort(),
    },
  );
  await expect(loaded).rejects.toThrow();
  expect(host.inputs).toEqual([]);
});

it("takes turns exactly by weight, mixed", () => {
  const asks = asksOf(Load.parse({ requests: [{ path: "/a", weight: 3 }, { path: "/b" }] }), "/health");
  const next = turns(asks);
  const paths = Array.from({ length: 8 }, () => next().path).join("");
  expect(paths).toBe("/a/a/b/a/a/a/b/a");
});

it("keeps no more waits than fit", () => {
  expect(() => requireSize({ ...shape, rate: 10_000, seconds: 3_600 })).toThrow(Problem);
  expect(() => requireSize({ ...shape, rate: 50, seconds: 3_600 })).not.toThrow();
});

it("takes percentiles that were measured, and none of nothing", () => {
  const waits = Float64Array.from({ length: 100 }, (_, index) => (index + 1) / 100);
  expect([0.5, 0.95, 0.99, 1].map((share) => percentile(waits, share))).toEqual([0.5, 0.95, 0.99, 1]);
  expect(percentile(new Float64Array(0), 0.95)).toBeNull();
  const tally = { requests: 5, waits: [], outcomes: new Map(), errors: 0, limited: 5, answered: 0, late: 0 };
  const about = { at: "2026-11-23T12:00:00Z", release: null, environment: "staging", shape };
  const { report, rows } = reportOf(tally, { p95: 0.2, errors: 0.001 }, about);
  expect(report).toMatchObject({ p95: null, passed: false });
  expect(rows.some(({ met }) => met)).toBe(false);
});

it("finds the edge: the address behind ssh's name, the one nginx is bound to, or the way through ssh", async () => {
  const here = fakeHost((line) =>
    line === "ssh -G -p 2222 -l deploy -- box"
      ? { stdout: "user deploy\nhostname 203.0.113.7\n" }
      : undefined,
  );
  const at = (host_ip: string | undefined) => {
    const host = fakeHost(() => undefined, { kind: "ssh", name: "ssh://deploy@box:2222" });
    const ports = [
      { host_ip, published: 80, target: 8080 },
      { host_ip, published: 443, target: 8443 },
    ];
    const site = { host, environment: "production" } as unknown as Site;
    const project = { plan: { ...plan, services: { nginx: { ports } } } };
    return targetOf({ site, project, containers: [] } as unknown as Running, here);
  };
  expect(urlOf(await at("0.0.0.0"), "/x")).toBe("https://203.0.113.7/x");
  expect(urlOf(await at("2001:db8::1"))).toBe("https://[2001:db8::1]/");
  expect(await at("127.0.0.1")).toMatchObject({ address: "127.0.0.1", note: expect.stringContaining("SSH") });
  await expect(addressOf("other", here)).rejects.toThrow("ssh does not say the address of other");
});
