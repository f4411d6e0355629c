import pg from "pg";
import { type Applied, compare, type Migration, MigrationError, type Status } from "./files.ts";

/** Any number that no one else locks in this database. */
const LOCK = 7_305_551_001;
const WAIT_FOR_LOCK = "60s";

type Step = { version: string; name: string; milliseconds: number };

/** Runs `work` on a connection of its own that holds the migrations' lock: of two at once, one waits. */
async function withLock<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "fkod migrate",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  client.on("error", () => {});
  await client.connect();
  try {
    // The lock belongs to the connection: a runner that dies releases it.
    await client.query(`set lock_timeout = '${WAIT_FOR_LOCK}'`);
    await client.query("select pg_advisory_lock($1)", [LOCK]);
    // A table that is in use must not queue all its readers behind us for long.
    await client.query("set lock_timeout = '10s'");
    await client.query(`create table if not exists schema_migrations (
      version text primary key, name text not null, checksum text not null,
      applied_at timestamptz not null default now())`);
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

async function appliedOn(client: pg.Client): Promise<Applied[]> {
  const { rows } = await client.query<Applied>(
    `select version, name, checksum, to_char(applied_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "appliedAt"
     from schema_migrations order by version`,
  );
  return rows;
}

/** What is applied and what is not. Takes no lock and creates nothing, so it works on a replica too. */
export async function status(url: string, files: Migration[]): Promise<Status> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    query_timeout: 10_000,
  });
  client.on("error", () => {});
  await client.connect();
  try {
    const { rows } = await client.query("select to_regclass('schema_migrations') as name");
    return compare(files, rows[0].name ? await appliedOn(client) : []);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Applies what is pending, each in a transaction of its own; returns what it did. */
export async function up(url: string, files: Migration[], told: (step: Step) => void): Promise<Step[]> {
  return withLock(url, async (client) => {
    const state = compare(files, await appliedOn(client));
    if (state.changed.length > 0)
      throw new MigrationError(
        `${state.changed.join(", ")} changed after being applied. Restore the file and write a new migration instead.`,
      );
    const pending = new Set(state.pending.map(({ version }) => version));
    const steps: Step[] = [];
    for (const migration of files.filter(({ version }) => pending.has(version))) {
      const { version, name, checksum } = migration;
      steps.push(
        await step(
          client,
          migration,
          "up",
          "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)",
          [version, name, checksum],
        ),
      );
      told(steps.at(-1) as Step);
    }
    return steps;
  });
}

/** Takes back the last `count` migrations, newest first. */
export async function down(
  url: string,
  files: Migration[],
  count: number,
  told: (step: Step) => void,
): Promise<Step[]> {
  return withLock(url, async (client) => {
    const last = (await appliedOn(client)).reverse().slice(0, count);
    const steps: Step[] = [];
    for (const { version, name } of last) {
      const migration = files.find((file) => file.version === version);
      if (!migration)
        throw new MigrationError(
          `${version}_${name} is applied, but its files are not in this release. Use the newer one.`,
        );
      steps.push(
        await step(client, migration, "down", "delete from schema_migrations where version = $1", [version]),
      );
      told(steps.at(-1) as Step);
    }
    return steps;
  });
}

async function step(
  client: pg.Client,
  migration: Migration,
  direction: "up" | "down",
  record: string,
  values: string[],
): Promise<Step> {
  const started = Date.now();
  try {
    await client.query("begin");
    await client.query(migration[direction]);
    await client.query(record, values);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {});
    const { message, position } = error as pg.DatabaseError;
    const line = position
      ? `, line ${migration[direction].slice(0, Number(position)).split("\n").length}`
      : "";
    throw new MigrationError(`${migration.version}_${migration.name}.${direction}.sql${line}: ${message}`, {
      cause: error,
    });
  }
  return { version: migration.version, name: migration.name, milliseconds: Date.now() - started };
}
