import { parseArgs } from "node:util";
import bcrypt from "bcryptjs";
import pg from "pg";
import { DatabaseEnv } from "./env.ts";
import { EnvError, readEnv } from "./read-env.ts";
import { amounts, seedStatements } from "./seed/statements.ts";

const USAGE = `usage: seed [--scale N]
Fills the database with the same data each time; what is there already stays.
SEED_PASSWORD (or SEED_PASSWORD_FILE) makes its users able to log in; without it nobody can.`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { scale: { type: "string", default: "1" }, help: { type: "boolean", short: "h" } },
  });
  const scale = Number(values.scale);
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (!(scale > 0 && scale <= 1_000)) {
    console.error(`--scale ${values.scale}: expected a number above 0 and up to 1000\n${USAGE}`);
    return 2;
  }
  const { SEED_PASSWORD, ...env } = readEnv(
    DatabaseEnv.extend({ SEED_PASSWORD: DatabaseEnv.shape.RELEASE.optional() }),
  );
  // "!" is no bcrypt hash, so that no password can match: known accounts must not reach production by accident.
  const hash = SEED_PASSWORD ? await bcrypt.hash(SEED_PASSWORD, 10) : "!";
  const client = new pg.Client({ connectionString: env.DATABASE_URL, connectionTimeoutMillis: 10_000 });
  await client.connect();
  const started = Date.now();
  const made: Record<string, number> = {};
  try {
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock(730555, 3)");
    for (const { table, sql, values } of seedStatements(amounts(scale), hash))
      made[table] = (made[table] ?? 0) + ((await client.query(sql, values)).rowCount ?? 0);
    if (SEED_PASSWORD)
      await client.query("update users set password_hash = $1 where email like '%@seed.fkod.com'", [hash]);
    await client.query("commit");
    // Fresh tables have no statistics, and the first plans would be bad.
    await client.query("analyze");
  } finally {
    await client.end();
  }
  console.error(`seeded in ${Date.now() - started} ms`);
  console.log(JSON.stringify({ inserted: made }));
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message || String(error));
  process.exitCode = error instanceof EnvError ? 2 : 1;
}
