/** Restores into a copy to random instants while a writer goes on, and compares every row, transaction by transaction. */
import { expect } from "vitest";
import type { RunningStack } from "../e2e/engine.ts";
import type { Cli } from "../e2e/operate-cli.ts";
import { eventually } from "../e2e/wait.ts";
import { type End, endsSince, lsnText, until } from "./commits.ts";
import { type Entry, rowsAfter, startLedger, TABLE } from "./ledger.ts";

export type Instant = {
  kind: "time" | "xid" | "lsn";
  to: string;
  transactions: number;
  rows: number;
  seconds: number;
  set: string;
};

export type PitrOptions = {
  stack: RunningStack;
  cli: Cli;
  /** The node that takes writes. */
  node: string;
  kinds: readonly Instant["kind"][];
  /** Instants after which another backup is made, so that not all begin at the same one. */
  backupEvery: number;
};

/** @throws where a copy holds one row more, less or other than the log has for that instant */
export async function restoreToRandomInstants({
  stack,
  cli,
  node,
  kinds,
  backupEvery,
}: PitrOptions): Promise<Instant[]> {
  await psql(cli, "drop table if exists ledger");
  await psql(cli, TABLE);
  const ends: End[] = [];
  const superuser = (statement: string) =>
    stack.exec(node, ["psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "postgres", "-XAtc", statement]);
  // Or a checkpoint takes segments away before they are read.
  await superuser("select pg_create_physical_replication_slot('ledger', true)");
  let from = await superuser("select pg_current_wal_lsn()");
  // An instant before the end of the first backup would have none to begin from.
  const first = BigInt(Date.now() + 2000) * 1000n;
  const ledger = await startLedger(stack);
  const done: Instant[] = [];
  try {
    await eventually(async () => expect(ledger.entries.length).toBeGreaterThan(150), 120);
    for (const [index, kind] of kinds.entries()) {
      if (index > 0 && index % backupEvery === 0)
        await stack.exec("backup-postgres", ["plimsoll-backup", "backup", index % 2 ? "incr" : "diff"]);
      // What the log says by now.
      const fresh = await endsSince(stack, node, from);
      const known = ends.at(-1)?.lsn ?? -1n;
      ends.push(...fresh.filter(({ lsn }) => lsn > known));
      from = lsnText((ends.at(-1) as End).lsn);
      const chosen = choose(kind, ends, first);
      const said = await cli.run("restore", ["--to", chosen.to, "--json"]);
      expect(said, said.stderr).toMatchObject({ exitCode: 0 });
      const { seconds, set } = JSON.parse(said.stdout) as { seconds: number; set: string };
      const rows = await rowsOf(cli, "--copy");
      const wanted = expected(ledger.entries, ends.slice(0, chosen.count));
      compare(rows, wanted.rows, `${kind} ${chosen.to}`);
      if (kind === "time") judgeByClock(ledger.entries, wanted.there, Number(chosen.at / 1000n), chosen.to);
      await cli.run("restore", ["--drop-copy"]);
      done.push({ kind, to: chosen.to, transactions: wanted.there.length, rows: rows.size, seconds, set });
      console.log(line(done.at(-1) as Instant));
    }
  } finally {
    await ledger.stop();
    await superuser("select pg_drop_replication_slot('ledger')");
    await cli.run("restore", ["--drop-copy"]);
  }
  return done;
}

export function line({ kind, to, transactions, rows, seconds, set }: Instant): string {
  return `${kind.padEnd(5)} ${to.padEnd(32)} ${String(transactions).padStart(6)} transactions ${String(rows).padStart(6)} rows, as they must be; ${seconds} s from ${set}`;
}

type Chosen = { to: string; count: number; at: bigint };

/** Any moment between the first transaction and the last that the log has, to the microsecond; or a transaction. */
function choose(kind: Instant["kind"], ends: readonly End[], first: bigint): Chosen {
  const later = ends.filter(({ at, committed }) => at > first && committed);
  const [earliest, latest] = [later[0], later.at(-1)] as [End, End];
  const any = later[Math.floor(Math.random() * later.length)] as End;
  if (kind === "xid") return { to: `xid:${any.xid}`, count: until.xid(ends, any.xid), at: any.at };
  if (kind === "lsn") return { to: `lsn:${lsnText(any.lsn)}`, count: until.lsn(ends, any.lsn), at: any.at };
  const at = earliest.at + BigInt(Math.floor(Math.random() * Number(latest.at - earliest.at)));
  const second = new Date(Number(at / 1000n)).toISOString().slice(0, 19);
  return { to: `${second}.${String(at % 1_000_000n).padStart(6, "0")}Z`, count: until.time(ends, at), at };
}

/** @returns the writer's transactions that these ends commit, in that order, and the rows after them */
function expected(entries: readonly Entry[], ends: readonly End[]) {
  const byXid = new Map(entries.map((entry) => [entry.xid, entry]));
  const there = ends.flatMap(({ xid, committed }) => {
    const entry = committed ? byXid.get(xid) : undefined;
    return entry ? [entry] : [];
  });
  return { there, rows: rowsAfter(there) };
}

function compare(found: Map<number, number>, wanted: Map<number, number>, what: string): void {
  const wrong = [...new Set([...found.keys(), ...wanted.keys()])]
    .filter((id) => found.get(id) !== wanted.get(id))
    .map((id) => `row ${id}: transaction ${found.get(id) ?? "none"}, expected ${wanted.get(id) ?? "none"}`);
  expect(wrong.slice(0, 10), `${what}: ${wrong.length} of ${wanted.size} rows`).toEqual([]);
  expect(wanted.size, what).toBeGreaterThan(0);
}

/** The client's own clock, which knows nothing of the log: acknowledged before is there, asked for after is not. */
function judgeByClock(entries: readonly Entry[], there: readonly Entry[], at: number, what: string): void {
  const has = new Set(there.map(({ xid }) => xid));
  const committed = entries.filter(({ word }) => word === "commit");
  expect(
    committed.filter(({ ended, xid }) => ended < at && !has.has(xid)),
    what,
  ).toEqual([]);
  expect(
    committed.filter(({ began, xid }) => began > at + 1 && has.has(xid)),
    what,
  ).toEqual([]);
  expect(
    entries.filter(({ word, xid }) => word === "rollback" && has.has(xid)),
    what,
  ).toEqual([]);
}

async function rowsOf(cli: Cli, ...words: string[]): Promise<Map<number, number>> {
  const text = await psql(cli, "select id, value from ledger", ...words);
  return new Map(
    text
      .split("\n")
      .filter(Boolean)
      .map((row) => row.split("|").map(Number) as [number, number]),
  );
}

async function psql(cli: Cli, statement: string, ...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await cli.run("psql", [...words, "--", "-XAtqc", statement]);
  if (exitCode !== 0) throw new Error(`${statement}: ${stderr}`);
  return stdout;
}
