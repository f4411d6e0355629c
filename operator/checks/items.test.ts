/** Every item that is found out, in passed and in failed. */
import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { localHost } from "../host/local.ts";
import { items } from "./list.ts";
import { contextOf, type Given, NOW, removeFolders } from "./test-context.ts";

afterEach(removeFolders);

const s = NOW / 1000;
const api = (words: string) => `api: { build: ./api, ${words} }`;
const pkg = (dependencies: object) => ({ "api/package.json": JSON.stringify({ dependencies }) });
const load = (over: object) => async () => [
  { at: new Date(NOW - 3_600_000).toISOString(), environment: "staging", p95: 0.12, ...over },
];
const backed = (age: number) =>
  `backup last_success_timestamp_seconds{what="postgres",type="full"} ${s - age}`;
const verified = (age: number, good = true) =>
  `backup verify_last_run_failed{what="postgres"} ${good ? 0 : 1}\nbackup verify_last_success_timestamp_seconds{what="postgres"} ${s - age}`;
const drilled = (kind: string, age: number, { rto }: { rto: number }, bad = false) =>
  [
    "containers 1",
    `drill last_timestamp_seconds{kind="${kind}"} ${s - age}`,
    `drill last_failed{kind="${kind}"} ${bad ? 1 : 0}`,
    `drill rto_seconds{kind="${kind}"} ${rto}`,
    `drill rpo_seconds{kind="${kind}"} 0`,
  ].join("\n");
const release = (age: number) =>
  `release_json ${Buffer.from(JSON.stringify({ version: "v2", created: new Date(NOW - age * 1000).toISOString() })).toString("base64")}`;
const server = "container api-1 running healthy json-file 10m shop-api:1";
const hook = `${api("port: 5000")}\nmonitoring: { alertmanager: { receivers: [{ name: ops, type: webhook }] } }`;
const wellMonitored = { running: "containers 1", figures: { targets: 20, targets_up: 20 } };
const badlyMonitored = { running: "containers 1", figures: { targets: 20, targets_up: 19 } };
const tracked = (path: string): Given => ({ files: { [path]: "" } });
const figure = (name: string, value: number): Given => ({
  running: "containers 1",
  figures: { [name]: value },
});
const ends = (exitCode: number): Given => ({ run: () => ({ exitCode, stderr: "no luck\n" }) });
const certificate = (over: object) =>
  `certificate ${JSON.stringify({ found: "issued", notAfter: s + 60 * 86_400, served: true, failures: 0, reason: "", ...over })}`;
const image = (found: string): Given => ({
  running: server,
  host: (line) => (line.startsWith("script") ? { stdout: `history 0\n${found}\nfiles 12` } : undefined),
});

/** A stack of nginx, its one server and nothing else. */
const bare = `${api("servers: 1")}\n${["monitoring", "logging", "backup", "postgres", "redis", "certificates"].map((word) => `${word}: false`).join("\n")}`;
const worker = "processes: { worker: { command: node worker.js } }";
const whole = (nginx: string) => `${server}\ncontainer nginx running ${nginx} json-file 10m nginx:1`;

const cases: Record<string, { passes: Given; fails: Given; says: RegExp }> = {
  "code.tests": { passes: ends(0), fails: ends(1), says: /npm test ended with 1 .*no luck/ },
  "code.lint": { passes: ends(0), fails: ends(2), says: /npm run lint ended with 2/ },
  "code.coverage": {
    passes: { files: { "api/coverage/coverage-summary.json": '{"total":{"lines":{"pct":83}}}' } },
    fails: { files: { "api/coverage/coverage-summary.json": '{"total":{"lines":{"pct":79.9}}}' } },
    says: /79.9% of the lines, 80% wanted/,
  },
  "code.types": {
    passes: {
      files: {
        "api/tsconfig.json": '{ "extends": "./base.json", /* no more */ }',
        "api/base.json": '{ "compilerOptions": { "strict": true, }, } // all of it',
      },
    },
    fails: { files: { "api/tsconfig.json": '{ "compilerOptions": {} }' } },
    says: /does not say strict/,
  },
  "code.secrets": {
    passes: { files: { "api/a.ts": "const key = process.env.KEY", "a.md": `AKIA${"X".repeat(16)}` } },
    fails: { files: { "api/a.ts": `\nconst key = "AKIA${"Q3ZK7MPLX2RT9VWB"}"` } },
    says: /^1: AWS key in api\/a.ts:2$/,
  },
  "code.image": { passes: image(""), fails: image("found app/.env"), says: /app\/\.env/ },
  "security.cors": {
    passes: { words: api("environment: { CORS_ORIGIN: https://shop.test }"), running: "cors_foreign " },
    fails: { words: api("environment: { CORS_ORIGIN: https://shop.test }"), running: "cors_foreign *" },
    says: /answered with \*/,
  },
  "security.rate-limit": {
    passes: {},
    fails: { words: `${api("port: 5000")}\nnginx: { rate: false }` },
    says: /rate/,
  },
  "security.passwords": {
    passes: { files: pkg({ bcryptjs: "3.0.3" }) },
    fails: { files: pkg({ express: "5.0.0" }) },
    says: /no bcrypt/,
  },
  "security.jwt-expiry": {
    passes: { words: api("environment: { JWT_EXPIRY: 7d }") },
    fails: { words: api("secrets: { JWT_SECRET: generate }") },
    says: /no JWT_EXPIRY/,
  },
  "security.https": {
    passes: { running: "redirect 308 https://api.shop.test/\nhsts max-age=31536000" },
    fails: { running: "redirect 200 \nhsts max-age=31536000" },
    says: /not 308/,
  },
  "performance.queries": {
    passes: { running: "statements postgres-1\nstatement postgres-1|40|3.2|select 1" },
    fails: { running: "statements postgres-1\nstatement postgres-1|40|140.5|select slow|ly" },
    says: /1 above 100 ms .* 141 ms, 40 times on postgres-1: select slow\|ly/,
  },
  "performance.indexes": {
    passes: { running: "node postgres-1 primary\ntable postgres-1|public.users|50|9000|450000|3" },
    fails: { running: "node postgres-1 primary\ntable postgres-1|public.users|20000|40|800000|3" },
    says: /public.users \(20000 rows\) 40 times on postgres-1/,
  },
  "performance.cache": {
    passes: { running: "container redis-cache running healthy", figures: { cache_hits: 0.9 } },
    fails: { running: "container redis-cache running unhealthy" },
    says: /not healthy/,
  },
  "performance.p95": {
    passes: { loads: load({}) },
    fails: { loads: load({ p95: 0.31 }) },
    says: /310 ms, 200 ms allowed/,
  },
  "performance.bundle": {
    passes: { words: api("checks: { frontend: ./web }"), files: { "web/a.js": "a".repeat(900_000) } },
    fails: { words: api("checks: { frontend: ./web }"), files: { "web/a.js": noise(900_000) } },
    says: /KB of JavaScript/,
  },
  "infrastructure.environment": {
    passes: { words: api("secrets: { MAIL_KEY: supply }"), machine: "secret 20 api_mail_key" },
    fails: { words: api("secrets: { MAIL_KEY: supply }"), machine: "secret 0 api_mail_key" },
    says: /^empty: api_mail_key$/,
  },
  "infrastructure.backups": {
    passes: { running: backed(3600), machine: `now ${s}` },
    fails: { running: backed(30 * 3600), machine: `now ${s}` },
    says: /30 h ago, 26 h allowed/,
  },
  "infrastructure.restore": {
    passes: { running: verified(3600), machine: `now ${s}` },
    fails: { running: verified(3600, false), machine: `now ${s}` },
    says: /is not good/,
  },
  "infrastructure.failover": {
    passes: { running: drilled("failover", 86_400, { rto: 2 }), machine: `now ${s}` },
    fails: { running: drilled("failover", 86_400, { rto: 4000 }, true), machine: `now ${s}` },
    says: /the last failover drill failed: RTO .*, .* promised/,
  },
  "infrastructure.certificate": {
    passes: { running: certificate({}), machine: `now ${s}` },
    fails: { running: certificate({ found: "self-signed", failures: 3, reason: "no A record" }) },
    says: /self-signed after 3 tries: no A record/,
  },
  "infrastructure.monitoring": { passes: wellMonitored, fails: badlyMonitored, says: /19 of 20/ },
  "infrastructure.alerts": {
    passes: { words: hook, running: "alertmanager answers" },
    fails: { running: "alertmanager answers" },
    says: /nobody is told/,
  },
  "infrastructure.watchdog": {
    passes: { words: `${api("port: 5000")}\nmonitoring: { alertmanager: { watchdog: true } }` },
    fails: { words: hook },
    says: /nobody notices/,
  },
  "infrastructure.logging": {
    passes: { running: server },
    fails: { running: "container api-1 running healthy json-file - shop-api:1" },
    says: /without a limit: api-1/,
  },
  "infrastructure.errors": {
    passes: { words: api("secrets: { SENTRY_DSN: supply }"), machine: "dsn api_sentry_dsn" },
    fails: { words: api("secrets: { SENTRY_DSN: supply }") },
    says: /SENTRY_DSN is empty/,
  },
  "infrastructure.cdn": {
    passes: { words: api("frontend: { VITE_API_URL: https://api.shop.test }") },
    fails: { words: api("frontend: { VITE_API_URL: https://api.other.test }") },
    says: /api.other.test, the stack answers as https:\/\/api.shop.test/,
  },
  "host.size": {
    passes: { machine: `cpus 4\nmemory ${15.6 * 1024 ** 3}` },
    fails: { machine: `cpus 2\nmemory ${15.6 * 1024 ** 3}` },
    says: /2 CPUs and 16 GB; the plan is for 4 CPUs/,
  },
  "host.disk": {
    passes: { machine: `disk_total ${100 * 1024 ** 3}\ndisk_free ${50 * 1024 ** 3}` },
    fails: { machine: `disk_total ${100 * 1024 ** 3}\ndisk_free ${2 * 1024 ** 3}` },
    says: /2 GB of 100 GB/,
  },
  "host.engine": {
    passes: { machine: "engine 28.5.2+dfsg4\ncompose 2.40.3" },
    fails: { machine: "engine 20.10.5\ncompose missing" },
    says: /Docker 20.10.5, Compose missing; 25/,
  },
  "host.clock": {
    passes: { machine: "ntp yes", host: () => ({ stdout: String(Date.now() / 1000) }) },
    fails: { machine: "ntp yes", host: () => ({ stdout: String(Date.now() / 1000 - 90) }) },
    says: /90.0 s off/,
  },
  "host.kernel": {
    passes: {
      machine:
        "sysctl vm.max_map_count=1048576\nsysctl vm.overcommit_memory=1\nsysctl net.core.somaxconn=4096",
    },
    fails: {
      machine: "sysctl vm.max_map_count=65530\nsysctl vm.overcommit_memory=1\nsysctl net.core.somaxconn=4096",
    },
    says: /^vm.max_map_count is 65530$/,
  },
  "host.swap": { passes: { machine: "swap 2147483648" }, fails: { machine: "swap 0" }, says: /none/ },
  "host.upgrades": {
    passes: { machine: "upgrades 1" },
    fails: { machine: "upgrades missing" },
    says: /none/,
  },
  "host.firewall": {
    passes: { machine: "firewall plimsoll" },
    fails: { machine: "firewall ufw" },
    says: /ufw: Docker/,
  },
  "host.dns": {
    passes: { addresses: ["2001:db8::7", "203.0.113.7"], machine: "address 203.0.113.7" },
    fails: { addresses: ["198.51.100.9"], machine: "address 203.0.113.7\naddress 10.0.0.2" },
    says: /api.shop.test is 198.51.100.9, the host has 203.0.113.7, 10.0.0.2/,
  },
  "host.published": {
    passes: { machine: "published nginx-1 0.0.0.0:80->8080/tcp, [::]:443->8443/tcp" },
    fails: { machine: "published db-1 0.0.0.0:5432->5432/tcp, [::]:5432->5432/tcp" },
    says: /1 more: db-1 5432/,
  },
  "documentation.api": { passes: tracked("docs/api.md"), fails: tracked("a.md"), says: /no such page/ },
  "documentation.guide": {
    passes: tracked("docs/runbooks/deploy.md"),
    fails: tracked("a.md"),
    says: /no such page/,
  },
  "documentation.runbook": {
    passes: tracked("docs/runbooks/disk-full.md"),
    fails: tracked("a.md"),
    says: /no such page/,
  },
  "documentation.incidents": {
    passes: tracked("docs/incident-response.md"),
    fails: tracked("a.md"),
    says: /no such page/,
  },
  "before.tests": { passes: ends(0), fails: ends(1), says: /npm test/ },
  "before.backup": {
    passes: { running: backed(3600), machine: `now ${s}` },
    fails: { running: `${backed(3600)}\nbackup last_run_failed{what="postgres"} 1`, machine: `now ${s}` },
    says: /the last try failed: postgres/,
  },
  "before.monitoring": { passes: wellMonitored, fails: badlyMonitored, says: /19 of 20/ },
  "day.start": {
    passes: { running: whole("healthy"), words: bare, machine: "current v2" },
    fails: { running: whole("unhealthy"), words: `${bare}\n${worker}` },
    says: /^worker-1 does not run, nginx is running unhealthy$/,
  },
  "day.logs": {
    passes: { running: "errors api-1 0" },
    fails: { running: "errors api-1 4" },
    says: /api-1: 4 errors/,
  },
  "day.metrics": { passes: wellMonitored, fails: badlyMonitored, says: /19 of 20/ },
  "day.smoke": {
    passes: { running: "smoke 200 0.012 /health" },
    fails: { running: "smoke 200 0.012 /health\nsmoke 502 0.001 /courses" },
    says: /^\/courses is answered with 502$/,
  },
  "day.errors": {
    passes: figure("errors_now", 0.0004),
    fails: figure("errors_now", 0.02),
    says: /2% in five minutes, 0.1% allowed/,
  },
  "day.performance": { passes: figure("p95", 0.1), fails: figure("p95", 0.4), says: /p95 400 ms/ },
  "after.watch": {
    passes: { ...figure("errors", 0), machine: release(90_000) },
    fails: { ...figure("errors", 0.01), machine: release(90_000) },
    says: /v2 is 25 h old; 1% errors/,
  },
  "after.metrics": { passes: wellMonitored, fails: badlyMonitored, says: /19 of 20/ },
  "after.backups": {
    passes: { running: `${backed(3600)}\n${verified(3600)}`, machine: `now ${s}\n${release(90_000)}` },
    fails: { running: `${backed(3600)}\n${verified(91_000)}`, machine: `now ${s}\n${release(90_000)}` },
    says: /25 h ago, before the release/,
  },
  "technical.uptime": {
    passes: figure("uptime", 0.9995),
    fails: figure("uptime", 0.99),
    says: /99%, more than 99.9%/,
  },
  "technical.p95": { passes: figure("p95", 0.19), fails: figure("p95", 0.21), says: /210 ms/ },
  "technical.errors": { passes: figure("errors", 0), fails: figure("errors", 0.002), says: /0.2%/ },
  "technical.database": { passes: figure("database", 0.05), fails: figure("database", 0.15), says: /150 ms/ },
  "technical.cache": {
    passes: figure("cache_hits", 0.81),
    fails: figure("cache_hits", 0.79),
    says: /79%, more than 80%/,
  },
  "business.registrations": {
    passes: figure("registrations", 101),
    fails: figure("registrations", 3),
    says: /3, more than 100/,
  },
  "business.enrolments": {
    passes: figure("enrolments", 51),
    fails: figure("enrolments", 3),
    says: /3, more than 50/,
  },
  "business.matches": { passes: figure("matches", 21), fails: figure("matches", 3), says: /3, more than 20/ },
  "business.satisfaction": {
    passes: figure("satisfaction", 4.6),
    fails: figure("satisfaction", 4.1),
    says: /4.1/,
  },
  "business.nps": { passes: figure("nps", 51), fails: figure("nps", -20), says: /-20/ },
};

/** Text that gzip cannot make smaller. */
function noise(length: number): string {
  let seed = 1;
  let text = "";
  while (text.length < length) {
    seed = (seed * 48_271) % 2_147_483_647;
    text += seed.toString(36);
  }
  return text;
}

async function verdictOf(id: string, given: Given) {
  const item = items.find((one) => one.id === id);
  if (!item) throw new Error(`no item ${id}`);
  return item.run(await contextOf(given), new AbortController().signal);
}

/** Two cannot be wrong, or not without a network: they have tests of their own below. */
const APART = ["before.rollback", "host.ports"];

describe("what is found out", () => {
  it("is all in the table", () => {
    const found = items
      .filter(({ how, id }) => how === "automatic" && !APART.includes(id))
      .map(({ id }) => id);
    expect(Object.keys(cases).sort()).toEqual(found.sort());
  });

  it.each(Object.entries(cases))("%s", async (id, { passes, fails, says }) => {
    expect(await verdictOf(id, passes)).toMatchObject({ state: "passed" });
    const { state, said } = await verdictOf(id, fails);
    expect({ state, said }).toEqual({ state: "failed", said: expect.stringMatching(says) });
  });

  it("never fails for what nothing could be found out about", async () => {
    const silent = items.filter(({ id }) => /^(performance|technical|business|day|after)\./.test(id));
    for (const item of silent) {
      const { state } = await item.run(await contextOf(), new AbortController().signal);
      expect([item.id, state]).toEqual([item.id, expect.stringMatching(/unavailable|unconfirmed/)]);
    }
  });

  it("infrastructure.alerts stops production alone, and none without an Alertmanager; the watchdog is advised", async () => {
    const required = Object.fromEntries(items.map((one) => [one.id, one.required]));
    expect(required).toMatchObject({ "infrastructure.alerts": true, "infrastructure.watchdog": false });
    const words = `${api("port: 5000")}\nmonitoring: false`;
    for (const given of [{ environment: "staging" }, { environment: "local" }, { words }] as Given[])
      expect((await verdictOf("infrastructure.alerts", given)).state).toBe("unavailable");
    for (const given of [{ environment: "local" }, { words }] as Given[])
      expect((await verdictOf("infrastructure.watchdog", given)).state).toBe("unavailable");
    const warned = `${api("port: 5000")}\nmonitoring: { alertmanager: { receivers: [{ name: ops, type: webhook, on: [warn] }] } }`;
    expect((await verdictOf("infrastructure.alerts", { words: warned })).state).toBe("failed");
  });

  it("before.rollback names the release to go back to", async () => {
    const machine =
      "current v9\nrelease v8 superseded\nrelease v10 failed\nrelease v7 superseded\nrelease v9 current";
    expect((await verdictOf("before.rollback", { machine })).said).toMatch(/rollback production v8/);
    expect((await verdictOf("before.rollback", { machine: "current v1" })).state).toBe("unavailable");
  });

  it("host.ports asks them from here", async () => {
    const item = items.find(({ id }) => id === "host.ports");
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((done) => server.once("listening", done));
    const { port } = server.address() as { port: number };
    const words = `${api("port: 5000")}\nmonitoring: false\nlogging: false\nnginx: { http: ${port} }`;
    const context = await contextOf({ words, environment: "local", running: "containers 1" });
    const here = { ...context, site: { ...context.site, host: localHost() } };
    const signal = new AbortController().signal;
    expect(await item?.run(here, signal)).toMatchObject({
      state: "passed",
      said: expect.stringMatching(/^1 answer/),
    });
    await new Promise((done) => server.close(done));
    expect(await item?.run(here, signal)).toEqual({ state: "failed", said: `no answer: ${port}` });
  });
});
