/** The edge alone, with real servers behind a real nginx from Debian's packages. Needs Docker and debian:forky-slim. */
import { request as httpRequest } from "node:http";
import { connect as http2Connect } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip } from "./engine.ts";
import { type Answer, ask, keepAsking, many, pause } from "./nginx-ask.ts";
import { type Edge, startEdge } from "./nginx-edge.ts";

/** Speaks bytes and returns what came back until the connection closed or time was up. */
function raw(host: string, bytes: string, ms = 2000): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(8080, host, () => socket.write(bytes));
    const done = () => {
      socket.destroy();
      resolve(text);
    };
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("close", done);
    socket.on("error", done);
    setTimeout(done, ms);
  });
}

const engine = await engineOrSkip();

describe.skipIf(!engine)("balancing", () => {
  let edge: Edge;
  beforeAll(async () => {
    edge = await startEdge({ name: "balance", options: { rate: false, connections: 65_535 } });
  });
  afterAll(() => edge?.stop());

  it("shares equally, exactly, over several workers", async () => {
    const { servers, failures } = await many(3000, 32, () => ask(`${edge.url}/`));
    expect(failures).toEqual({});
    expect(servers).toEqual({ "api-1": 1000, "api-2": 1000, "api-3": 1000 });
  });

  it("gives a canary exactly its share", async () => {
    const { status, body } = await edge.control("/api", {
      weights: { "api-1": 45, "api-2": 45, "api-3": 10 },
    });
    expect([status, body.turns]).toEqual([200, 20]);
    const { servers, failures } = await many(2000, 32, () => ask(`${edge.url}/`));
    expect(failures).toEqual({});
    expect(servers).toEqual({ "api-1": 900, "api-2": 900, "api-3": 200 });
  });

  it("keeps weights over a restart", async () => {
    await edge.control("/api", {
      weights: { "api-1": 7, "api-2": 3, "api-3": 0 },
      releases: { "api-1": "v2" },
    });
    await pause(2500);
    await edge.docker("restart", edge.door);
    await edge.healthy();
    const { body } = await edge.control("/api");
    expect(body.servers).toMatchObject({ "api-1": { weight: 7, release: "v2" }, "api-3": { weight: 0 } });
    const { servers } = await many(100, 8, () => ask(`${edge.url}/`));
    expect(servers).toEqual({ "api-1": 70, "api-2": 30 });
  });

  it("refuses a change whole", async () => {
    const before = (await edge.control("/api")).body;
    for (const change of [
      { weights: { "api-1": 1, "api-9": 1 } },
      { weights: { "api-1": 1001 } },
      { weights: { "api-1": "1" } },
      { weights: { "api-1": 997, "api-2": 991, "api-3": 983, constructor: 1 } },
      { weights: [] },
      { releases: { "api-1": 'x"} 1\n' } },
      { affinity: "moon" },
      { maintenance: 1 },
      { colour: "red" },
      [],
      null,
    ]) {
      expect((await edge.control("/api", change)).status, JSON.stringify(change)).toBe(422);
    }
    expect((await edge.control("/nothing")).status).toBe(404);
    expect((await edge.control("/api")).body).toEqual(before);
  });

  it("drains a server, which may then go, without a lost request", async () => {
    await edge.control("/api", { weights: { "api-1": 100, "api-2": 100, "api-3": 100 } });
    const stop = keepAsking(() => ask(`${edge.url}/`, { method: "POST", body: "x" }));
    await pause(500);
    await edge.control("/api", { weights: { "api-2": 0 } });
    await pause(300);
    const before = Number((await ask(`http://${await edge.address(edge.server(2))}:5001/seen`)).body);
    await pause(500);
    const after = Number((await ask(`http://${await edge.address(edge.server(2))}:5001/seen`)).body);
    expect(after - before).toBe(1);
    await edge.stopServer(2);
    await pause(1000);
    await edge.startServer(2);
    await pause(2500);
    await edge.control("/api", { weights: { "api-2": 100 } });
    await pause(1000);
    const { servers, failures } = await stop();
    expect(failures).toEqual({});
    expect(servers["api-2"]).toBeGreaterThan(0);
  });

  it("loses nothing that may be repeated when a server is killed, and takes it back by itself", async () => {
    const gets = keepAsking(() => ask(`${edge.url}/`));
    const posts = keepAsking(() => ask(`${edge.url}/`, { method: "POST", body: "x" }), 4);
    await pause(500);
    await edge.docker("kill", edge.server(1));
    await pause(1500);
    expect((await edge.control("/api")).body.servers["api-1"]?.suspected).toBe(true);
    await edge.stopServer(1);
    await edge.startServer(1);
    await pause(5000);
    const [get, post] = [await gets(), await posts()];
    console.log("killed under load:", JSON.stringify({ get, post }));
    expect(get.failures).toEqual({});
    // What was being answered when its server died must not be sent twice; there can be one for each lane.
    expect(Object.values(post.failures).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(4);
    const { body } = await edge.control("/api");
    expect(body.servers["api-1"]?.suspected).toBe(false);
    const { servers } = await many(300, 8, () => ask(`${edge.url}/`));
    expect(servers["api-1"]).toBe(100);
    expect(await edge.metrics()).toMatch(/plimsoll_edge_upstream_retries_total\{server="api-1"\} [1-9]/);
  });

  it("never sends twice what was sent once and may not be repeated", async () => {
    const seen = async () =>
      (
        await Promise.all(
          [1, 2, 3].map(async (index) =>
            Number((await ask(`http://${await edge.address(edge.server(index))}:${4999 + index}/seen`)).body),
          ),
        )
      ).reduce((sum, count) => sum + count, 0);
    const first = await seen();
    expect((await ask(`${edge.url}/die`, { method: "POST", body: "x" })).status).toBe(502);
    expect((await seen()) - first - 3).toBe(1);
    const second = await seen();
    expect((await ask(`${edge.url}/die`)).status).toBe(502);
    expect((await seen()) - second - 3).toBe(3);
    // Dying of a request is no refused connection: nobody is suspected, the next request is served.
    expect((await ask(`${edge.url}/`)).status).toBe(200);
  });

  it("serves on while all are away for a moment", async () => {
    for (const index of [1, 2, 3]) await edge.stopServer(index);
    expect((await ask(`${edge.url}/`)).status).toBeGreaterThan(501);
    for (const index of [1, 2, 3]) await edge.startServer(index);
    const started = Date.now();
    while ((await ask(`${edge.url}/`)).status !== 200) {
      expect(Date.now() - started).toBeLessThan(6000);
      await pause(50);
    }
    await pause(3000);
    expect((await many(300, 8, () => ask(`${edge.url}/`))).failures).toEqual({});
  });

  it("reloads under load without a reset", async () => {
    const stop = keepAsking(() => ask(`${edge.url}/`, { method: "POST", body: "x" }), 16);
    for (let round = 0; round < 3; round++) {
      await pause(700);
      await edge.docker("exec", edge.door, "nginx", "-c", "/etc/nginx/plimsoll/nginx.conf", "-s", "reload");
    }
    await pause(700);
    expect((await stop()).failures).toEqual({});
  });

  it("keeps a visitor on one side by cookie or by address", async () => {
    await edge.control("/api", {
      affinity: "cookie",
      releases: { "api-1": "v1", "api-2": "v1", "api-3": "v2" },
    });
    const first = await ask(`${edge.url}/`);
    const cookie = String(first.headers["set-cookie"]).split(";")[0] as string;
    const side = first.headers["x-server"] === "api-3" ? ["api-3"] : ["api-1", "api-2"];
    const { servers } = await many(60, 8, () => ask(`${edge.url}/`, { headers: { cookie } }));
    expect(Object.keys(servers).sort()).toEqual(side);
    await edge.control("/api", { affinity: "address" });
    expect(Object.keys((await many(60, 8, () => ask(`${edge.url}/`))).servers)).toHaveLength(1);
    await edge.control("/api", { affinity: "none" });
  });

  it("says 503 in maintenance and when all are drained, and lets nobody in by that way", async () => {
    for (const change of [{ maintenance: true }, { weights: { "api-1": 0, "api-2": 0, "api-3": 0 } }]) {
      await edge.control("/api", change);
      const answer = await ask(`${edge.url}/control/api`, { method: "PATCH", body: '{"maintenance":false}' });
      expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "10"]);
      expect(JSON.parse(answer.body).error).toBe("unavailable");
      expect((await ask(`${edge.url}/`)).status).toBe(503);
      await edge.control("/api", { maintenance: false });
    }
    await edge.control("/api", { weights: { "api-1": 100, "api-2": 100, "api-3": 100 } });
    expect((await ask(`${edge.url}/`)).status).toBe(200);
  });

  it("counts every request once", async () => {
    const total = async () =>
      [
        ...(await edge.metrics()).matchAll(
          /^plimsoll_edge_requests_total\{server="api.*code="200"\} (\d+)/gm,
        ),
      ].reduce((sum, match) => sum + Number(match[1]), 0);
    const before = await total();
    await many(2000, 32, (index) => ask(`${edge.url}/sleep?ms=${index % 12}`));
    expect((await total()) - before).toBe(2000);
    const text = await edge.metrics();
    expect(text).toMatch(/duration_seconds_bucket\{server="api-1",le="0.2"\} \d+/);
    expect(text).toMatch(/plimsoll_edge_connections\{state="active"\} \d+/);
  });

  it("has no control or metrics port that others may change things by", async () => {
    for (const port of [8081, 8082]) {
      await expect(ask(`http://${edge.host}:${port}/control`)).rejects.toMatchObject({
        code: "ECONNREFUSED",
      });
    }
    expect((await ask(`http://${edge.host}:9145/control`)).status).toBe(404);
    expect((await ask(`${edge.url}/metrics`)).headers["x-server"]).toBeDefined();
  });
});

describe.skipIf(!engine)("what passes through", () => {
  let edge: Edge;
  beforeAll(async () => {
    edge = await startEdge({
      name: "through",
      options: {
        rate: false,
        connections: 65_535,
        body: "1MB",
        uploads: { paths: ["/files"], body: "200MB" },
        cors: { origins: ["https://fkod.com", "https://www.fkod.com"] },
        timeouts: { header: "2s", body: "2s", send: "5s" },
        headers: { content_security_policy: `default-src 'self' "$host" \${x} {{this}}; report-uri \\` },
      },
    });
  });
  afterAll(() => edge?.stop());

  it("WebSockets", async () => {
    const head = `GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.from("0123456789abcdef").toString("base64")}\r\n\r\n`;
    const text = await raw(edge.host, `${head}hello-through-the-edge`, 1000);
    expect(text).toMatch(/^HTTP\/1.1 101 /);
    expect(text).toContain("hello-through-the-edge");
  });

  it("server-sent events, each as it comes", async () => {
    const times: number[] = [];
    await new Promise<void>((resolve) => {
      httpRequest(
        `${edge.url}/events`,
        { headers: { accept: "text/event-stream", "accept-encoding": "gzip" } },
        (response) => {
          response.on("data", () => times.push(Date.now()));
          response.on("end", resolve);
        },
      ).end();
    });
    expect(times.length).toBeGreaterThanOrEqual(5);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(600);
  });

  it("100 MB where uploads may be large, and no more than 1 MB elsewhere", async () => {
    const body = Buffer.alloc(100 * 1024 * 1024, 1);
    const answer = await ask(`${edge.url}/files/one`, { method: "PUT", body });
    expect(JSON.parse(answer.body).bytes).toBe(body.length);
    const refused = await ask(`${edge.url}/other`, {
      method: "PUT",
      body: body.subarray(0, 2 * 1024 * 1024),
    }).catch((error) => error.code);
    expect(["EPIPE", "ECONNRESET", 413]).toContain(refused.status ?? refused);
  });

  it("large answers to slow readers, without tying up memory or disk", async () => {
    const size = 5 * 1024 * 1024;
    let bytes = 0;
    await new Promise<void>((resolve, reject) => {
      httpRequest(`${edge.url}/large?bytes=${size}`, (response) => {
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          response.pause();
          setTimeout(() => response.resume(), 5);
        });
        response.on("end", resolve);
        response.on("error", reject);
      }).end();
    });
    expect(bytes).toBe(size);
  });

  it("cuts off who never ends a request's head", async () => {
    const started = Date.now();
    await raw(edge.host, "GET / HTTP/1.1\r\nHost: x\r\n", 8000);
    expect(Date.now() - started).toBeLessThan(5000);
  });

  it("refuses heads that are too large or broken", async () => {
    expect(
      await raw(edge.host, `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${"a".repeat(100_000)}\r\n\r\n`),
    ).toMatch(/^HTTP\/1.1 4\d\d/);
    expect(await raw(edge.host, `GET /${"a".repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 414/,
    );
    expect(
      await raw(
        edge.host,
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
      ),
    ).toMatch(/^HTTP\/1.1 400/);
  });

  it("makes a request id, or takes a plausible one, and nothing that would be syntax in a log", async () => {
    const made = await ask(`${edge.url}/headers`);
    expect(made.headers["x-request-id"]).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.parse(made.body)["x-request-id"]).toBe(made.headers["x-request-id"]);
    const given = await ask(`${edge.url}/headers`, { headers: { "x-request-id": "abc-12345" } });
    expect(given.headers["x-request-id"]).toBe("abc-12345");
    const bad = await ask(`${edge.url}/headers`, { headers: { "x-request-id": 'x","evil":"1' } });
    expect(bad.headers["x-request-id"]).toMatch(/^[0-9a-f]{32}$/);
  });

  it("believes nobody about addresses and schemes when no proxy is trusted", async () => {
    const { body } = await ask(`${edge.url}/headers`, {
      headers: {
        "x-forwarded-for": "1.2.3.4",
        "x-forwarded-proto": "https",
        forwarded: "for=1.2.3.4",
        proxy: "evil",
      },
    });
    const seen = JSON.parse(body);
    expect(seen["x-forwarded-for"]).not.toContain("1.2.3.4");
    expect([seen["x-forwarded-proto"], seen.forwarded, seen.proxy]).toEqual(["http", undefined, undefined]);
  });

  it("answers CORS for its origins and no other", async () => {
    const preflight = {
      "access-control-request-method": "PUT",
      "access-control-request-headers": "content-type",
    };
    const good = await ask(`${edge.url}/x`, {
      method: "OPTIONS",
      headers: { origin: "https://fkod.com", ...preflight },
    });
    expect(good.status).toBe(204);
    expect(good.headers["access-control-allow-origin"]).toBe("https://fkod.com");
    expect(good.headers["access-control-allow-credentials"]).toBe("true");
    expect(good.headers["access-control-allow-methods"]).toContain("PUT");
    for (const origin of ["https://evil.com", "https://fkod.com.evil.com", "http://fkod.com", "null"]) {
      const bad = await ask(`${edge.url}/x`, { method: "OPTIONS", headers: { origin, ...preflight } });
      expect(bad.headers["access-control-allow-origin"]).toBeUndefined();
    }
    // An application that says * is overruled: one header, and ours.
    const simple = await ask(`${edge.url}/cors`, { headers: { origin: "https://www.fkod.com" } });
    expect(simple.headers["access-control-allow-origin"]).toBe("https://www.fkod.com");
    expect((await ask(`${edge.url}/cors`)).headers["access-control-allow-origin"]).toBeUndefined();
  });

  it("adds security headers, whatever stands in them", async () => {
    const { headers } = await ask(`${edge.url}/`);
    expect(headers["content-security-policy"]).toBe(
      `default-src 'self' "$host" \${x} {{this}}; report-uri \\`,
    );
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["x-frame-options"]).toBe("DENY");
    expect(headers.server).toBe("nginx");
  });

  it("logs one JSON object a request, whatever the request holds", async () => {
    await ask(`${edge.url}/log"%22%0a{{x}}\\?secret=1`, { headers: { "user-agent": 'a"b\\c\tü' } });
    await pause(1500);
    const lines = (await edge.logs()).split("\n").filter((line) => line.startsWith("{"));
    const entries = lines.map((line) => JSON.parse(line));
    const own = entries.find((entry) => String(entry["url.path"]).startsWith("/log"));
    expect(own["http.response.status_code"]).toBe(200);
    expect(own["event.duration"]).toBeTypeOf("number");
    expect(own["nginx.upstream.name"]).toMatch(/^api-\d$/);
    expect(lines.join("")).not.toContain("secret");
  });
});

describe.skipIf(!engine)("at the door", () => {
  it("limits what one address may send, and says when to come back", async () => {
    const edge = await startEdge({ name: "rate", options: { rate: { requests: "5r/s", burst: 10 } } });
    try {
      const answers = await Promise.all(Array.from({ length: 40 }, () => ask(`${edge.url}/`)));
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused.length).toBeGreaterThanOrEqual(25);
      expect(refused[0]?.headers["retry-after"]).toBe("1");
      expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(11);
      expect(await edge.metrics()).toMatch(/requests_total\{server="edge",code="429"\} \d+/);
    } finally {
      await edge.stop();
    }
  });

  it("starts while a server's name resolves to nothing yet, and finds it when it comes", async () => {
    const edge = await startEdge({ name: "early", servers: 3, options: { rate: false } });
    try {
      await edge.stopServer(3);
      await edge.docker("rm", "--force", edge.door);
      await edge.startNginx();
      await edge.healthy();
      const url = `http://${await edge.address()}:8080/`;
      await pause(1000);
      expect((await many(90, 8, () => ask(url))).failures).toEqual({});
      await edge.startServer(3);
      await pause(5000);
      expect((await many(90, 8, () => ask(url))).servers["api-3"]).toBe(30);
    } finally {
      await edge.stop();
    }
  });

  it("speaks TLS: HTTP/2, a redirect, HSTS, ACME's challenge, and to no name but its own", async () => {
    const edge = await startEdge({ name: "tls", environment: "production", options: { rate: false } });
    try {
      const secure = (servername: string): Promise<Answer> =>
        new Promise((resolve, reject) => {
          const options = { servername, rejectUnauthorized: false, headers: { host: servername } };
          const request = httpsRequest(`https://${edge.host}:8443/`, options, (response) => {
            response.resume();
            response.on("end", () =>
              resolve({ status: response.statusCode ?? 0, headers: response.headers, body: "" }),
            );
          });
          request.on("error", reject);
          request.end();
        });
      const answer = await secure("api.example.com");
      expect(answer.status).toBe(200);
      expect(answer.headers["strict-transport-security"]).toBe("max-age=31536000");
      expect(answer.headers["x-content-type-options"]).toBe("nosniff");
      await expect(secure("other.example.com")).rejects.toThrow();
      const session = http2Connect(`https://${edge.host}:8443`, {
        servername: "api.example.com",
        rejectUnauthorized: false,
      });
      const status = await new Promise((resolve, reject) => {
        session.on("error", reject);
        const request = session.request({ ":path": "/", ":authority": "api.example.com" });
        request.on("response", (headers) => resolve(headers[":status"]));
        request.end();
      });
      session.close();
      expect(status).toBe(200);
      const plain = await ask(`${edge.url}/a?b=c`, { headers: { host: "api.example.com" } });
      expect([plain.status, plain.headers.location]).toEqual([308, "https://api.example.com/a?b=c"]);
      expect((await ask(`${edge.url}/`, { headers: { host: "evil.com" } })).status).toBe(421);
      const challenge =
        "mkdir -p /var/lib/certificates/challenges/.well-known/acme-challenge && printf token > /var/lib/certificates/challenges/.well-known/acme-challenge/abc";
      await edge.docker("exec", edge.door, "sh", "-c", challenge);
      const acme = await ask(`${edge.url}/.well-known/acme-challenge/abc`, {
        headers: { host: "api.example.com" },
      });
      expect([acme.status, acme.body]).toEqual([200, "token"]);
    } finally {
      await edge.stop();
    }
  });
});
