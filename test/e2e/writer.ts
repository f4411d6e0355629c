/** A writer that numbers its rows and keeps what was acknowledged, with the application's own driver, role and way. */
import { execa } from "execa";
import type { RunningStack } from "./engine.ts";

/** In a server's container: the database is in no other reach. Ends when its stdin does. */
const WRITER = `
import { readFileSync } from "node:fs";
import pg from "pg";
const connectionString = readFileSync("/run/secrets/DATABASE_URL", "utf8").trim();
const pool = new pg.Pool({ connectionString, max: 4, connectionTimeoutMillis: 2000 });
pool.on("error", () => undefined);
let next = Number(process.argv[1]);
let going = true;
process.stdin.on("end", () => { going = false; }).resume();
const pause = (ms) => new Promise((later) => setTimeout(later, ms));
async function lane() {
  while (going) {
    const number = next++;
    const began = Date.now();
    const word = await pool.query("insert into numbers (n) values ($1)", [number]).then(() => "ok", () => "no");
    process.stdout.write(word + " " + number + " " + began + " " + Date.now() + "\\n");
    await pause(word === "ok" ? 4 : 20);
  }
}
await Promise.all([lane(), lane(), lane(), lane()]);
await pool.end();
`;

export type Row = {
  n: number;
  acknowledged: boolean;
  /** Milliseconds of the epoch: when it was sent, and when its answer came. */
  began: number;
  ended: number;
};

export type Writer = {
  rows: Row[];
  /** Numbers that were acknowledged. */
  acknowledged(): number[];
  /** Waits for the next that is acknowledged from now on. */
  next(): Promise<void>;
  /** Seconds of the longest time without one between two moments. */
  longestGap(from: number, to: number): number;
  stop(): Promise<Row[]>;
};

export async function startWriter(stack: RunningStack, first: number): Promise<Writer> {
  const { stdout: id } = await stack.compose("ps", "--quiet", "api-1");
  const args = ["exec", "-i", id.trim(), "node", "--input-type=module", "-e", WRITER, String(first)];
  const child = execa("docker", args, { reject: false, env: { DOCKER_HOST: stack.engine.endpoint } });
  const rows: Row[] = [];
  let rest = "";
  child.stdout.on("data", (bytes: Buffer) => {
    const lines = (rest + bytes.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [word, ...numbers] = line.split(" ");
      const [n = 0, began = 0, ended = 0] = numbers.map(Number);
      rows.push({ n, acknowledged: word === "ok", began, ended });
    }
  });
  const times = () => rows.filter((row) => row.acknowledged).map(({ ended }) => ended);
  const writer: Writer = {
    rows,
    acknowledged: () => rows.filter((row) => row.acknowledged).map(({ n }) => n),
    async next() {
      const since = Date.now();
      while (!rows.some((row) => row.acknowledged && row.began >= since)) {
        if (Date.now() - since > 60_000) throw new Error("no write was acknowledged for 60 s");
        await new Promise((later) => setTimeout(later, 20));
      }
    },
    longestGap(from, to) {
      const inside = times().filter((at) => at > from && at < to);
      const marks = [from, ...inside.sort((one, other) => one - other), to];
      return Math.max(...marks.slice(1).map((at, index) => at - (marks[index] as number))) / 1000;
    },
    async stop() {
      child.stdin.end();
      // Commits that wait for a replica that never comes would keep it, and the test, for ever.
      const patience = setTimeout(() => child.kill("SIGKILL"), 30_000);
      const { exitCode, stderr } = await child;
      clearTimeout(patience);
      if (exitCode !== 0) throw new Error(`the writer ended with ${exitCode}: ${stderr}`);
      return rows;
    },
  };
  await writer.next().catch(async (error: Error) => {
    child.kill();
    throw new Error(`${error.message}\n${(await child).stderr}`);
  });
  return writer;
}
