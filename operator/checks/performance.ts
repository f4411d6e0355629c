/** Performance: what the database counted, what a load measured, how large the front end is. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { CheckContext } from "./context.ts";
import { age, milliseconds, share } from "./figures-text.ts";
import { automatic, failed, type Item, passed, person, unavailable, type Verdict } from "./item.ts";
import { nothingRuns } from "./nothing-runs.ts";

/** Rows below which reading all of them is the faster way. */
const LARGE = 10_000;
/** A few are a migration, a dump or an index being made. */
const OFTEN = 10;

export type Table = {
  node: string;
  table: string;
  rows: number;
  scans: number;
  read: number;
  byIndex: number;
};

export function parseTable(line: string): Table {
  const [node = "", table = "", ...numbers] = line.split("|");
  const [rows = 0, scans = 0, read = 0, byIndex = 0] = numbers.map(Number);
  return { node, table, rows, scans, read, byIndex };
}

async function indexes(context: CheckContext): Promise<Verdict> {
  const running = await context.running();
  if (!running) return nothingRuns(context);
  if (running.all("node").length === 0) return unavailable("no PostgreSQL of this stack answers");
  const tables = running.all("table").map(parseTable);
  const whole = tables.filter(({ rows, scans }) => rows >= LARGE && scans >= OFTEN);
  if (whole.length === 0)
    return passed(
      `no table of ${LARGE} rows or more was read whole ${OFTEN} times, on ${running.all("node").length} nodes`,
    );
  const said = whole
    .slice(0, 3)
    .map(({ node, table, rows, scans }) => `${table} (${rows} rows) ${scans} times on ${node}`);
  return failed(
    `read whole: ${said.join(", ")}`,
    "An index for what is asked of it (create index concurrently, in a migration). Then count anew: select pg_stat_reset()",
  );
}

async function slowQueries(context: CheckContext): Promise<Verdict> {
  const running = await context.running();
  if (!running) return nothingRuns(context);
  if (running.all("statements").length === 0) return unavailable("pg_stat_statements does not answer");
  const bound = context.objectives.database * 1000;
  const statements = running.all("statement").map((line) => {
    const [node = "", calls = "0", mean = "0", ...text] = line.split("|");
    return { node, calls: Number(calls), mean: Number(mean), text: text.join("|") };
  });
  const slow = statements.filter(({ mean }) => mean > bound).sort((a, b) => b.mean - a.mean);
  const slowest = Math.max(0, ...statements.map(({ mean }) => mean));
  if (slow.length === 0)
    return passed(`the slowest takes ${slowest.toFixed(1)} ms on average, ${bound} ms allowed`);
  const [first] = slow as [(typeof slow)[number]];
  return failed(
    `${slow.length} above ${bound} ms on average; the slowest ${first.mean.toFixed(0)} ms, ${first.calls} times on ${first.node}: ${first.text.slice(0, 80)}`,
    `plimsoll psql ${context.site.environment}, then: explain (analyze, buffers) ...`,
  );
}

/** Days that a load holds. */
const LOAD_HOLDS = 14;

async function p95(context: CheckContext): Promise<Verdict> {
  const { environment } = context.site;
  const load = (await context.loads())[0];
  const command = `plimsoll load ${environment === "production" ? "staging" : environment}`;
  if (!load) return unavailable("no load was measured", command);
  const old = (context.now() - Date.parse(load.at)) / 1000;
  const bound = context.objectives.p95;
  const where = `${load.environment}${load.release ? ` ${load.release}` : ""}${load.rate ? ` at ${load.rate}/s` : ""}`;
  const said = `${load.p95 === null ? "nothing was answered" : `${milliseconds(load.p95)}, ${milliseconds(bound)} allowed`}; ${where}, ${age(old)} ago`;
  if (old > LOAD_HOLDS * 86_400) return failed(`${said}: too long ago`, command);
  if (load.p95 === null || load.p95 > bound) return failed(said, command);
  return load.passed === false ? failed(`${said}; but the load did not pass`, command) : passed(said);
}

async function cache(context: CheckContext): Promise<Verdict> {
  if (context.plan.services["redis-cache"] === undefined)
    return unavailable("this stack has no cache of its own");
  const running = await context.running();
  if (!running) return nothingRuns(context);
  const up = running.all("container").some((line) => line.startsWith("redis-cache running healthy"));
  if (!up)
    return failed(
      "redis-cache is not healthy",
      `plimsoll logs ${context.site.environment} --service redis-cache`,
    );
  const hits = running.figures?.get("cache_hits");
  return passed(
    hits === undefined
      ? "redis-cache is healthy; nothing was read of it in 30 minutes"
      : `${share(hits)} of reads hit in 30 minutes`,
  );
}

const BUNDLE = 500 * 1024;

async function bundle({ api, stackFolder }: CheckContext): Promise<Verdict> {
  if (api.checks.frontend === undefined) {
    return unavailable(
      "stack.yaml does not say where the front end is built",
      "api: { checks: { frontend: ./web/dist } }",
    );
  }
  const folder = join(stackFolder, api.checks.frontend);
  const names = (await readdir(folder, { recursive: true }).catch(() => [])).filter((name) =>
    /\.(m?js|css)$/.test(name),
  );
  if (names.length === 0)
    return unavailable(`${api.checks.frontend} holds no .js`, "Build the front end: npm run build");
  const sizes = await Promise.all(
    names.map(async (name) => gzipSync(await readFile(join(folder, name))).length),
  );
  const whole = sizes.reduce((sum, size) => sum + size, 0);
  const said = `${Math.round(whole / 1024)} KB of JavaScript and CSS as they travel (gzip), ${names.length} files`;
  return whole <= BUNDLE ? passed(said) : failed(said, "Split it by route: import() where a page needs it");
}

export const performance: Item[] = [
  automatic({ id: "performance.queries", title: "Queries optimised", required: false, run: slowQueries }),
  automatic({ id: "performance.indexes", title: "Indexes created", run: indexes }),
  automatic({ id: "performance.cache", title: "Caching in place", required: false, run: cache }),
  automatic({ id: "performance.p95", title: "API p95 below its objective (200 ms)", run: p95 }),
  automatic({
    id: "performance.bundle",
    title: "Front-end bundle below 500 KB",
    required: false,
    run: bundle,
  }),
  person({
    id: "performance.lighthouse",
    title: "Lighthouse above 90",
    hint: "npx lighthouse https://the-front-end, on the page that most see first",
  }),
];
