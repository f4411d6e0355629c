/** What a deploy leans on at the edge: requests in flight, a spare server, probes. Needs Docker and debian:forky-slim. */
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip } from "./engine.ts";
import { ask, keepAsking, many, pause, until } from "./nginx-ask.ts";
import { type Edge, startEdge } from "./nginx-edge.ts";

const free = { rate: false, connections: 65_535 };

function webSocket(host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(8080, host, () =>
      socket.write(
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      ),
    );
    socket.once("data", () => resolve(socket));
    socket.on("error", reject);
  });
}

const engine = await engineOrSkip();

describe.skipIf(!engine)("requests in flight", () => {
  let edge: Edge;
  beforeAll(async () => {
    edge = await startEdge({ name: "flight", options: free });
  });
  afterAll(() => edge?.stop());

  const flights = async () =>
    Object.fromEntries(
      Object.entries((await edge.control("/api")).body.servers).map(([name, server]) => [
        name,
        server.in_flight,
      ]),
    );
  const none = { "api-1": 0, "api-2": 0, "api-3": 0 };
  const reload = () =>
    edge.docker("exec", edge.door, "nginx", "-c", "/etc/nginx/plimsoll/nginx.conf", "-s", "reload");
  const settled = () => until("nothing in flight", async () => sum(await flights()) === 0);
  const sum = (all: Record<string, number>) => Object.values(all).reduce((total, one) => total + one, 0);

  it("are those that a server has, by all workers, before and after a reload", async () => {
    expect(await flights()).toEqual(none);
    const sockets = await Promise.all(Array.from({ length: 6 }, () => webSocket(edge.host)));
    expect(await flights()).toEqual({ "api-1": 2, "api-2": 2, "api-3": 2 });
    await reload();
    await pause(1500);
    const slow = Array.from({ length: 9 }, () => ask(`${edge.url}/sleep?ms=3000`, { method: "POST" }));
    await pause(500);
    expect(await flights()).toEqual({ "api-1": 5, "api-2": 5, "api-3": 5 });
    expect(await edge.metrics()).toMatch(/plimsoll_edge_in_flight\{server="api-1",group="api"\} 5/);
    await Promise.all(slow);
    expect(await flights()).toEqual({ "api-1": 2, "api-2": 2, "api-3": 2 });
    for (const socket of sockets.slice(0, 3)) socket.destroy();
    await until("three less", async () => sum(await flights()) === 3);
    for (const socket of sockets) socket.destroy();
    await settled();
  });

  it("come to nothing after 2,000 of every kind, with a reload and a killed server in the middle", async () => {
    const sockets: Promise<Socket>[] = [];
    const kinds = [
      () => ask(`${edge.url}/`),
      () => ask(`${edge.url}/`, { method: "POST", body: "x".repeat(50_000) }),
      () => ask(`${edge.url}/sleep?ms=60`),
      () => ask(`${edge.url}/sleep?ms=400`, { abort: 20 }),
      () => ask(`${edge.url}/sleep?ms=400`, { method: "POST", body: "x", abort: 30 }),
      () => ask(`${edge.url}/die`),
      () => ask(`${edge.url}/die`, { method: "POST" }),
      () => ask(`${edge.url}/large?bytes=2000000`, { abort: 15 }),
      () => ask(`${edge.url}/elsewhere`),
      () => ask(`${edge.url}/events`, { headers: { accept: "text/event-stream" }, abort: 250 }),
      () => {
        sockets.push(webSocket(edge.host));
        return ask(`${edge.url}/status?code=500`);
      },
      () =>
        ask(`${edge.url}/`, {
          method: "PUT",
          headers: { "content-length": "900000" },
          body: "x",
          abort: 40,
        }),
    ];
    const load = many(2000, 48, (index) => (kinds[index % kinds.length] as (typeof kinds)[0])());
    await pause(400);
    await edge.docker("kill", edge.server(3));
    await reload();
    await pause(800);
    await edge.stopServer(3);
    await edge.startServer(3);
    const { servers, failures } = await load;
    console.log("2,000 mixed:", JSON.stringify({ servers, failures }));
    for (const socket of await Promise.allSettled(sockets)) {
      if (socket.status === "fulfilled") socket.value.destroy();
    }
    await settled();
    expect(await flights()).toEqual(none);
    await edge.control("/api", { maintenance: true });
    await many(20, 4, () => ask(`${edge.url}/`));
    await edge.control("/api", { maintenance: false });
    expect(await flights()).toEqual(none);
  });

  it("of a worker that dies are forgotten", async () => {
    const sockets = await Promise.all(Array.from({ length: 6 }, () => webSocket(edge.host)));
    for (const socket of sockets) socket.on("error", () => {});
    expect(sum(await flights())).toBe(6);
    await edge.docker("exec", edge.door, "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)");
    await settled();
    expect((await many(30, 3, () => ask(`${edge.url}/`))).failures).toEqual({});
    expect(await flights()).toEqual(none);
  });

  it("are told in lines that a shell can read", async () => {
    await edge.control("/api", { weights: { "api-2": 7 }, releases: { "api-1": "v12" } });
    const text = (path: string) =>
      edge.docker("exec", edge.door, "curl", "-fsS", `http://127.0.0.1:8081/control${path}?format=text`);
    const lines = [
      "# api off none 207",
      "api-1 100 0 0 v12 api-1:5000",
      "api-2 7 0 0 - api-2:5001",
      "api-3 100 0 0 - api-3:5002",
    ];
    expect((await text("/api")).split("\n")).toEqual(lines);
    expect((await text("")).split("\n")).toEqual(lines);
  });
});

describe.skipIf(!engine)("a spare server", () => {
  let edge: Edge;
  beforeAll(async () => {
    edge = await startEdge({ name: "spare", servers: 1, spare: true, options: free });
  });
  afterAll(() => edge?.stop());

  const SPARE = 9;
  const probe = (path: string) =>
    edge.docker(
      ...["exec", edge.door, "curl", "-sS", "-o", "/dev/stderr", "-w", "\n%{http_code}"],
      `http://127.0.0.1:8081/probe/${path}`,
    );
  const probed = async (path: string) => Number((await probe(path).catch(() => "000")).trim());

  it("hurts nothing while it does not run: no turn, no log line, no metric, no retry", async () => {
    await pause(3500);
    expect((await many(60, 6, () => ask(`${edge.url}/`))).servers).toEqual({ "api-1": 60 });
    expect((await ask(`${edge.url}/die`)).status).toBe(502);
    const { servers } = (await edge.control("/api")).body;
    expect([servers["api-1"]?.weight, servers["api-spare"]?.weight]).toEqual([100, 0]);
    expect(await edge.metrics()).not.toContain("api-spare");
    expect(await edge.logs()).not.toContain("api-spare");
  });

  it("is not brought in where all others are away", async () => {
    await edge.stopServer(1);
    expect((await ask(`${edge.url}/`)).status).toBeGreaterThan(501);
    await pause(2500);
    const { servers } = (await edge.control("/api")).body;
    expect(servers["api-1"]?.suspected).toBe(true);
    expect(servers["api-spare"]).toMatchObject({ suspected: false, weight: 0, in_flight: 0 });
    await edge.startServer(1);
    await until("api-1 is back", async () => (await ask(`${edge.url}/`)).status === 200);
    const own = (await edge.logs()).split("\n").filter((line) => !line.startsWith("{"));
    expect(own.filter((line) => line.includes("api-spare"))).toEqual([]);
    expect(own.join("\n")).toContain("api-1 refuses connections");
  });

  it("is probed by the address that nginx has, and takes what it is given", async () => {
    expect(await probed("api-spare/health")).toBe(502);
    expect(await probed("api-9/health")).toBe(404);
    expect(await probed("api-1/status?code=503")).toBe(503);
    await edge.startServer(SPARE, "api-spare", 4999);
    await until("nginx has its address", async () => (await probed("api-spare/health")) === 200);
    const before = await edge.metrics();
    const seen = await edge.docker(
      ...["exec", edge.door, "curl", "-sS", "http://127.0.0.1:8081/probe/api-spare/headers"],
    );
    expect(JSON.parse(seen)).toMatchObject({ host: "api.example.com", "x-forwarded-proto": "http" });
    expect(JSON.parse(seen)["x-forwarded-for"]).toBe("127.0.0.1");
    const counts = (text: string) => text.split("\n").filter((line) => line.includes("requests_total{"));
    expect(counts(await edge.metrics())).toEqual(counts(before));
    await edge.control("/api", { weights: { "api-1": 90, "api-spare": 10 } });
    expect((await many(200, 8, () => ask(`${edge.url}/`))).servers).toEqual({
      "api-1": 180,
      "api-spare": 20,
    });
  });

  it("carries all while the only server is replaced, and goes again, without a lost request", async () => {
    await edge.control("/api", { weights: { "api-1": 0, "api-spare": 100 } });
    const stop = keepAsking((index) =>
      index % 25 === 0
        ? ask(`${edge.url}/sleep?ms=1500`, { method: "POST", body: "x" })
        : ask(`${edge.url}/`, { method: index % 2 === 0 ? "POST" : "GET" }),
    );
    const empty = async (name: string) => (await edge.control("/api")).body.servers[name]?.in_flight === 0;
    await until("api-1 drained", () => empty("api-1"));
    await edge.stopServer(1);
    await edge.startServer(1);
    await until("api-1 ready", async () => (await probed("api-1/health")) === 200);
    await edge.control("/api", { weights: { "api-1": 100, "api-spare": 0 } });
    await until("the spare drained", () => empty("api-spare"));
    await edge.stopServer(SPARE);
    await pause(3000);
    const { servers, failures } = await stop();
    expect(failures).toEqual({});
    expect(Object.keys(servers).sort()).toEqual(["api-1", "api-spare"]);
  });
});
