/** The promotion's script against an engine that is played: the order of things, and what is done where one fails. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { eachInItsFolder } from "../../generator/testing/folder.ts";
import { localHost } from "../host/local.ts";
import { databaseScript } from "./look.ts";

const folder = eachInItsFolder();

/** Files in WORLD are what is: `stopped` (the old one), `fenced`, `primary` (the new one leads), `sticky`, `dirty`, `busy`,
 * `behind` (the new one lacks something), `twin` (a second container of the old one). */
const DOCKER = `#!/bin/bash
echo "$*" | tr '\\n' ' ' >>"$WORLD/calls"
echo >>"$WORLD/calls"
is() { [[ -e $WORLD/$1 ]]; }
case "$1 $2 $*" in
  "ps -q"*service=postgres-1*) is stopped || echo id-postgres-1; is twin && echo id-twin ;;
  "ps -"*) grep -oE 'service=[a-z0-9-]+' <<<"$*" | sed 's/service=/id-/' ;;
  "container inspect"*State.Status*id-postgres-1*) if is stopped; then echo exited; else echo running; fi ;;
  "container inspect"*State.Status*) echo running ;;
  "container inspect"*State.Running*) if is stopped; then echo false; else echo true; fi ;;
  "container inspect"*) echo sha256:image ;;
  "cp id-postgres-1:/var/lib/postgresql/fenced"*) is fenced ;;
  "cp id-"*alone.conf*) is alone ;;
  "cp id-"*) echo a file ;;
  "cp "*) touch "$WORLD/fenced" ;;
  "stop "* | "kill "*) is sticky || touch "$WORLD/stopped" ;;
  "exec id-postgres-1 "*"rm -f"*) rm -f "$WORLD/fenced" ;;
  "exec id-postgres-1"*) is dirty || echo 1 ;;
  *pg_promote*) is busy && { echo f; exit; }; touch "$WORLD/primary"; echo t ;;
  *"case when pg_is_in_recovery()"*) if is primary; then echo primary; else echo standby; fi ;;
  *pg_controldata*) cat >/dev/null; printf 'Database cluster state:  %s\\nLatest checkpoint location:  0/5000028\\nLatest checkpoint'"'"'s TimeLineID:  1\\n' "$(is dirty && echo in production || echo shut down)" ;;
  *pg_read_file*) printf '1\\t0/5000100\\tno recovery target specified\\n' ;;
  *"greatest(pg_last_wal_receive_lsn"*) is behind || echo t ;;
  *"::pg_lsn >"*) echo t ;;
  *wal_lsn_diff*) echo 98 ;;
  "exec -i"*) cat >/dev/null ;;
  "run --rm"*) printf '%s\\n' \\
    'rmgr: Heap        len (rec/tot):     62/    62, tx: 743, lsn: 0/05000108, prev 0/050000D0, desc: INSERT off: 4' \\
    'rmgr: Transaction len (rec/tot):     34/    34, tx: 743, lsn: 0/05000148, prev 0/05000108, desc: COMMIT 2026' ;;
esac
`;

const world = () => join(folder.path, "world");
const state = () => join(folder.path, "state");

beforeEach(() => {
  mkdirSync(world());
  mkdirSync(state());
  writeFileSync(join(world(), "docker"), DOCKER);
  chmodSync(join(world(), "docker"), 0o755);
});

async function run(...facts: string[]) {
  for (const fact of facts) writeFileSync(join(world(), fact), "");
  const outcome = await localHost().script(
    databaseScript("lost", "promote"),
    [state(), "shop", "postgres", "postgres-1", "postgres-2"],
    { environment: { WORLD: world(), PATH: `${world()}:${process.env.PATH}` } },
  );
  const calls = readFileSync(join(world(), "calls"), "utf8").split("\n");
  const at = (pattern: RegExp) => calls.findIndex((line) => pattern.test(line));
  return { ...outcome, at };
}
const kept = (name: string) => existsSync(join(state(), name));

it("fences before it stops, stops before it promotes, promotes before it points", async () => {
  const { exitCode, stdout, at } = await run();
  expect(exitCode).toBe(0);
  const order = [
    /^update --restart=no id-postgres-1/,
    /^cp \S+ id-postgres-1:\S+fenced/,
    // PostgreSQL's shutdown waits for whoever streams.
    /exec id-postgres-1 .*pg_terminate_backend\(pid\) from pg_stat_replication where application_name = 'disaster-site'/,
    /^stop --time 30 id-postgres-1/,
    /pg_promote/,
    /pointer.sh set postgres-2/,
  ].map(at);
  expect(order.every((index) => index >= 0)).toBe(true);
  expect([...order].sort((one, other) => one - other)).toEqual(order);
  expect(stdout).toMatch(/^ended clean\nlost 0 0$/m);
  expect(kept("promotion")).toBe(false);
  expect(readFileSync(join(state(), "promoted"), "utf8")).toBe("postgres-1 0 0\n");
});

it("kills one that does not answer, and counts what only it has", async () => {
  const { stdout, at } = await run("dirty");
  expect(at(/^stop /)).toBe(-1);
  expect(at(/^kill id-postgres-1/)).toBeGreaterThan(at(/^cp \S+ id-postgres-1:\S+fenced/));
  expect(stdout).toMatch(/^ended killed\nlost 1 98$/m);
});

it("gives the writes back where the old one cannot be stopped: the replica was told nothing", async () => {
  const { exitCode, stderr, at } = await run("sticky");
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/postgres-1 cannot be stopped: nothing was changed/);
  expect(at(/pg_promote/)).toBe(-1);
  expect(existsSync(join(world(), "fenced"))).toBe(false);
  expect(at(/^update --restart=unless-stopped id-postgres-1/)).toBeGreaterThan(0);
  expect(at(/^start id-postgres-1/)).toBeGreaterThan(0);
  expect(at(/pg_drop_replication_slot/)).toBeGreaterThan(0);
  expect(kept("promotion")).toBe(false);
}, 30_000);

it.each([
  [
    "the replica has not received all",
    "behind",
    /has not received all that postgres-1 wrote: nothing was changed/,
  ],
  [
    "another container of the old one runs",
    "twin",
    /another container of postgres-1 runs: nothing was changed/,
  ],
])(
  "gives the writes back where %s",
  async (_, fact, said) => {
    const { exitCode, stderr, at } = await run(fact);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(said);
    expect(at(/pg_promote/)).toBe(-1);
    expect(at(/^start id-postgres-1/)).toBeGreaterThan(0);
    expect(existsSync(join(world(), "fenced"))).toBe(false);
  },
  30_000,
);

it("never gives them back once the replica was told to promote, and goes on when it is run again", async () => {
  const first = await run("busy");
  expect(first.exitCode).toBe(1);
  expect(first.stderr).toMatch(/Run this again: it waits on/);
  expect(existsSync(join(world(), "fenced"))).toBe(true);
  expect(first.at(/^start id-postgres-1/)).toBe(-1);
  expect(readFileSync(join(state(), "promotion"), "utf8")).toMatch(/^postgres-1 postgres-2\n\d{16}\n$/);
  // Neither does a later run that fails earlier than that.
  const other = await localHost().script(
    databaseScript("lost", "promote"),
    [state(), "shop", "postgres", "postgres-2", "postgres-1"],
    { environment: { WORLD: world(), PATH: `${world()}:${process.env.PATH}` } },
  );
  expect(other.stderr).toMatch(/another promotion did not end: postgres-1 postgres-2/);
  // It became primary meanwhile.
  await new Promise((later) => setTimeout(later, 500));
  const again = await run("primary");
  expect(again.exitCode).toBe(0);
  // From the fence that the first run made.
  expect(Number(/^seconds (.+)$/m.exec(again.stdout)?.[1])).toBeGreaterThan(0.4);
  expect(kept("promotion")).toBe(false);
});

it("does not touch a node that leads already", async () => {
  const { exitCode, stderr, at } = await run("primary");
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/takes writes of its own already: nothing was changed/);
  expect(at(/^(update|stop|kill|cp \/)/)).toBe(-1);
});
