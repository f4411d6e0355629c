/** The running database becomes what it was, and comes back: exact rows, under load, killed half way, twice. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";
import { holdLock } from "./held-lock.ts";
import { killTree } from "./kill-tree.ts";
import { inLongIt } from "./long.ts";
import { buildCli, type Cli, cliOn, removeCli } from "./operate-cli.ts";
import { SMALL } from "./small.ts";
import { eventually } from "./wait.ts";
import { type Row, startWriter, type Writer } from "./writer.ts";

const engine = await engineOrSkip();
const main = engine ? await buildCli() : "";
afterAll(removeCli);

type Restored = {
  seconds: number;
  taken: number | null;
  timeline: number;
  safety: string;
  reached: string | null;
};

describe.skipIf(!engine)("restore in place", { timeout: 1_800_000 }, () => {
  let stack: RunningStack;
  let cli: Cli;
  let next = 1;
  /** All that was ever sent, with what became of it. */
  const sent: Row[] = [];

  beforeAll(async () => {
    stack = await startStack({ name: "inplace", overrides: SMALL, timeout: 900 });
    cli = cliOn(main, { flags: ["--stack", stack.stackFolder] });
    const table = "create table numbers (n bigint primary key, at timestamptz default clock_timestamp())";
    expect(await cli.run("psql", ["--", "-c", table])).toMatchObject({ exitCode: 0 });
  });
  afterAll(async () => {
    await stack?.stop();
  });

  const docker = async (...words: string[]) =>
    (
      await promisify(execFile)("docker", words, { env: { ...process.env, DOCKER_HOST: engine?.endpoint } })
    ).stdout.trim();
  const id = async (service: string) =>
    docker(
      ...["ps", "-aq", "--no-trunc", "--filter", `label=com.docker.compose.project=${stack.project}`],
      ...["--filter", `label=com.docker.compose.service=${service}`],
    );
  const sql = async (node: string, statement: string) =>
    docker(
      ...["exec", await id(node), "psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "fkod_db", "-XAtc"],
      statement,
    );
  const state = () => join(stack.stackFolder, ".plimsoll/local");
  const volume = async () => docker("exec", await id("postgres-1"), "bash", "-c", "ls $PGDATA/..");
  /** Of the one that writes, through the proxy, or of the copy. */
  const numbers = async (...words: string[]): Promise<Set<number>> => {
    const { stdout, stderr } = await cli.run("psql", [...words, "--", "-XAtc", "select n from numbers"]);
    if (stderr) throw new Error(stderr);
    return new Set(stdout.split("\n").filter(Boolean).map(Number));
  };
  const missing = (all: Set<number>, wanted: readonly number[]) => wanted.filter((n) => !all.has(n));
  const extra = (all: Set<number>, unwanted: readonly number[]) => unwanted.filter((n) => all.has(n));
  const acknowledged = (from: number, to: number) =>
    sent.filter((row) => row.acknowledged && row.began > from && row.ended < to).map(({ n }) => n);
  const pause = (milliseconds: number) => new Promise((later) => setTimeout(later, milliseconds));

  async function withWriter<Result>(action: (writer: Writer) => Promise<Result>): Promise<Result> {
    const writer = await startWriter(stack, next);
    try {
      return await action(writer);
    } finally {
      const rows = await writer.stop();
      sent.push(...rows);
      next = Math.max(next, ...rows.map(({ n }) => n)) + 1;
    }
  }
  const follows = () =>
    eventually(async () => {
      expect(await sql("postgres-1", "select state from pg_stat_replication")).toBe("streaming");
      expect(await sql("postgres-2", "select count(*), max(n) from numbers")).toBe(
        await sql("postgres-1", "select count(*), max(n) from numbers"),
      );
    }, 120);
  async function restore(...words: string[]): Promise<Restored> {
    const said = await cli.run("restore", [...words, "--confirm", "fkod", "--json"]);
    expect(said, said.stderr).toMatchObject({ exitCode: 0 });
    const restored = JSON.parse(said.stdout) as Restored;
    console.log(
      `${words.join(" ")}: ${restored.seconds} s without writes, ${restored.taken} transactions taken back, timeline ${restored.timeline}`,
    );
    return restored;
  }
  const copyOf = async (to: string) => {
    const said = await cli.run("restore", ["--to", to]);
    expect(said, said.stderr).toMatchObject({ exitCode: 0 });
    const rows = await numbers("--copy");
    expect(await cli.run("restore", ["--drop-copy"])).toMatchObject({ exitCode: 0 });
    return rows;
  };
  /** Begins it, and kills it with all its children when it says that. */
  async function killAt(words: readonly string[], when: RegExp): Promise<void> {
    const going = cli.begin("restore", [...words, "--confirm", "fkod"]);
    let heard = "";
    going.stderr?.on("data", (bytes: Buffer) => {
      heard += bytes.toString();
      if (when.test(heard)) void killTree(going.pid as number);
    });
    expect((await going).exitCode, heard).not.toBe(0);
    expect(heard).toMatch(when);
  }
  const free = () =>
    eventually(async () => {
      await promisify(execFile)("flock", ["-n", join(state(), "work.lock"), "true"]);
      await promisify(execFile)("flock", ["-n", join(state(), "restore.lock"), "true"]);
    }, 120);

  /** The backup that a restore begins, or that a killed one left at work, is made. */
  const idle = () =>
    eventually(async () => {
      const report = await docker("exec", await id("backup-postgres"), "plimsoll-backup", "report");
      expect(JSON.parse(report).running.backup).toBe(false);
    }, 300);

  it("refuses what is wrong before anything is touched", async () => {
    const refused: [string[], number, RegExp][] = [
      [["--to", "latest", "--in-place"], 2, /Everything|What is written[\s\S]*Nobody is here to ask/],
      [["--to", "latest", "--in-place", "--confirm", "shop"], 2, /not the stack's name/],
      [["--to", "2026-11-20 14:05:00", "--in-place"], 2, /has no zone/],
      [["--to", "2099-11-20 14:05:00Z", "--in-place"], 2, /in the future/],
      [["--to", "2020-11-20 14:05:00Z", "--in-place"], 2, /before the first backup/],
      [["--to", "v99", "--in-place"], 2, /no release left a restore point/],
      [["--to", "xid:9999999", "--in-place"], 2, /in the future/],
      [["--to", "lsn:7F/0", "--in-place"], 2, /in the future/],
      [["--in-place"], 2, /No restore in place is waiting/],
      [["--to", "latest", "--undo"], 2, /four things/],
      [["--undo"], 2, /Nobody is here to ask/],
      [["--undo", "--confirm", "fkod"], 1, /nothing is kept that could be brought back/],
    ];
    for (const [words, exitCode, message] of refused) {
      const said = await cli.run("restore", words);
      expect(said.stderr, words.join(" ")).toMatch(message);
      expect(said.exitCode, words.join(" ")).toBe(exitCode);
    }
    for (const [lock, holder] of [
      ["work", /another is at work on local/],
      ["restore", /another is at work on local/],
    ] as const) {
      const release = await holdLock(join(state(), `${lock}.lock`));
      const said = await cli.run("restore", ["--to", "latest", "--in-place", "--confirm", "fkod"]);
      expect(said.stderr, lock).toMatch(holder);
      await release();
    }
    expect((await volume()).split("\n").filter((name) => name.startsWith("docker"))).toEqual(["docker"]);
    expect(await docker("ps", "-aq", "--filter", `label=plimsoll.ahead=${stack.project}`)).toBe("");
    expect(await readdir(state())).not.toContain("restoring");
    expect(await sql("postgres-1", "select timeline_id from pg_control_checkpoint()")).toBe("1");
  });

  it("becomes what it was at a time, under load, and is brought back; what came between stays reachable", async () => {
    const { time, begun, ended, between } = await withWriter(async (writer) => {
      await pause(2500);
      const time = Date.now();
      await pause(2500);
      await writer.next();
      const between = Date.now();
      await pause(1500);
      await writer.next();
      const begun = Date.now();
      const restored = await restore("--to", new Date(time).toISOString(), "--in-place");
      const ended = Date.now();
      expect(restored).toMatchObject({ timeline: 2, safety: expect.stringMatching(/F/) });
      await writer.next();
      console.log(`${writer.longestGap(begun, ended).toFixed(1)} s of silence for the application`);
      return { time, begun, ended, between };
    });
    // Acknowledged before the command: what was there by then is there, and nothing that came later.
    const before = acknowledged(0, time);
    const taken = sent.filter((row) => row.began > time && row.ended < begun).map(({ n }) => n);
    const after = acknowledged(ended, Number.POSITIVE_INFINITY);
    // Of a machine that has much else to do, too: a few of each.
    for (const rows of [before, taken, after]) expect(rows.length).toBeGreaterThan(3);
    const now = await numbers();
    expect(missing(now, before)).toEqual([]);
    expect(extra(now, taken)).toEqual([]);
    expect(missing(now, after)).toEqual([]);
    await follows();
    expect(
      extra(new Set((await sql("postgres-2", "select n from numbers")).split("\n").map(Number)), taken),
    ).toEqual([]);
    expect((await cli.run("ps")).stdout).toMatch(/kept for the undo .*plimsoll restore/);

    // `latest` follows the new data; a time at which the old ones served shows those.
    expect([...(await copyOf("latest"))].sort()).toEqual([...now].sort());
    const then = await copyOf(new Date(between).toISOString());
    expect(missing(then, acknowledged(0, between - 1))).toEqual([]);
    expect(extra(then, after)).toEqual([]);

    expect(await restore("--undo")).toMatchObject({ timeline: 3 });
    const back = await numbers();
    expect(missing(back, [...before, ...acknowledged(time, begun)])).toEqual([]);
    expect(extra(back, after)).toEqual([]);
    await follows();
    expect((await volume()).split("\n").filter((name) => name.startsWith("docker"))).toEqual(["docker"]);
    expect([...(await copyOf("latest"))].sort()).toEqual([...back].sort());
  });

  it("may be killed at any step: the old data serve, or the new ones", async () => {
    const there = await numbers();
    const mark = await sql(
      "postgres-1",
      "insert into numbers (n) values (1000000001) returning pg_current_xact_id()",
    );
    await sql("postgres-1", "insert into numbers (n) values (1000000002)");
    const words = ["--to", `xid:${mark.split("\n")[0]}`, "--in-place"];
    const whole = [...there, 1_000_000_001, 1_000_000_002].sort();

    await idle();
    await killAt(words, /restoring the backup/);
    expect([...(await numbers())].sort()).toEqual(whole);
    await free();
    // What was being restored, and its container, go with the undo: there is nothing to bring back.
    expect((await cli.run("restore", ["--undo", "--confirm", "fkod"])).stderr).toMatch(
      /had changed nothing yet/,
    );
    expect(await docker("ps", "-aq", "--filter", `label=plimsoll.ahead=${stack.project}`)).toBe("");
    expect((await volume()).split("\n").filter((name) => name.startsWith("docker"))).toEqual(["docker"]);

    await idle();
    await killAt(words, /^ +outage$/m);
    await free();
    expect((await readFile(join(state(), "restoring"), "utf8")).split("\n")[0]).toBe("swap");
    expect((await cli.run("promote", ["--confirm", "fkod"])).stderr).toMatch(
      /restore in place, or its undo, did not end/,
    );
    // The container of the writer, too, in the middle of what it was doing.
    await docker("kill", await id("postgres-1")).catch(() => "");
    await docker("start", await id("postgres-1"));
    await restore("--in-place");
    expect([...(await numbers())].sort()).toEqual([...there, 1_000_000_001].sort());
    await follows();
    expect(await readdir(state())).not.toContain("restoring");

    await idle();
    await killAt(["--undo"], /^ +outage$/m);
    await free();
    await restore("--undo");
    expect([...(await numbers())].sort()).toEqual(whole);
    await follows();
  });

  inLongIt(
    "takes no step where the log has a gap, and takes one after the other where it has none",
    async () => {
      const there = [...(await numbers())].sort();
      const lsn = await sql("postgres-1", "select pg_current_wal_insert_lsn()");
      await sql("postgres-1", "insert into numbers (n) values (1000000003)");
      await idle();
      const going = cli.begin("restore", ["--to", `lsn:${lsn}`, "--in-place", "--confirm", "fkod", "--json"]);
      await eventually(async () => expect(await readdir(state())).toContain("restoring"), 120);
      for (const [command, words] of [
        ["restore", ["--to", "latest"]],
        ["restore", ["--to", "latest", "--in-place", "--confirm", "fkod"]],
        ["promote", ["--confirm", "fkod"]],
      ] as const)
        expect((await cli.run(command, words)).stderr, words.join(" ")).toMatch(
          // In its outage a promotion is refused for what it would meet, before it asks who is at work.
          /another is at work on local: a restore in place \(log position|a restore in place, or its undo, did not end/,
        );
      expect((await going).exitCode).toBe(0);
      expect([...(await numbers())].sort()).toEqual(there);
      await follows();
      // A second one, of what is on the timeline of the first.
      await sql("postgres-1", "insert into numbers (n) values (1000000004)");
      await idle();
      const second = await restore("--to", "latest", "--in-place");
      expect(second.timeline).toBeGreaterThan(6);
      expect([...(await numbers())].sort()).toEqual([...there, 1_000_000_004].sort());
      await follows();
      expect(
        JSON.parse((await cli.run("restore", ["--drop-undo", "--confirm", "fkod", "--json"])).stdout),
      ).toEqual({
        removed: true,
      });
      expect((await cli.run("restore", ["--undo", "--confirm", "fkod"])).stderr).toMatch(/nothing is kept/);

      // A segment after the newest backup is gone.
      await idle();
      await sql("postgres-1", "insert into numbers (n) values (1000000005)");
      const gone = await sql("postgres-1", "select pg_walfile_name(pg_switch_wal())");
      await eventually(async () =>
        expect(await sql("postgres-1", "select last_archived_wal from pg_stat_archiver")).toBe(gone),
      );
      await docker(
        "exec",
        await id("backup-postgres"),
        "bash",
        "-c",
        `rm /var/lib/pgbackrest/archive/main/*/*/${gone}-*`,
      );
      await sql("postgres-1", "insert into numbers (n) values (1000000006)");
      const said = await cli.run("restore", ["--to", "latest", "--in-place", "--confirm", "fkod"]);
      expect(said.stderr).toMatch(/before configured recovery target was reached[\s\S]*nothing was changed/);
      expect(said.exitCode).toBe(1);
      expect([...(await numbers())].sort()).toEqual(
        [...there, 1_000_000_004, 1_000_000_005, 1_000_000_006].sort(),
      );
      expect((await volume()).split("\n").filter((name) => name.startsWith("docker"))).toEqual(["docker"]);
      await follows();
    },
  );

  it("lets a promotion go on beside a copy that is being made, which can be ended, and keeps the verification's memory", async () => {
    const copying = cli.begin("restore", ["--to", "latest"]);
    const found = async () => docker("ps", "-q", "--filter", `label=plimsoll.copy=${stack.project}`);
    await eventually(async () => expect(await found()).not.toBe(""), 120);
    // Or it is made before anybody looks: what it does stands still, itself and this shell aside.
    await docker("exec", await found(), "bash", "-c", "kill -STOP -1");
    await promisify(execFile)("flock", ["-n", join(state(), "work.lock"), "true"]);
    expect((await cli.run("restore", ["--to", "latest"])).stderr).toMatch(/a restore into a copy/);
    expect(JSON.parse((await cli.run("restore", ["--drop-copy", "--json"])).stdout)).toEqual({
      removed: true,
    });
    expect((await copying).exitCode).toBe(1);
    expect(await docker("volume", "ls", "-q", "--filter", `name=${stack.project}_postgres-copy`)).toBe("");

    expect((await cli.run("restore", ["--to", "latest"])).exitCode).toBe(0);
    const verified = await cli.run("backup", ["verify"]);
    expect(verified.stderr).toMatch(/in the memory that a verification uses[\s\S]*--drop-copy/);
    await cli.run("restore", ["--drop-copy"]);
  });
});
