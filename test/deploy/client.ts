/**
 * The client that counts losses, in a process of its own: whatever else a test does, its clock is not disturbed.
 * Options as one JSON argument (client-options.ts). On stdin: `take` prints the counts since the last take, `stop` ends
 * the load, waits for what is still open and prints the rest. Each answer is one line of JSON.
 */
import { createSocket } from "node:dgram";
import http from "node:http";
import https from "node:https";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { type ClientOptions, type Counts, defaults } from "./client-options.ts";

const options = { ...defaults, ...(JSON.parse(process.argv[2] ?? "{}") as Partial<ClientOptions>) };
const target = new URL(options.url);
const secure = target.protocol === "https:";
const settings = { keepAlive: true, maxSockets: options.connections, scheduling: "fifo" } as const;
const agent = secure ? new https.Agent({ ...settings, rejectUnauthorized: false }) : new http.Agent(settings);

type Kind = "failed" | "reset" | "timeout" | "wrong";
const open = new Set<Promise<void>>();
/** How often a server did the POST of this id, and whether the client had its answer. */
const effects = new Map<string, number>();
const answered = new Map<string, boolean>();
let counts = empty();
let times = { quick: [] as number[], slow: [] as number[] };
let lastAnswer = performance.now();
let next = 0;
let stopping = false;

function empty(): Counts & { ok: number } {
  return {
    sent: 0,
    ok: 0,
    lost: 0,
    failed: 0,
    reset: 0,
    timeout: 0,
    wrong: 0,
    duplicates: 0,
    unanswered: 0,
    byRelease: {},
    byServer: {},
    kinds: {},
    seconds: 0,
    gap: 0,
    quick: { p50: 0, p95: 0, max: 0 },
    slow: { p50: 0, p95: 0, max: 0 },
  };
}
let since = performance.now();

/**
 * One of each 25 is slow, but not always the 25th: a balancer that counts turns too would send them all to the same
 * server. The same in every run (a hash of the number).
 */
function scatter(number: number, of: number): number {
  let value = Math.imul(number + 1, 0x9e3779b1);
  value = Math.imul(value ^ (value >>> 15), 0x85ebca6b);
  return ((value ^ (value >>> 13)) >>> 0) % of;
}

// ---- one request -------------------------------------------------------------------------------------------------

function ask(index: number): Promise<void> {
  const block = Math.floor(index / Math.max(options.slowEvery, 1));
  const slow = options.slowEvery > 0 && index % options.slowEvery === scatter(block, options.slowEvery);
  const post = scatter(index, 2) === 1;
  const id = `${process.pid}-${index}`;
  const path = `${post ? "/echo" : "/work"}?ms=${slow ? options.slowMs : 0}`;
  const started = performance.now();
  counts.sent++;
  if (post) answered.set(id, false);
  return new Promise((done) => {
    let over = false;
    const end = (kind?: Kind, what?: string) => {
      if (over) return;
      over = true;
      const mine = counts;
      const now = performance.now();
      times[slow ? "slow" : "quick"].push(now - started);
      if (kind) {
        mine[kind]++;
        mine.lost++;
        const said = what ?? kind;
        mine.kinds[said] = (mine.kinds[said] ?? 0) + 1;
      } else {
        mine.ok++;
        mine.gap = Math.max(mine.gap, now - lastAnswer);
        lastAnswer = now;
        if (post) answered.set(id, true);
      }
      done();
    };
    const fail = (error: NodeJS.ErrnoException) => {
      const what = error.code ?? error.message;
      end(what === "late" ? "timeout" : "reset", what);
    };
    const request = (secure ? https : http).request({
      protocol: target.protocol,
      hostname: target.hostname,
      port: target.port,
      method: post ? "POST" : "GET",
      path,
      agent,
      servername: options.host,
      headers: {
        ...(options.host ? { host: options.host } : {}),
        ...(post ? { "content-type": "application/json" } : {}),
      },
    });
    const timer = setTimeout(
      () => request.destroy(Object.assign(new Error("late"), { code: "late" })),
      options.timeoutMs,
    );
    request.once("close", () => clearTimeout(timer));
    request.once("error", fail);
    request.once("response", (response) => {
      let text = "";
      const release = String(response.headers["x-release"] ?? "none");
      const server = String(response.headers["x-server"] ?? "none");
      counts.byRelease[release] = (counts.byRelease[release] ?? 0) + 1;
      counts.byServer[server] = (counts.byServer[server] ?? 0) + 1;
      response.setEncoding("utf8");
      response.on("data", (piece) => {
        text += piece;
      });
      response.once("error", fail);
      response.once("close", () => {
        if (!response.complete) return end("reset", "cut off");
        if (response.statusCode !== 200) return end("failed", String(response.statusCode));
        const right = post ? text.includes(`"id":"${id}"`) : text.includes('"ok":true');
        end(right ? undefined : "wrong");
      });
    });
    request.end(post ? JSON.stringify({ id }) : undefined);
  });
}

// ---- open loop: a request is due when it is due, whatever has become of those before ------------------------------

const began = performance.now();
const timer = setInterval(() => {
  const due = ((performance.now() - began) / 1000) * options.perSecond;
  while (!stopping && next < due) {
    const asked = ask(next++).finally(() => open.delete(asked));
    open.add(asked);
  }
}, 5);

// ---- what was counted -----------------------------------------------------------------------------------------------

function percentiles(values: number[]) {
  const sorted = values.sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0) * 10) / 10;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}

function take(): Counts {
  const now = performance.now();
  const taken = counts;
  const took = times;
  counts = empty();
  times = { quick: [], slow: [] };
  taken.seconds = Math.round((now - since) / 10) / 100;
  taken.gap = Math.round(Math.max(taken.gap, now - lastAnswer));
  taken.quick = percentiles(took.quick);
  taken.slow = percentiles(took.slow);
  since = now;
  // Over everything so far: an answer may be lost in one take and its effect seen in the next.
  taken.duplicates = [...effects.values()].filter((count) => count > 1).length;
  taken.unanswered = [...effects.keys()].filter((id) => answered.get(id) === false).length;
  return taken;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

let socket: ReturnType<typeof createSocket> | undefined;
if (options.effectsPort !== undefined) {
  socket = createSocket("udp4");
  socket.on("message", (message) => {
    const id = message.toString();
    if (id.startsWith(`${process.pid}-`)) effects.set(id, (effects.get(id) ?? 0) + 1);
  });
  socket.bind(options.effectsPort, "0.0.0.0");
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  clearInterval(timer);
  await Promise.all(open);
  // The last datagrams may be on their way.
  await new Promise((done) => setTimeout(done, 50));
  print(take());
  agent.destroy();
  socket?.close();
  process.stdin.destroy();
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    if (line === "take") print(take());
    else if (line === "stop") void stop();
  })
  // Whoever started it is gone.
  .on("close", () => void stop());
if (options.seconds > 0) setTimeout(() => void stop(), options.seconds * 1000);
print({ ready: true });
