/** The client that counts losses must see every kind of them: a server that misbehaves on purpose, and no engine. */
import { createSocket } from "node:dgram";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { type Load, startLoad } from "../deploy/load.ts";
import { freePorts } from "./engine.ts";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    response.setHeader("x-release", "v1");
    answer(request, response, body);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  endings.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const right = (request: IncomingMessage, body: string) =>
  request.method === "POST" ? JSON.stringify({ id: JSON.parse(body).id }) : '{"ok":true}';

async function run(load: Load, ms: number) {
  await new Promise((done) => setTimeout(done, ms));
  return load.stop();
}

it("loses nothing on a server that answers, at the rate it was told, by both methods", async () => {
  const methods: Record<string, number> = {};
  const url = await serve((request, response, body) => {
    methods[request.method as string] = (methods[request.method as string] ?? 0) + 1;
    response.end(right(request, body));
  });
  const counts = await run(await startLoad({ url, perSecond: 200 }), 1000);
  expect(counts).toMatchObject({ lost: 0, ok: counts.sent, byRelease: { v1: counts.sent } });
  expect(counts.sent / counts.seconds).toBeGreaterThan(150);
  expect(counts.sent / counts.seconds).toBeLessThan(250);
  expect(Math.min(methods.GET ?? 0, methods.POST ?? 0)).toBeGreaterThan(counts.sent / 3);
});

it("tells failed, reset, cut off, late and wrong answers apart, and repeats none", async () => {
  let asked = 0;
  const url = await serve((request, response, body) => {
    const kind = asked++ % 10;
    if (kind === 1) response.writeHead(502).end();
    else if (kind === 3) request.socket.destroy();
    else if (kind === 5) {
      response.writeHead(200, { "content-length": 100 }).write("{");
      setTimeout(() => response.destroy(), 20);
    } else if (kind === 7) response.end("somebody else's");
    else if (kind !== 9) response.end(right(request, body));
  });
  const load = await startLoad({ url, perSecond: 100, timeoutMs: 300, connections: 100 });
  const counts = await run(load, 1000);
  expect(counts.sent).toBe(asked);
  expect(counts.ok + counts.lost).toBe(counts.sent);
  for (const kind of ["failed", "timeout", "wrong"] as const) {
    expect(counts[kind], kind).toBeGreaterThanOrEqual(Math.floor(counts.sent / 10));
    expect(counts[kind], kind).toBeLessThanOrEqual(Math.ceil(counts.sent / 10));
  }
  expect(counts.reset).toBeGreaterThanOrEqual(2 * Math.floor(counts.sent / 10));
  expect(counts.kinds).toMatchObject({ "502": counts.failed });
});

it("sees a POST that was done twice, and one that was done without an answer", async () => {
  const [port] = (await freePorts(1)) as [number];
  const teller = createSocket("udp4");
  endings.push(() => teller.close());
  const tell = (id: string) => teller.send(id, port, "127.0.0.1");
  let posts = 0;
  const url = await serve((request, response, body) => {
    if (request.method === "POST") {
      const { id } = JSON.parse(body);
      posts++;
      tell(id);
      if (posts === 3) tell(id);
      if (posts === 5) return request.socket.destroy();
    }
    response.end(right(request, body));
  });
  const counts = await run(await startLoad({ url, perSecond: 100, effectsPort: port }), 500);
  expect(counts).toMatchObject({ duplicates: 1, unanswered: 1, lost: 1, reset: 1 });
});

it("takes counts in the middle without losing one, and counts on where nobody listens", async () => {
  const url = await serve((request, response, body) => {
    setTimeout(() => response.end(right(request, body)), 100);
  });
  const load = await startLoad({ url, perSecond: 100 });
  await new Promise((done) => setTimeout(done, 500));
  const first = await load.take();
  const second = await run(load, 300);
  expect(first.ok).toBeLessThan(first.sent);
  expect(first.ok + second.ok).toBe(first.sent + second.sent);
  const [port] = (await freePorts(1)) as [number];
  const nobody = await run(await startLoad({ url: `http://127.0.0.1:${port}`, perSecond: 50 }), 300);
  expect(nobody).toMatchObject({ ok: 0, lost: nobody.sent, kinds: { ECONNREFUSED: nobody.sent } });
});
