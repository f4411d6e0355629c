/** Data as an application has them: pgbench's accounts, and events with words, jsonb, a B-tree and a GIN index. */
import type { RunningStack } from "../e2e/engine.ts";

/** A third of it is pgbench's. `size` 1 makes some 1.15 GB. */
export async function fill(stack: RunningStack, size: number): Promise<void> {
  await stack.exec("postgres-1", [
    "bash",
    "-c",
    // Nothing of it is left where it was made smaller before.
    `${PSQL} -c 'drop table if exists words, events' &&
     $(pg_config --bindir)/pgbench -h 127.0.0.1 -U postgres -i -q -s ${Math.round(40 * size)} ${DATABASE} 2>&1`,
  ]);
  await sql(stack, EVENTS.replaceAll(":rows", String(Math.round(600_000 * size))));
  await sql(stack, "vacuum analyze");
  await sql(stack, "checkpoint");
}

/** About a hundredth of the rows, here and there, as a day of an application does. */
export async function change(stack: RunningStack, seed: number): Promise<void> {
  await sql(
    stack,
    `update pgbench_accounts set abalance = abalance + 1 where aid % 100000 < 1000;
     update events set kind = 'changed' where id % 10000 between ${seed * 100} and ${seed * 100 + 99}`,
  );
  await sql(stack, "checkpoint");
}

export async function sql(stack: RunningStack, statements: string): Promise<string> {
  return stack.exec("postgres-1", [...PSQL.split(" "), "-v", "ON_ERROR_STOP=1", "-c", statements]);
}

/** Bytes of the application's database. */
export async function sizeOf(stack: RunningStack): Promise<number> {
  return Number(await sql(stack, `select pg_database_size('${DATABASE}')`));
}

const DATABASE = "fkod_db";
const PSQL = `psql -h 127.0.0.1 -U postgres -d ${DATABASE} -XqAt`;
const EVENTS = `
create table words (n int primary key, word text not null);
insert into words select n, left(md5('w' || n), 3 + n % 9) from generate_series(0, 1999) as n;
create table events (
  id bigint primary key, account int not null, at timestamptz not null, kind text not null,
  body text not null, data jsonb not null);
insert into events
select g, ((g * 7919) % 100000)::int, timestamptz '2026-01-01' + g * interval '3 seconds',
  (array['opened', 'read', 'answered', 'enrolled', 'paid'])[1 + (g % 5)::int],
  (select string_agg(word, ' ' order by n * g % 1013) from words
    where n between (g * 31) % 1900 and (g * 31) % 1900 + 40 + g % 40),
  jsonb_build_object('session', md5(g::text), 'agent', 'Mozilla/5.0 (X11; Linux x86_64) v' || g % 977,
    'path', '/courses/' || g % 5003 || '/lessons/' || g % 211, 'amount', round((random() * 1000)::numeric, 2),
    'tags', jsonb_build_array(g % 17, md5((g * 3)::text)))
from generate_series(1, :rows::bigint) as g;
create index on events (account, at);
create index on events using gin ((data -> 'tags'))`;
