/** A writer whose log says which rows are there after any of its transactions: inserts, updates, deletes, roll-backs. */
import { execa } from "execa";
import type { RunningStack } from "../e2e/engine.ts";

/** In a server's container, as the application: its driver, its role, its way. Ends when its stdin does. */
const WRITER = `
import { readFileSync } from "node:fs";
import pg from "pg";
const connectionString = readFileSync("/run/secrets/DATABASE_URL", "utf8").trim();
const pool = new pg.Pool({ connectionString, max: 4, connectionTimeoutMillis: 5000 });
pool.on("error", () => undefined);
let next = 1;
let going = true;
process.stdin.on("end", () => { going = false; }).resume();
const pause = (ms) => new Promise((later) => setTimeout(later, ms));
const some = () => 1 + Math.floor(Math.random() * next);
async function transaction(client) {
  const steps = [];
  const say = async (kind, id, value) => {
    const statements = {
      insert: ["insert into ledger values ($1, $2)", [id, value]],
      update: ["update ledger set value = $2 where id = $1", [id, value]],
      delete: ["delete from ledger where id = $1", [id]],
    };
    const { rowCount } = await client.query(...statements[kind]);
    // A row that another has not committed yet is not met, though its commit may come first.
    if (rowCount === 1) steps.push([kind, id, value]);
  };
  await client.query("begin");
  const { rows: [{ xid }] } = await client.query("select pg_current_xact_id() as xid");
  // Old rows in order, so that no two wait for each other.
  for (const id of [some(), some()].sort((one, other) => one - other))
    await say(Math.random() < 0.3 ? "delete" : "update", id, Number(xid));
  for (let rows = 1 + Math.floor(Math.random() * 4); rows > 0; rows--) await say("insert", next++, Number(xid));
  const word = Math.random() < 0.1 ? "rollback" : "commit";
  const began = Date.now();
  await client.query(word);
  process.stdout.write(JSON.stringify({ xid: Number(xid), word, began, ended: Date.now(), steps }) + "\\n");
}
async function lane() {
  while (going) {
    const client = await pool.connect();
    try { await transaction(client); } catch { await client.query("rollback").catch(() => undefined); }
    client.release();
    await pause(20 + Math.random() * 60);
  }
}
await Promise.all([lane(), lane(), lane()]);
await pool.end();
`;

type Step = ["insert" | "update" | "delete", id: number, value: number];

export type Entry = {
  xid: number;
  word: "commit" | "rollback";
  /** Milliseconds of the epoch: when its end was asked for, and when that was acknowledged. */
  began: number;
  ended: number;
  steps: Step[];
};

export type Ledger = { entries: Entry[]; stop(): Promise<void> };

export const TABLE = "create table ledger (id bigint primary key, value bigint not null)";

export async function startLedger(stack: RunningStack): Promise<Ledger> {
  const { stdout: id } = await stack.compose("ps", "--quiet", "api-1");
  const args = ["exec", "-i", id.trim(), "node", "--input-type=module", "-e", WRITER];
  const child = execa("docker", args, { reject: false, env: { DOCKER_HOST: stack.engine.endpoint } });
  const entries: Entry[] = [];
  let rest = "";
  child.stdout.on("data", (bytes: Buffer) => {
    const lines = (rest + bytes.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) entries.push(JSON.parse(line) as Entry);
  });
  return {
    entries,
    async stop() {
      child.stdin.end();
      const patience = setTimeout(() => child.kill("SIGKILL"), 30_000);
      const { exitCode, stderr } = await child;
      clearTimeout(patience);
      if (exitCode !== 0) throw new Error(`the writer ended with ${exitCode}: ${stderr}`);
    },
  };
}

/** The rows after these transactions, in the order of their commits: those that change one row wait for each other. */
export function rowsAfter(entries: readonly Entry[]): Map<number, number> {
  const rows = new Map<number, number>();
  for (const { steps } of entries)
    for (const [kind, id, value] of steps) {
      if (kind === "insert") rows.set(id, value);
      if (kind === "update" && rows.has(id)) rows.set(id, value);
      if (kind === "delete") rows.delete(id);
    }
  return rows;
}
