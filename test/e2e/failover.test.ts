/** The replica takes over, the old primary comes back as one, and a copy shows the past: what was acknowledged stays. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";
import { holdLock } from "./held-lock.ts";
import { killTree } from "./kill-tree.ts";
import { buildCli, type Cli, cliOn, removeCli } from "./operate-cli.ts";
import { eventually } from "./wait.ts";
import { startWriter, type Writer } from "./writer.ts";

const engine = await engineOrSkip();
const main = engine ? await buildCli() : "";
afterAll(removeCli);

const SMALL = { "api.servers": 1, monitoring: false, logging: false, "nginx.rate": false };

describe.skipIf(!engine)("promote, rejoin, restore", () => {
  let stack: RunningStack;
  let cli: Cli;
  let next = 1;

  beforeAll(async () => {
    stack = await startStack({ name: "failover", overrides: SMALL });
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
  /** What the writer of the moment holds, through the proxy. */
  const numbers = async (...words: string[]): Promise<Set<number>> => {
    const { stdout, stderr } = await cli.run("psql", [...words, "--", "-XAtc", "select n from numbers"]);
    if (stderr) throw new Error(stderr);
    return new Set(stdout.split("\n").filter(Boolean).map(Number));
  };
  const missing = (all: Set<number>, wanted: readonly number[]) => wanted.filter((n) => !all.has(n));
  /** What was acknowledged until now and is not there. */
  const lostOf = async (writer: Writer) => {
    const wanted = writer.acknowledged();
    return missing(await numbers(), wanted);
  };
  const pointer = async () =>
    docker("exec", await id("postgres"), "bash", "/usr/local/etc/haproxy/pointer.sh", "show");
  const state = () => join(stack.stackFolder, ".plimsoll/local");
  const replicated = (from: string, to: string) =>
    eventually(async () => {
      expect(await sql(from, `select state from pg_stat_replication where application_name = '${to}'`)).toBe(
        "streaming",
      );
      expect(await sql(to, "select count(*) from numbers")).toBe(
        await sql(from, "select count(*) from numbers"),
      );
    }, 60);
  async function withWriter<Result>(action: (writer: Writer) => Promise<Result>): Promise<Result> {
    const writer = await startWriter(stack, next);
    try {
      return await action(writer);
    } finally {
      await writer.stop();
      next = Math.max(next, ...writer.rows.map(({ n }) => n)) + 1;
    }
  }
  type Promoted = {
    new: string;
    seconds: number;
    clean: boolean;
    lost: { transactions: number } | null;
    alone: boolean;
  };
  /** Promotes under the writer's load. @returns what it says, and the longest silence that the writer saw */
  async function promoteUnder(writer: Writer, ...words: string[]): Promise<Promoted & { silence: number }> {
    const from = Date.now();
    const said = await cli.run("promote", ["--confirm", "fkod", "--json", ...words]);
    expect(said, said.stderr).toMatchObject({ exitCode: 0 });
    await writer.next();
    const promoted = JSON.parse(said.stdout) as Promoted;
    const silence = writer.longestGap(from, Date.now());
    console.log(
      `${promoted.new} leads: ${promoted.seconds} s from the fence to the first accepted write, ${silence.toFixed(1)} s of silence for the application, lost ${JSON.stringify(promoted.lost)}, old one ${promoted.clean ? "ended in peace" : "was killed"}`,
    );
    return { ...promoted, silence };
  }
  const rejoin = async (...words: string[]) => {
    const said = await cli.run("rejoin", ["--json", ...words]);
    expect(said, said.stderr).toMatchObject({ exitCode: 0 });
    const rejoined = JSON.parse(said.stdout) as { node: string; way: string; seconds: number };
    console.log(`${rejoined.node} follows after ${rejoined.seconds} s: ${rejoined.way}`);
    return rejoined;
  };

  const restore = async (to: string) => {
    const said = await cli.run("restore", ["--to", to, "--json"]);
    expect(said, said.stderr).toMatchObject({ exitCode: 0 });
    const { seconds, set } = JSON.parse(said.stdout) as { seconds: number; set: string };
    console.log(`a copy of ${to}: ${seconds} s, from ${set}`);
    return set;
  };

  it("refuses what is wrong before anything is touched", async () => {
    const refused: [string[], number, RegExp][] = [
      [["promote"], 2, /Nobody is here to ask[\s\S]*--confirm fkod/],
      [["promote", "--to", "postgres-1", "--confirm", "fkod"], 1, /postgres-1 takes the writes already/],
      [["restore", "--to", "2020-11-20 14:05:00Z"], 2, /before the first backup/],
      [["restore", "--to", "v99"], 2, /no release left a restore point/],
      [["restore", "--to", "xid:9999999"], 2, /in the future/],
      [["restore", "--to", "$(touch /tmp/x)"], 2, /no moment/],
      [["psql", "--copy"], 2, /there is no copy/],
    ];
    for (const [[command = "", ...words], exitCode, message] of refused) {
      const said = await cli.run(command, words);
      expect(said.stderr, words.join(" ")).toMatch(message);
      expect(said.exitCode, words.join(" ")).toBe(exitCode);
    }
    for (const command of ["promote", "restore"])
      expect(await cli.run(command, ["--help"])).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining("Usage"),
      });
    expect(await cli.run("rejoin")).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("nothing to do"),
    });
    await cli.run("lock", ["--reason", "a look"], undefined, { PLIMSOLL_BY: "ana" });
    for (const words of [["promote", "--confirm", "fkod"], ["rejoin"]]) {
      const said = await cli.run(words[0] as string, words.slice(1));
      expect(said.stderr, words.join(" ")).toMatch(/locked by ana/);
    }
    await cli.run("unlock", ["--force"]);
    // A deploy is at work.
    const release = await holdLock(join(state(), "work.lock"));
    for (const words of [
      ["promote", "--confirm", "fkod"],
      ["rejoin", "--fresh"],
    ]) {
      const said = await cli.run(words[0] as string, words.slice(1));
      expect(said.stderr, words.join(" ")).toMatch(/another is at work/);
    }
    await release();
    expect(await pointer()).toBe("postgres-1");
    expect(await docker("ps", "-aq", "--filter", `label=plimsoll.copy=${stack.project}`)).toBe("");
  });

  it("restores into a copy exactly what was acknowledged before a moment, under load", async () => {
    const moments = await withWriter(async (writer) => {
      await new Promise((later) => setTimeout(later, 1500));
      const time = Date.now();
      await new Promise((later) => setTimeout(later, 500));
      const lsn = await sql("postgres-1", "select pg_current_wal_insert_lsn()");
      const here = await sql("postgres-1", "select count(*) from numbers");
      const xid = await sql(
        "postgres-1",
        "insert into numbers (n) values (1000000000) returning pg_current_xact_id()",
      );
      await writer.next();
      return { time, lsn, here: Number(here), xid: xid.split("\n")[0], rows: writer.rows };
    });
    const { rows, time } = moments;
    // A younger backup, which leads to none of these moments.
    await docker("exec", await id("backup-postgres"), "plimsoll-backup", "backup", "diff");
    const drop = async () =>
      expect(JSON.parse((await cli.run("restore", ["--drop-copy", "--json"])).stdout)).toEqual({
        removed: true,
      });

    expect(await restore(new Date(time).toISOString())).toMatch(/F$/);
    const then = await numbers("--copy");
    const before = rows.filter((row) => row.acknowledged && row.ended < time).map(({ n }) => n);
    const after = rows.filter((row) => row.began > time).map(({ n }) => n);
    expect(before.length).toBeGreaterThan(50);
    expect(after.length).toBeGreaterThan(50);
    expect(missing(then, before)).toEqual([]);
    expect(after.filter((n) => then.has(n))).toEqual([]);
    // Nothing that is written there is written elsewhere, nobody comes in, nothing goes out.
    expect(await cli.run("psql", ["--copy", "--", "-c", "truncate numbers"])).toMatchObject({ exitCode: 0 });
    expect(missing(await numbers(), before)).toEqual([]);
    const copy = await id("postgres-copy");
    expect(await docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", copy)).toMatch(
      /^\{"none"/,
    );
    expect(await docker("inspect", "--format", "{{.HostConfig.Memory}}", copy)).toBe(String(256 * 1024 ** 2));
    expect((await cli.run("psql", ["--copy", "--", "-Atc", "show archive_mode"])).stdout).toBe("off");
    expect((await cli.run("restore", ["--to", "latest"])).stderr).toMatch(/there is a copy already/);
    await drop();
    expect(await docker("volume", "ls", "-q", "--filter", `name=${stack.project}_postgres-copy`)).toBe("");

    // Its number does not say which: the youngest is tried first.
    expect(await restore(`xid:${moments.xid}`)).toMatch(/F$/);
    expect((await numbers("--copy")).has(1_000_000_000)).toBe(true);
    await drop();
    await restore(`lsn:${moments.lsn}`);
    const there = await numbers("--copy");
    expect(there.has(1_000_000_000)).toBe(false);
    expect(there.size).toBeGreaterThan(then.size);
    expect(there.size).toBeLessThanOrEqual(moments.here);
    await drop();
    await sql("postgres-1", "delete from numbers where n = 1000000000");
  });

  it("promotes with nothing lost where the old primary ends in peace; what starts it again does not make it write", async () => {
    await withWriter(async (writer) => {
      const promoted = await promoteUnder(writer);
      expect(promoted).toMatchObject({ new: "postgres-2", clean: true, lost: { transactions: 0, bytes: 0 } });
      expect(promoted.seconds).toBeLessThan(15);
      expect(await pointer()).toBe("postgres-2");

      await docker("start", await id("postgres-1"));
      await new Promise((later) => setTimeout(later, 2000));
      await expect(sql("postgres-1", "select 1")).rejects.toThrow(/refused/);
      await docker(
        ...["compose", "-p", stack.project, "--project-directory", stack.folder, "-f"],
        ...[
          join(stack.folder, "compose.yaml"),
          "up",
          "-d",
          "--no-deps",
          "--no-build",
          "--force-recreate",
          "postgres-1",
        ],
      );
      await new Promise((later) => setTimeout(later, 2000));
      await expect(sql("postgres-1", "select 1")).rejects.toThrow(/refused/);
      expect(await lostOf(writer)).toEqual([]);
      expect((await cli.run("promote", ["--confirm", "fkod"])).stderr).toMatch(
        /no healthy replica[\s\S]*postgres-1: fenced[\s\S]*plimsoll rejoin .*local/,
      );
    });
    expect((await rejoin()).way).toBe("rewound");
    await replicated("postgres-2", "postgres-1");
    expect((await cli.run("audit", ["--json"])).stdout).toMatch(/postgres-2 takes over from postgres-1/);
  });

  it("finishes a promotion that was killed between the fence and the rest, and copies anew where asked", async () => {
    const old = await pointer();
    const other = old === "postgres-1" ? "postgres-2" : "postgres-1";
    await withWriter(async (writer) => {
      const going = cli.begin("promote", ["--confirm", "fkod"]);
      let heard = "";
      going.stderr?.on("data", (bytes: Buffer) => {
        heard += bytes.toString();
        if (/ok +fence/.test(heard)) void killTree(going.pid as number);
      });
      expect((await going).exitCode).not.toBe(0);
      expect(await readFile(join(state(), "promotion"), "utf8")).toMatch(`${old} ${other}\n`);
      expect(await docker("inspect", "--format", "{{.State.Running}}", await id(old))).toBe("false");
      expect((await cli.run("rejoin")).stderr).toMatch(/did not end/);
      // Nobody leads now: one that starts again would find no other primary that keeps it from leading.
      await docker("start", await id(old));
      await new Promise((later) => setTimeout(later, 3000));
      await expect(sql(old, "select 1")).rejects.toThrow(/refused/);
      const promoted = await promoteUnder(writer);
      expect(promoted).toMatchObject({ new: other, lost: { transactions: 0 } });
      expect(await lostOf(writer)).toEqual([]);
    });
    expect((await rejoin("--fresh")).way).toBe("copied");
    expect(await docker("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", await id(old))).toBe(
      "unless-stopped",
    );
    await replicated(other, old);
  });

  it("counts what an asynchronous replica never got from a primary that was killed", async () => {
    const network = `${stack.project}_data`;
    const lost = await withWriter(async (writer) => {
      // Its replica hears nothing of the last second.
      await docker("network", "disconnect", network, await id("postgres-2"));
      await new Promise((later) => setTimeout(later, 1000));
      await docker("kill", await id("postgres-1"));
      await docker("network", "connect", "--alias", "postgres-2", network, await id("postgres-2"));
      const promoted = await promoteUnder(writer);
      expect(promoted).toMatchObject({ new: "postgres-2", clean: false });
      const gone = await lostOf(writer);
      console.log(`${gone.length} acknowledged rows are gone; it says ${promoted.lost?.transactions}`);
      expect(gone.length).toBeGreaterThan(0);
      expect(promoted.lost?.transactions).toBeGreaterThanOrEqual(gone.length);
      expect(promoted.lost?.transactions).toBeLessThanOrEqual(gone.length + 20);
      return gone;
    });
    const asked = await cli.run("rejoin");
    expect(asked).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/holds \d+ transactions .* never received/),
    });
    expect((await rejoin("--confirm", "fkod")).way).toBe("rewound");
    await replicated("postgres-2", "postgres-1");
    for (const n of lost.slice(0, 5))
      expect(await sql("postgres-1", `select count(*) from numbers where n = ${n}`)).toBe("0");
  });

  it("loses nothing acknowledged with postgres.synchronous, and waits for the replica again once it is back", async () => {
    const old = await pointer();
    const other = old === "postgres-1" ? "postgres-2" : "postgres-1";
    await stack.change({ "postgres.synchronous": true });
    await stack.start();
    await replicated(old, other);
    await withWriter(async (writer) => {
      await docker("kill", await id(old));
      const promoted = await promoteUnder(writer);
      expect(promoted).toMatchObject({ new: other, clean: false, alone: true });
      expect(await lostOf(writer)).toEqual([]);
      await rejoin("--confirm", "fkod");
      await writer.next();
    });
    await replicated(other, old);
    await eventually(async () =>
      expect(await sql(other, "select sync_state from pg_stat_replication")).toBe("quorum"),
    );
    expect(await readdir(state())).not.toContain("promoted");
    // Over all the timelines until here.
    const wanted = await numbers();
    expect(wanted.size).toBeGreaterThan(500);
    await restore("latest");
    expect(missing(await numbers("--copy"), [...wanted])).toEqual([]);
  });

  it("leaves nothing behind where the stack is taken down, the copy neither", async () => {
    await stack.stop();
    const left = ["--filter", `label=com.docker.compose.project=${stack.project}`];
    expect(await docker("ps", "-aq", ...left)).toBe("");
    expect(await docker("volume", "ls", "-q", ...left)).toBe("");
  });
});
