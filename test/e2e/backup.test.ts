/** Backups on a real stack: made, listed, proven; and what is said where one is not good, or something is cut short. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backups, Postgres, PostgresBackup } from "../../operator/database/backups.ts";
import type { Verification } from "../../operator/database/report.ts";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";
import { compareLimits } from "./limits.ts";
import { inLongIt } from "./long.ts";
import { buildCli, type Cli, cliOn, removeCli } from "./operate-cli.ts";
import { SMALL } from "./small.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();
const main = engine ? await buildCli() : "";
afterAll(removeCli);

const ROWS = 20_000;
const SIDECAR = "backup-postgres";
const CHECKS = {
  proof: `select count(*) = ${ROWS} from proof`,
  // What a shell or psql would read as its own is nothing but text.
  hostile: "select '$(touch /tmp/hostile) `id` \\! id' <> ''",
};

describe.skipIf(!engine)("backups", () => {
  let stack: RunningStack;
  let cli: Cli;

  beforeAll(async () => {
    stack = await startStack({
      name: "backup",
      overrides: {
        ...SMALL,
        "postgres.replica": false,
        "backup.checks": CHECKS,
      },
    });
    cli = cliOn(main, { flags: ["--stack", stack.stackFolder] });
    await sql(
      `create table proof (n int primary key, filler text); alter table proof owner to app;
       insert into proof select n, md5(n::text) from generate_series(1, ${ROWS}) as n`,
    );
  });
  afterAll(() => stack?.stop());

  const run: Cli["run"] = (...words) => cli.run(...words);
  const inSidecar = (script: string) => stack.exec(SIDECAR, ["bash", "-c", script]);
  const sql = (statement: string) =>
    stack.exec("postgres-1", [
      "psql",
      "-h",
      "127.0.0.1",
      "-U",
      "postgres",
      "-d",
      "fkod_db",
      "-XqAtc",
      statement,
    ]);
  /** The log so far, in the archive. */
  const archived = async () => {
    // A commit of its own: there must be something in a segment to end it.
    await sql("create table if not exists noted (); comment on table noted is 'by the test'");
    const segment = await sql("select pg_walfile_name(pg_switch_wal())");
    await eventually(async () => {
      expect((await sql("select last_archived_wal from pg_stat_archiver")) >= segment).toBe(true);
    }, 60);
    return segment;
  };
  const list = async (): Promise<Postgres> => {
    const { exitCode, stdout, stderr } = await run("backup", ["list", "--json"]);
    expect(exitCode, stderr).toBe(0);
    return (JSON.parse(stdout) as Backups).postgres as Postgres;
  };
  const newest = async () => (await list()).backups.at(-1) as PostgresBackup;
  const verify = async (...words: string[]) => {
    const { exitCode, stdout, stderr } = await run("backup", ["verify", ...words, "--json"]);
    expect([0, 1], stderr).toContain(exitCode);
    return { exitCode, stderr, found: JSON.parse(stdout) as Verification };
  };
  const figure = async (name: string) => {
    const text = await inSidecar("cat /metrics/backup-postgres.prom");
    return Number(
      new RegExp(`^plimsoll_backup_verify_${name}\\{what="postgres"\\} (\\S+)$`, "m").exec(text)?.[1],
    );
  };
  /** Of a verification: what is left on its volume, and which processes. */
  const left = async () => {
    const files = await inSidecar("ls -A /trial");
    const processes = await inSidecar(
      // Not this command itself, which is text of the pattern.
      "grep -lzE 'verify-[gn]|[/]trial/' /proc/[0-9]*/cmdline 2>/dev/null | wc -l",
    );
    return { files: files.trim().split("\n").filter(Boolean).sort(), processes: Number(processes) };
  };
  /** Kills -9 the processes of the sidecar that have such a word. */
  const kill = (pattern: string) =>
    inSidecar(
      `for file in $(grep -lzE '${pattern}' /proc/[0-9]*/cmdline 2>/dev/null); do
        file=\${file#/proc/}; kill -9 "\${file%/*}"
      done`,
    );
  /** 64 bytes in the middle of a file become others. */
  const damage = (file: string) =>
    `file=${file}; dd if=/dev/urandom of="$file" bs=64 count=1 seek=$(($(stat -c %s "$file") / 128)) conv=notrunc 2>/dev/null`;
  /** What `plimsoll check` says of it. */
  const checked = async () => {
    const { stdout } = await run("check", ["--only", "infrastructure.restore", "--json"]);
    return (JSON.parse(stdout) as { items: object[] }).items[0];
  };
  const audited = async () =>
    (await run("audit", ["-n", "1000"])).stdout.split("\n").filter((line) => /backup now/.test(line));

  it("now: makes one of everything, shows it, and writes it down", async () => {
    await eventually(async () => expect((await list()).backups.length).toBe(1), 60);
    const { exitCode, stdout, stderr } = await run("backup", ["now", "--full"]);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/^backup of postgres-1 begins \(full\)$/m);
    expect(stderr).toMatch(/^P00 +INFO: .*new backup label = /m);
    expect(stdout).toMatch(/^\d{8}-\d{6}F +full +\d+s /m);
    expect((await list()).backups.map(({ kind }) => kind)).toEqual(["full", "full"]);
    expect((await run("backup", ["now"])).exitCode).toBe(0);
    expect((await list()).backups.map(({ kind }) => kind)).toEqual(["full", "full", "diff"]);
    expect(await audited()).toEqual([
      expect.stringMatching(/backup now {2}backup of postgres and files, full {2}done$/),
      expect.stringMatching(/backup now {2}backup of postgres and files {2}done$/),
    ]);
  });

  it("list, show: kind, size, log, and to which instants a restore can go", async () => {
    await archived();
    const { backups, reaches, gaps } = await list();
    const [first, , last] = backups as [PostgresBackup, PostgresBackup, PostgresBackup];
    expect(reaches).toEqual([{ from: first.finished, to: expect.any(Number), since: first.label }]);
    expect((reaches[0] as { to: number }).to).toBeGreaterThanOrEqual(last.finished);
    expect(gaps).toEqual([]);
    expect(last).toMatchObject({
      usable: true,
      damaged: false,
      verified: null,
      prior: expect.stringMatching(/F$/),
    });
    expect(last.size).toBeGreaterThan(20_000_000);
    expect(last.stored).toBeLessThan(first.stored);
    const text = (await run("backup", ["list"])).stdout;
    expect(text).toMatch(/^every instant from 20\S+ \S+Z to 20\S+ \S+Z$/m);
    expect(text).toMatch(/^[0-9a-f]{8} +redis-sessions +\d+/m);
    const shown = JSON.parse((await run("backup", ["show", last.label, "--json"])).stdout);
    expect(shown).toMatchObject({
      label: last.label,
      databases: expect.arrayContaining(["fkod_db"]),
      reach: { from: last.finished },
    });
    const snapshot = /^([0-9a-f]{8}) +redis-sessions/m.exec(text)?.[1] as string;
    expect((await run("backup", ["show", snapshot])).stdout).toMatch(/^what +redis-sessions$/m);
    expect((await run("backup", ["show", last.label])).stdout).toMatch(/^verified +not yet$/m);
  });

  it("verify: restores it, reads all of it, asks what stack.yaml asks, leaves nothing; a second at once is refused", async () => {
    await archived();
    const { label } = await newest();
    // Held as a verification holds it that takes its time.
    const holding = inSidecar("exec 7>>/run/plimsoll/verify.lock; flock 7; sleep 30");
    await eventually(async () => expect((await list()).running.verify).toBe(true));
    expect(await run("backup", ["verify"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("another verification is running on local: this one was not begun"),
    });
    await holding;
    const first = cli.begin("backup", ["verify", "--json"]);
    const { exitCode, stdout, stderr } = await first;
    expect(exitCode, String(stderr)).toBe(0);
    const found = JSON.parse(String(stdout)) as Verification;
    expect(found).toMatchObject({ label, outcome: "passed", recovered_to: expect.any(Number) });
    // fkod's own, and those of the test.
    const names = found.checks.filter(({ passed }) => passed).map(({ name }) => name);
    expect(names.sort()).toEqual(["hostile", "migrations", "proof"]);
    expect(found.size).toBeGreaterThan(20_000_000);
    expect(await left()).toEqual({
      files: ["drills", "newest.json", "reserve.lock", "results"],
      processes: 0,
    });
    expect(await inSidecar("ls /tmp")).not.toContain("hostile");
    expect((await newest()).verified).toEqual(found);
    expect((await run("backup", ["list"])).stdout).toMatch(new RegExp(`^${label} .* \\d+s ago$`, "m"));
    expect(await figure("last_run_failed")).toBe(0);
    expect(await figure("last_success_timestamp_seconds")).toBe(found.finished);
    expect(await compareLimits(stack)).toEqual([]);
    expect(await checked()).toMatchObject({
      state: "passed",
      said: expect.stringMatching(/restored and found good/),
    });
  });

  it("now, twice at once: the second is refused", async () => {
    // Held as a backup holds it that takes its time.
    const holding = inSidecar("exec 8>/run/plimsoll/backup.lock; flock 8; sleep 30");
    await eventually(async () => expect((await list()).running.backup).toBe(true));
    expect(await run("backup", ["now"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("another backup is running on local"),
    });
    await holding;
    expect((await audited()).at(-1)).toMatch(/failed$/);
    expect((await list()).running).toEqual({ backup: false, verify: false });
  });

  inLongIt("Ctrl-C ends the watching, and not the verification", async () => {
    const before = (await newest()).verified?.finished ?? 0;
    const watching = cli.begin("backup", ["verify"]);
    await eventually(async () => void (await inSidecar("test -s /trial/data/postmaster.pid")), 60);
    watching.kill("SIGINT");
    expect(await watching).toMatchObject({
      exitCode: 130,
      stderr: expect.stringContaining("What was started on the host goes on"),
    });
    await eventually(async () => {
      const { verified } = await newest();
      expect(verified?.outcome).toBe("passed");
      expect(verified?.finished).toBeGreaterThan(before);
    }, 60);
    // Its figures come last.
    await eventually(async () => expect((await list()).running.verify).toBe(false));
  });

  it("killed in the middle: nothing of it stays, and nothing is said against the backup", async () => {
    const before = await figure("last_success_timestamp_seconds");
    for (const victims of ["verify-[n]ow", "verify-([n]ow|[g]uard)", "container"]) {
      const cut = cli.begin("backup", ["verify", "--json"]);
      await eventually(async () => void (await inSidecar("test -s /trial/data/postmaster.pid")), 60);
      if (victims !== "container") await kill(victims);
      else for (const word of ["kill", "start"]) await stack.compose(word, SIDECAR);
      expect((await cut).exitCode).toBe(1);
      // Its server goes with it. Killed with its guard, the files wait for the next job of the schedule.
      await eventually(async () => {
        if (victims.includes("uard")) await inSidecar("plimsoll-backup metrics");
        expect(await left()).toEqual({
          files: ["drills", "newest.json", "reserve.lock", "results"],
          processes: 0,
        });
      }, 30);
      expect((await newest()).verified).toMatchObject({ outcome: "unfinished" });
    }
    expect((await run("backup", ["list"])).stdout).toMatch(/ cut short \d+s ago$/m);
    expect(await figure("last_run_failed")).toBe(0);
    expect(await figure("last_success_timestamp_seconds")).toBe(before);
  });

  it("what is not true of the copy, or cannot be asked, fails it", async () => {
    await stack.change({
      "backup.checks": {
        ...CHECKS,
        more: `select count(*) > ${ROWS} from proof`,
        absent: "select true from nowhere",
        write: "with gone as (delete from proof returning 1) select count(*) > 0 from gone",
      },
    });
    const { found } = await verify();
    expect(found).toMatchObject({ outcome: "failed", said: "not true of the copy: more absent write" });
    expect(found.checks.find(({ name }) => name === "absent")?.said).toContain("nowhere");
    expect(found.checks.find(({ name }) => name === "write")?.said).toContain("read-only");
    await stack.change({ "backup.checks": CHECKS });
  });

  it("a damaged file of a backup: verification fails, the figures and the list say so; an older one is good", async () => {
    const { backups } = await list();
    const { label } = backups.at(-1) as PostgresBackup;
    await inSidecar(damage(`/var/lib/pgbackrest/backup/main/${label}/bundle/1`));
    const { exitCode, found } = await verify();
    expect(exitCode).toBe(1);
    expect(found).toMatchObject({
      label,
      outcome: "failed",
      said: expect.stringMatching(/^the restore ended with \d+: .*ERROR/),
    });
    expect(await figure("last_run_failed")).toBe(1);
    expect((await run("backup", ["list"])).stdout).toMatch(
      new RegExp(`^${label} .* FAILED \\d+s ago: the restore ended`, "m"),
    );
    expect(await left()).toEqual({
      files: ["drills", "newest.json", "reserve.lock", "results"],
      processes: 0,
    });
    expect(await checked()).toMatchObject({ state: "failed", said: expect.stringMatching(/is not good/) });
    const older = (backups[1] as PostgresBackup).label;
    expect((await verify(older)).found).toMatchObject({ label: older, outcome: "passed" });
    // Good as it is, it says nothing for the newest.
    expect(await figure("last_run_failed")).toBe(1);
  });

  it.each([["a file of a backup that is gone", (folder: string) => `rm ${folder}/bundle/1`]])(
    "%s: verification fails, the figures and the list say so, until there is a good one",
    async (_, harm) => {
      expect((await run("backup", ["now", "--full"])).exitCode).toBe(0);
      const { label } = await newest();
      await inSidecar(harm(`/var/lib/pgbackrest/backup/main/${label}`));
      expect(await verify()).toMatchObject({
        exitCode: 1,
        found: {
          label,
          outcome: "failed",
          said: expect.stringMatching(/^the restore ended with \d+: .*ERROR/),
        },
      });
      expect(await figure("last_run_failed")).toBe(1);
      expect((await run("backup", ["list"])).stdout).toMatch(
        new RegExp(`^${label} .* FAILED \\d+s ago:`, "m"),
      );
      expect((await run("backup", ["now", "--full"])).exitCode).toBe(0);
      expect((await verify()).found).toMatchObject({ outcome: "passed" });
      expect(await figure("last_run_failed")).toBe(0);
    },
  );

  it("a hole in the archive: the list shows it, and a recovery that ends before it is no proof", async () => {
    const missing = await archived();
    await archived();
    const older = ((await list()).backups[1] as PostgresBackup).label;
    const file = `$(ls /var/lib/pgbackrest/archive/main/*/${missing.slice(0, 16)}/${missing}-*)`;
    const ended = {
      outcome: "failed",
      said: expect.stringMatching(/^recovery ended at .* before the end of the archive/),
    };
    await inSidecar(damage(file));
    expect((await list()).gaps).toEqual([]);
    expect((await verify(older)).found).toMatchObject(ended);
    await inSidecar(`rm ${file}`);
    const { gaps, reaches } = await list();
    expect(gaps).toMatchObject([{ first: missing, last: missing, segments: 1 }]);
    expect(reaches.at(-1)?.to).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000));
    expect((await run("backup", ["list"])).stdout).toMatch(
      new RegExp(`^GAP: 1 segment is missing \\(${missing}\\): nothing after`, "m"),
    );
    // What was made after it needs none of it.
    expect((await verify(older)).found).toMatchObject(ended);
  });

  it("words that are none, and a sidecar that does not run", async () => {
    const trap = join("/tmp", `backup-${process.pid}`);
    const hostile = `$(touch ${trap})`;
    const known = await audited();
    for (const words of [
      ["show"],
      ["show", hostile],
      ["show", "20261128-033000F; id"],
      ["show", "20200101-000000F"],
      ["verify", hostile],
      ["verify", "1a2b3c4d"],
      ["verify", "20200101-000000F"],
      ["now", "20261128-033000F"],
      ["list", "--full"],
      [hostile],
    ]) {
      const { exitCode, stderr } = await run("backup", words);
      expect(exitCode, `${words.join(" ")}: ${stderr}`).toBe(2);
    }
    expect(existsSync(trap)).toBe(false);
    expect(await audited()).toEqual(known);
    await stack.compose("stop", SIDECAR);
    expect((await run("backup", ["verify"])).stderr).toContain(`${SIDECAR} does not run`);
    expect(await run("backup", ["list"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(`not known: ${SIDECAR} does not run`),
    });
    await stack.compose("start", SIDECAR);
    expect(await readFile(join(stack.stackFolder, ".plimsoll/local/audit.log"), "utf8")).toContain(
      "backup now",
    );
  });
});
