import { createServer } from "node:net";
import { pino } from "pino";
import { expect, test } from "vitest";
import { createDatabase } from "./data/database.ts";
import { isConnectionError } from "./data/pool.ts";
import { seconds } from "./http/auth.ts";
import { createMetrics } from "./metrics.ts";
import { npsKind } from "./routes/feedback.ts";
import { amounts, seedStatements } from "./seed/statements.ts";

test.each([
  ["30s", 30],
  ["15m", 900],
  ["12h", 43_200],
  ["7d", 604_800],
])("%s is %i seconds", (text, expected) => {
  expect(seconds(text)).toBe(expected);
});

test.each([
  [0, "detractor"],
  [6, "detractor"],
  [7, "passive"],
  [8, "passive"],
  [9, "promoter"],
  [10, "promoter"],
] as const)("a score of %i is a %s", (score, kind) => {
  expect(npsKind(score)).toBe(kind);
});

test("a failed connection is told from a failed query", () => {
  const error = (code: string) => Object.assign(new Error("x"), { code });
  expect(isConnectionError(error("57P01"))).toBe(true);
  expect(isConnectionError(new Error("Connection terminated unexpectedly"))).toBe(true);
  expect(isConnectionError(new AggregateError([error("ECONNREFUSED")]))).toBe(true);
  expect(isConnectionError(error("23505"))).toBe(false);
  expect(isConnectionError(error("57014"))).toBe(false);
});

test("database connections that do not come about are counted by pool", async () => {
  // Accepts and hangs up at once, as a server does that has no connection left.
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  const url = `postgres://nobody@127.0.0.1:${port}/none`;
  const metrics = createMetrics("v1");
  const text = () => metrics.registry.getSingleMetricAsString("db_client_connection_errors_total");
  expect(await text()).toContain('db_client_connection_errors_total{pool="primary"} 0');
  const database = createDatabase(
    { DATABASE_URL: url, DB_POOL_MIN: 0, DB_POOL_MAX: 2, SERVER_NAME: "api-1" },
    pino({ level: "silent" }),
    undefined,
    (pool) => metrics.connectionErrors.inc({ pool }),
  );
  await expect(database.ping("primary", 2_000)).rejects.toThrow();
  await expect(database.write((client) => client.query("select 1"))).rejects.toThrow();
  expect(await text()).toMatch(/\{pool="primary probe"\} [1-9]/);
  expect(await text()).toMatch(/\{pool="primary"\} [1-9]/);
  await database.close();
  server.close();
}, 20_000);

test("the seed is the same text each time, and grows with its scale", () => {
  expect(seedStatements(amounts(1), "!")).toEqual(seedStatements(amounts(1), "!"));
  expect(amounts(3).courses).toBe(360);
  expect(amounts(0.001).mentors).toBe(1);
});
