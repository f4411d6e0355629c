/**
 * Backups that are read from a standby. pgBackRest lists the primary's files and copies the standby's: what the standby
 * has in memory alone yet is copied as it was, under the size and the time that it has at the primary.
 */
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backups, Postgres } from "../../operator/database/backups.ts";
import type { Verification } from "../../operator/database/report.ts";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";
import { buildCli, type Cli, cliOn, removeCli } from "./operate-cli.ts";
import { SMALL } from "./small.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();
const main = engine ? await buildCli() : "";
afterAll(removeCli);

describe.skipIf(!engine)("backups read from a standby", () => {
  let stack: RunningStack;
  let cli: Cli;

  beforeAll(async () => {
    stack = await startStack({
      name: "standby",
      cold: true,
      overrides: {
        ...SMALL,
        "backup.checks": {},
      },
    });
    // A reader of the standby holds the replay up for as long as it takes.
    const settings = join(stack.folder, "postgres-2/postgresql.conf");
    await appendFile(settings, "\nmax_standby_streaming_delay = -1\n");
    await stack.start();
    cli = cliOn(main, { flags: ["--stack", stack.stackFolder] });
  });
  afterAll(() => stack?.stop());

  const psql = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "fkod_db", "-XqAtc"];
  const primary = (statement: string) => stack.exec("postgres-1", [...psql, statement]);
  const standby = (statement: string) => stack.exec("postgres-2", [...psql, statement]);
  const isSoon = (expected: string, statement: string) =>
    eventually(async () => expect(await standby(statement)).toBe(expected), 60);
  const backups = async () => {
    const { stdout, exitCode, stderr } = await cli.run("backup", ["list", "--json"]);
    expect(exitCode, stderr).toBe(0);
    return ((JSON.parse(stdout) as Backups).postgres as Postgres).backups;
  };
  /** What a backup has of a file: its checksum, by the backup's own list. */
  const copied = async (label: string, path: string) => {
    const list = `/var/lib/pgbackrest/backup/main/${label}/backup.manifest`;
    const line = await stack.exec("backup-postgres", ["grep", "-F", `pg_data/${path}=`, list]);
    return (JSON.parse(line.slice(line.indexOf("=") + 1)) as { checksum: string; size: number }).checksum;
  };

  /** A full backup at whose begin an index is made, and the next one: their labels, and the index' file. */
  async function backedUp(round: number) {
    const [blocked, proof] = [`blocked_${round}`, `proof_${round}`];
    await primary(
      `create table ${blocked} ();
       create table ${proof} as select n, md5(n::text) as word from generate_series(1, 50000) as n;
       create table copied_first_${round} as select n, (select string_agg(md5(n::text || m::text), '')
         from generate_series(1, 60) as m) as filler from generate_series(1, 12000) as n`,
    );
    // Written to disk at both: the tables are not what this is about.
    await primary("checkpoint");
    const written = await primary("select pg_current_wal_lsn()");
    await isSoon("t", `select pg_last_wal_replay_lsn() >= '${written}'`);

    // Nothing is replayed, so the backup has begun at the primary and waits for the standby.
    await standby("select pg_wal_replay_pause()");
    const full = cli.run("backup", ["now", "--full"]);
    const waits = `from pg_stat_activity where application_name like 'pgBackRest%' and query ~ 'pg_last_wal_replay_lsn'`;
    await isSoon("t", `select count(*) > 0 ${waits}`);

    // Behind that begin a lock, at which a reader of the standby stops the replay, and behind the lock the index.
    const reader = stack
      .exec("postgres-2", [...psql, `begin; select count(*) from ${blocked}; select pg_sleep(120)`])
      .catch(() => undefined);
    const reads = "from pg_stat_activity where query ~ 'pg_sleep' and pid <> pg_backend_pid()";
    await isSoon("1", `select count(*) ${reads}`);
    await primary(`drop table ${blocked}`);
    await primary(`create index ${proof}_word on ${proof} (word)`);
    const path = await primary(`select pg_relation_filepath('${proof}_word')`);

    // The checkpoint that the backup makes at the standby comes before the index, its copying after: in memory alone. The
    // standby itself lets the replay go on in the moment between, which is shorter than a question from here.
    const freed = standby(
      `do $$ begin
         while exists (select ${waits}) loop perform pg_sleep(0.002), pg_stat_clear_snapshot(); end loop;
         perform pg_terminate_backend(pid) ${reads};
       end $$`,
    );
    await isSoon(
      "1",
      "select count(*) from pg_stat_activity where query ~ 'pg_stat_clear' and pid <> pg_backend_pid()",
    );
    await standby("select pg_wal_replay_resume()");
    await freed;
    await reader;
    const { exitCode, stderr } = await full;
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/read from postgres-2/);

    const next = await cli.run("backup", ["now"]);
    expect(next.exitCode, next.stderr).toBe(0);
    expect(next.stderr).toMatch(/\(diff\): read from postgres-2/);
    const labels = (await backups()).slice(-2).map(({ label }) => label);
    return { labels: labels as [string, string], path };
  }

  it("has an index made between a full backup's begin and its list of files, in the next one too", async () => {
    await eventually(async () => expect((await backups()).length).toBeGreaterThan(0), 60);
    for (let round = 1; ; round++) {
      const { labels, path } = await backedUp(round);
      for (const label of labels) {
        const { stdout } = await cli.run("backup", ["verify", label, "--json"]);
        expect(JSON.parse(stdout) as Verification).toMatchObject({ label, outcome: "passed", said: "" });
      }
      // Recovery writes the full one's copy again, from a log that the next one's recovery does not begin with. Where the
      // copying came late, and found the whole index, both are the same: another round.
      const [one, other] = labels;
      if ((await copied(other, path)) !== (await copied(one, path))) break;
      expect(round, "rounds in which both backups have the same of the index").toBeLessThan(5);
    }
  });
});
