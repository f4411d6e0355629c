/**
 * The application of the deploy tests: Node's own http and nothing else, with switches to be bad.
 *
 * GET /health, /ready · GET /work?ms=N · POST /echo?ms=N with {"id": …} · GET /metrics on METRICS_PORT
 * Environment, each from BAD_AFTER seconds after the start on: ERRORS=0.3 (share answered 500) · SLOW=1500 (ms more)
 * · LEAK=20 (MB a second, until LEAK_UP_TO MB) · BURN=1 (a whole core) · DATABASE=lost (not ready, and requests fail) · CRASH=1 (ends) ·
 * UNREADY=1 (never ready, from the start). START=1500 (ms until it listens).
 * EFFECTS=host:port: every POST is told there in a datagram, so that a client sees what was done twice.
 */
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";

const { env } = process;
const file = new URL("release", import.meta.url);
const release = existsSync(file) ? readFileSync(file, "utf8").trim() : (env.RELEASE ?? "unknown");
const name = env.SERVER_NAME ?? env.HOSTNAME ?? "server";
const began = Date.now();
const isBad = () => Date.now() - began >= Number(env.BAD_AFTER ?? 0) * 1000;
const isLost = () => env.DATABASE === "lost" && isBad();

let failures = 0;
let turn = 0;
const done = new Map();
const leaked = [];
const effects = env.EFFECTS ? createSocket("udp4").unref() : undefined;

async function handle(request, response) {
  const url = new URL(request.url, "http://server");
  response.setHeader("x-release", release);
  response.setHeader("x-server", name);
  if (url.pathname === "/health") return response.end("ok\n");
  if (url.pathname === "/ready") {
    const ready = env.UNREADY !== "1" && !isLost();
    if (isLost()) failures++;
    return response.writeHead(ready ? 200 : 503).end(ready ? "ready\n" : "not ready\n");
  }
  if (!(url.pathname === "/work" || (url.pathname === "/echo" && request.method === "POST"))) {
    return response.writeHead(404).end();
  }
  let body = "";
  for await (const piece of request) body += piece;
  const slow = isBad() ? Number(env.SLOW ?? 0) : 0;
  const wait = Number(url.searchParams.get("ms") ?? 0) + slow;
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  if (isLost()) {
    failures++;
    return response.writeHead(500).end("no database\n");
  }
  // A counter, not chance: three of ten are three of ten.
  turn++;
  const share = isBad() ? Number(env.ERRORS ?? 0) : 0;
  if (Math.floor(turn * share) > Math.floor((turn - 1) * share)) return response.writeHead(500).end("bad\n");
  response.setHeader("content-type", "application/json");
  if (request.method !== "POST") return response.end(JSON.stringify({ ok: true, release, server: name }));
  const { id } = JSON.parse(body);
  done.set(id, (done.get(id) ?? 0) + 1);
  if (effects) {
    const [host, port] = env.EFFECTS.split(":");
    effects.send(String(id), Number(port), host);
  }
  response.end(JSON.stringify({ id, times: done.get(id), release, server: name }));
}

/** @returns the server, for those who close it */
export function serve() {
  if (env.CRASH === "1") setTimeout(() => process.exit(1), Number(env.BAD_AFTER ?? 0) * 1000);
  const piece = Number(env.LEAK ?? 0) / 4;
  const isFull = () => leaked.length * piece >= Number(env.LEAK_UP_TO ?? Number.POSITIVE_INFINITY);
  const leak = () => isBad() && !isFull() && leaked.push(Buffer.alloc(piece * 2 ** 20, 1));
  if (env.LEAK) setInterval(leak, 250);
  // Yields between two bursts, so that it still answers.
  const burn = () => {
    const until = Date.now() + 5;
    while (isBad() && Date.now() < until);
    isBad() ? setImmediate(burn) : setTimeout(burn, 100);
  };
  if (env.BURN === "1") burn();
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => response.destroy(error));
  });
  // Longer than the proxy keeps its own idle connections: it is the one to close them.
  server.keepAliveTimeout = 65_000;
  setTimeout(() => server.listen(Number(env.PORT ?? 5000), "0.0.0.0"), Number(env.START ?? 0));
  if (env.METRICS_PORT) {
    createServer((_request, response) => {
      response.end(
        `# TYPE db_client_connection_errors_total counter\ndb_client_connection_errors_total ${failures}\n`,
      );
    }).listen(Number(env.METRICS_PORT), "0.0.0.0");
  }
  return server;
}
