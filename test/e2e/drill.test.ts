/** Drills on a real stack: held, measured, judged; and what stays of one that is cut short. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DrillReport } from "../../operator/drill/report.ts";
import type { Drills } from "../../operator/drill/store.ts";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";
import { inLongIt } from "./long.ts";
import { buildCli, type Cli, cliOn, removeCli, type Said } from "./operate-cli.ts";
import { SMALL } from "./small.ts";
import { eventually } from "./wait.ts";
import { startWriter } from "./writer.ts";

const engine = await engineOrSkip();
const main = engine ? await buildCli() : "";
afterAll(removeCli);

/** Rows of some 100 bytes. PLIMSOLL_DRILL_ROWS=2000000 for the figures in docs/examples. */
const ROWS = Number(process.env.PLIMSOLL_DRILL_ROWS ?? 100_000);
const CHECKS = { proof: `select count(*) >= ${ROWS} from proof` };

describe.skipIf(!engine)("drills", () => {
  let stack: RunningStack;
  let cli: Cli;

  beforeAll(async () => {
    stack = await startStack({
      name: "drill",
      overrides: {
        ...SMALL,
        "backup.checks": CHECKS,
      },
    });
    cli = cliOn(main, { flags: ["--stack", stack.stackFolder], environment: { PLIMSOLL_BY: "ana@laptop" } });
    await sql(
      `create table proof (n int primary key, filler text); alter table proof owner to app;
       create table numbers (n bigint primary key); alter table numbers owner to app;
       insert into proof select n, repeat(md5(n::text), 3) from generate_series(1, ${ROWS}) as n`,
    );
    await eventually(async () => {
      const { stdout } = await cli.run("backup", ["list", "--json"]);
      expect(JSON.parse(stdout).postgres.backups.length).toBeGreaterThan(0);
    }, 120);
    expect((await cli.run("backup", ["now", "--full"])).exitCode).toBe(0);
  });
  afterAll(() => stack?.stop());

  const docker = async (...words: string[]) =>
    (
      await promisify(execFile)("docker", words, { env: { ...process.env, DOCKER_HOST: engine?.endpoint } })
    ).stdout.trim();
  const inSidecar = (script: string) => stack.exec("backup-postgres", ["bash", "-c", script]);
  const sqlOn = (node: string, statement: string) =>
    stack.exec(node, [
      ...["psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "fkod_db", "-XqAtc"],
      statement,
    ]);
  const sql = (statement: string) => sqlOn("postgres-1", statement);
  /** Every commit until here is in the repository. */
  const archived = async () => {
    const segment = await sql("select pg_walfile_name(pg_switch_wal())");
    await eventually(async () => {
      expect((await sql("select last_archived_wal from pg_stat_archiver")) >= segment).toBe(true);
    }, 60);
  };
  const pause = (seconds: number) => new Promise((later) => setTimeout(later, seconds * 1000));
  const state = () => join(stack.stackFolder, ".plimsoll/local");
  const drill = async (...words: string[]) => {
    const said = await cli.run("drill", [...words, "--json"]);
    expect([0, 1], said.stderr).toContain(said.exitCode);
    expect(said.stdout, said.stderr).not.toBe("");
    return { ...said, report: DrillReport.parse(JSON.parse(said.stdout)) };
  };
  const list = async (): Promise<Drills> => {
    const { stdout, stderr } = await cli.run("drill", ["list", "--json"]);
    expect(stdout, stderr).not.toBe("");
    return JSON.parse(stdout);
  };
  const figures = async (kind: string) => {
    const text = await inSidecar(`cat /metrics/drill-${kind}.prom`);
    const figure = (name: string) =>
      Number(new RegExp(`^plimsoll_drill_${name}\\{kind="${kind}"\\} (\\S+)$`, "m").exec(text)?.[1]);
    return {
      last: figure("last_timestamp_seconds"),
      failed: figure("last_failed"),
      rto: figure("rto_seconds"),
      rpo: figure("rpo_seconds"),
    };
  };
  /** Of a copy: containers and volumes. */
  const copies = async () =>
    [
      await docker("ps", "-aq", "--filter", `label=plimsoll.copy=${stack.project}`),
      await docker("volume", "ls", "-q", "--filter", `name=${stack.project}_postgres-copy`),
    ].join("");
  /** For docs/examples: PLIMSOLL_EXAMPLES=docs/examples. */
  const example = async ({ id, kind }: DrillReport) => {
    const to = process.env.PLIMSOLL_EXAMPLES;
    if (!to) return;
    await mkdir(to, { recursive: true });
    for (const ending of ["md", "json"])
      await writeFile(
        join(to, `drill-${kind}.${ending}`),
        (await readFile(join(state(), "drills", `${id}.${ending}`), "utf8")).replaceAll(
          stack.project,
          "fkod-local",
        ),
      );
  };

  it("restore: the newest data come up in a copy; what was on the host alone is counted, and nothing was forced before", async () => {
    // A commit after the backup, so that the copy has a last one to name.
    await sql("insert into numbers values (0)");
    await archived();
    const before = await sql("select pg_walfile_name(pg_current_wal_lsn())");
    const written = Date.now();
    await sql("insert into proof values (-1, 'only here')");
    await pause(4);
    const { exitCode, stderr, report } = await drill("restore");
    expect(exitCode, stderr).toBe(0);
    console.log(`restore drill: RTO ${report.rto.measured} s, RPO ${report.rpo.measured} s`);
    expect(report).toMatchObject({
      kind: "restore",
      outcome: "passed",
      by: "ana@laptop",
      faults: [],
      rto: { objective: 3600, met: true },
      rpo: { objective: 3600, met: true },
      checks: expect.arrayContaining([{ name: "proof", passed: true, said: "t" }]),
    });
    // The row that no segment holds is what a loss would lose: the copy is without it.
    expect(report.risk?.lost.commits).toBeGreaterThanOrEqual(1);
    expect(report.rpo.measured).toBeGreaterThan(3.5);
    expect(report.risk?.lost.first).toBeGreaterThan(written / 1000 - 1);
    expect(report.rpo.measured).toBeLessThan((Date.now() - written) / 1000);
    expect(report.risk?.saved).toBeLessThanOrEqual(report.risk?.lost.first as number);
    const proof = report.tables.find(({ name }) => name === "public.proof");
    expect(proof).toEqual({ name: "public.proof", copy: ROWS, running: ROWS + 1 });
    expect(await sql("select pg_walfile_name(pg_current_wal_lsn())")).toBe(before);
    expect(report.reached).toBeLessThanOrEqual(report.began);
    expect(report.steps.map(({ name }) => name)).toEqual(["container", "restore", "recovery", "opening"]);
    const sum = report.steps.reduce((all, { seconds }) => all + seconds, 0);
    expect(Math.abs(sum - (report.rto.measured as number))).toBeLessThan(0.01);
    expect(report.seconds).toBeGreaterThan(sum);
    expect(report.backup).toMatchObject({ kind: "full", label: expect.stringMatching(/F$/) });
    expect(await copies()).toBe("");

    const { id } = report;
    expect(JSON.parse(await readFile(join(state(), "drills", `${id}.json`), "utf8"))).toEqual(report);
    const shown = await cli.run("drill", ["show", id]);
    expect(shown.stdout).toBe((await readFile(join(state(), "drills", `${id}.md`), "utf8")).trimEnd());
    expect(shown.stdout).toMatch(/^# Restore drill of fkod local: passed$/m);
    expect((await cli.run("drill", ["list"])).stdout).toMatch(new RegExp(`^${id} .* passed$`, "m"));
    expect(await figures("restore")).toEqual({
      last: report.began + report.seconds,
      failed: 0,
      rto: report.rto.measured,
      rpo: report.rpo.measured,
    });
    expect((await cli.run("audit")).stdout).toMatch(/drill restore .*a copy of the newest data.* done$/m);
    await example(report);
  });

  it("failover: there and back under a writer, nothing lost, a promotion meanwhile refused, and the stack is as it was", async () => {
    expect(await cli.run("drill", ["failover"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/Writes stop for some seconds[\s\S]*--confirm fkod/),
    });
    const writer = await startWriter(stack, 1);
    const going = cli.begin("drill", ["failover", "--and-back", "--confirm", "fkod", "--json"]);
    const refused = new Promise<Said>((resolve) => {
      let heard = "";
      going.stderr?.on("data", (bytes: Buffer) => {
        const before = heard;
        heard += bytes.toString();
        if (/cannot write any more/.test(heard) && !/cannot write any more/.test(before))
          resolve(cli.run("promote", ["--confirm", "fkod"]));
      });
    });
    const { exitCode, stdout, stderr } = await going;
    await writer.next();
    const rows = await writer.stop();
    expect(stdout, String(stderr)).not.toBe("");
    const report = DrillReport.parse(JSON.parse(String(stdout)));
    // Which of its refusals depends on the moment in which it looked; that it changed nothing, the drill's own end says.
    expect(await refused).toMatchObject({
      exitCode: 1,
      stdout: "",
      stderr: expect.stringMatching(
        /another is at work|no healthy replica|did not end|takes the writes already|leads already|takes writes of its own|does not (answer|follow)|nothing was changed/,
      ),
    });
    expect(exitCode, String(stderr)).toBe(0);
    expect(report).toMatchObject({ kind: "failover", outcome: "passed", rpo: { measured: 0, met: true } });
    expect(report.legs.map(({ from, to }) => [from, to])).toEqual([
      ["postgres-1", "postgres-2"],
      ["postgres-2", "postgres-1"],
    ]);
    for (const leg of report.legs) {
      console.log(
        `${leg.from} to ${leg.to}: ${leg.silence} s without writes (${leg.promoted} s from the fence), ${leg.requests?.failed} of ${leg.requests?.asked} requests failed, both stream after ${leg.whole} s`,
      );
      expect(leg.silence).toBeGreaterThan(0.2);
      // Two clocks on one outage: the fence stands before the first write is refused.
      expect(leg.silence).toBeGreaterThan(leg.promoted / 2);
      expect(leg.silence).toBeLessThan(30);
      expect(leg.writes).toMatchObject({ lost: 0 });
      expect(leg.writes.acknowledged).toBeGreaterThan(3);
      expect(leg.requests?.asked).toBeGreaterThan(10);
    }
    expect(report.rto.measured).toBe(Math.max(...report.legs.map(({ silence }) => silence)));
    // The application's own writer agrees.
    const held = new Set((await sql("select n from numbers")).split("\n").map(Number));
    const acknowledged = rows.filter((row) => row.acknowledged).map(({ n }) => n);
    expect(acknowledged.length).toBeGreaterThan(100);
    expect(acknowledged.filter((n) => !held.has(n))).toEqual([]);
    expect(await sql("select count(*) from pg_stat_replication where state = 'streaming'")).toBe("1");
    expect(await sql("select to_regclass('plimsoll_drill') is null")).toBe("t");
    expect(await docker("ps", "-aq", "--filter", `name=${stack.project}-drill-probe`)).toBe("");
    expect((await figures("failover")).failed).toBe(0);
    expect((await cli.run("audit")).stdout).toMatch(/drill failover .*and back.* done$/m);
    await example(report);
  });

  it("the verification of the schedule is a drill, too", async () => {
    await archived();
    await sql("insert into proof values (-3, 'only here')");
    await pause(2);
    const said = await cli.run("backup", ["verify"]);
    expect(said.exitCode, said.stderr).toBe(0);
    const report = (await list()).reports[0] as DrillReport;
    expect(DrillReport.parse(report)).toMatchObject({
      kind: "restore",
      outcome: "passed",
      by: "plimsoll backup verify",
      stack: "fkod",
      rto: { objective: 3600, met: true },
      rpo: { met: true },
      checks: expect.arrayContaining([{ name: "proof", passed: true, said: "t" }]),
      backup: { label: expect.stringMatching(/F$/) },
    });
    expect(report.steps.map(({ name }) => name)).toEqual(["restore", "recovery", "reading", "checks"]);
    expect(report.rpo.measured).toBeGreaterThan(1.5);
    expect((await figures("restore")).failed).toBe(0);
    expect((await cli.run("drill", ["show", report.id])).stdout).toMatch(/^# Restore drill of fkod local/m);
  });

  it("an objective that is missed and a check that is not true fail the drill, in list and figures; they outlive the sidecar", async () => {
    await stack.change({
      "objectives.rto": "1s",
      "objectives.rpo": "1s",
      "backup.checks": { ...CHECKS, more: "select count(*) < 0 from proof" },
    });
    await sql("insert into proof values (-2, 'only here')");
    await pause(2);
    const { exitCode, report } = await drill("restore");
    await stack.change({ "objectives.rto": "1h", "objectives.rpo": "1h", "backup.checks": CHECKS });
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({ outcome: "failed", rto: { met: false }, rpo: { met: false }, faults: [] });
    expect(report.checks).toContainEqual({ name: "more", passed: false, said: "f" });
    const text = (await cli.run("drill", ["show", report.id])).stdout;
    expect(text).toMatch(/^\| RTO .* MISSED \|$/m);
    expect(text).toMatch(/^- not true: more\n- RTO was missed\n- RPO was missed$/m);
    expect((await cli.run("drill", ["list"])).stdout).toMatch(
      new RegExp(`^${report.id} .* FAILED: not true: more$`, "m"),
    );
    await stack.compose("restart", "backup-postgres");
    expect(await figures("restore")).toMatchObject({ failed: 1, last: report.began + report.seconds });
    expect(await inSidecar("cat /metrics/backup-postgres.prom")).toMatch(
      /^plimsoll_drill_since_timestamp_seconds \d+$/m,
    );
    await eventually(async () => void (await inSidecar("plimsoll-backup healthy")), 60);
  });

  inLongIt("killed half way: no copy stays, and the next one says so", async () => {
    for (const everything of [false, true]) {
      const cut = cli.begin("drill", ["restore"]);
      let heard = "";
      const recovering = new Promise<void>((resolve) => {
        cut.stderr?.on("data", (bytes: Buffer) => {
          heard += bytes.toString();
          if (/restoring the backup/.test(heard)) resolve();
        });
      });
      await recovering;
      // The command alone, as a laptop that is closed; or all of it, as an out-of-memory killer would.
      const victims = everything ? await below(cut.pid as number) : [cut.pid as number];
      for (const pid of victims) kill(pid);
      expect((await cut).exitCode).not.toBe(0);
      await eventually(async () => {
        expect(await copies()).toBe("");
        expect((await list()).trace).toMatchObject({ kind: "restore", by: "ana@laptop", running: false });
      }, 90);
    }
    const { exitCode, stderr } = await drill("restore");
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/the restore drill that ana@laptop began at .* was cut short/);
    expect((await list()).trace).toBeUndefined();
  });

  it("two at once, and beside somebody's copy: refused, and nothing is taken away", async () => {
    const first = cli.begin("drill", ["restore", "--json"]);
    // Held still before it makes its copy: the others would be told of that, and it would be over before they begin.
    while (!existsSync(join(state(), "drill"))) await pause(0.02);
    first.kill("SIGSTOP");
    expect((await list()).trace).toMatchObject({ running: true });
    for (const words of [["restore"], ["failover", "--confirm", "fkod"]]) {
      const said = await cli.run("drill", words);
      expect(said.stderr, words.join(" ")).toMatch(/another drill is held/);
      expect(said.exitCode).toBe(1);
    }
    first.kill("SIGCONT");
    await eventually(async () => expect(await copies()).not.toBe(""), 120);
    const { exitCode, stdout } = await first;
    expect(exitCode).toBe(0);
    expect(JSON.parse(String(stdout))).toMatchObject({ outcome: "passed" });

    expect((await cli.run("restore", ["--to", "latest"])).exitCode).toBe(0);
    const theirs = await copies();
    expect((await cli.run("drill", ["restore"])).stderr).toMatch(/there is a copy already/);
    expect(await copies()).toBe(theirs);
    expect((await cli.run("restore", ["--drop-copy"])).exitCode).toBe(0);
  });

  inLongIt("Ctrl-C takes the copy away", async () => {
    const cut = cli.begin("drill", ["restore"]);
    await eventually(async () => expect(await copies()).not.toBe(""), 120);
    cut.kill("SIGINT");
    expect(await cut).toMatchObject({ exitCode: 130, stderr: expect.stringContaining("taken away") });
    await eventually(async () => expect(await copies()).toBe(""), 120);
  });

  inLongIt("nothing would be lost where every commit is in the repository", async () => {
    await archived();
    const rows = Number(await sql("select count(*) from proof"));
    const moment = Date.now() / 1000;
    const { report } = await drill("restore");
    // What the application writes by itself meanwhile is younger.
    expect(report.risk?.lost.first ?? Number.POSITIVE_INFINITY).toBeGreaterThan(moment - 1);
    expect(report.tables.find(({ name }) => name === "public.proof")).toMatchObject({
      copy: rows,
      running: rows,
    });
  });

  it("words that are none", async () => {
    const refused: [string[], RegExp][] = [
      [["show"], /show which/],
      [["show", "$(id)"], /is no drill's id/],
      [["show", "20200101T000000Z-restore"], /there is no drill/],
      [["restore", "--confirm", "fkod"], /--confirm is for failover/],
      [["list", "--and-back"], /--and-back is for failover/],
      [["restore", "20200101T000000Z-restore"], /takes no id/],
      [["flood"], /Allowed choices/],
    ];
    for (const [words, message] of refused) {
      const { exitCode, stderr } = await cli.run("drill", words);
      expect(stderr, words.join(" ")).toMatch(message);
      expect(exitCode, words.join(" ")).toBe(2);
    }
  });
});

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** A process and all its children, except what watches over the end of a drill. */
async function below(pid: number): Promise<number[]> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  if (line.includes("plimsoll-drill-guard")) return [];
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const all = await Promise.all(
    children
      .split(" ")
      .filter(Boolean)
      .map((child) => below(Number(child))),
  );
  return [pid, ...all.flat()];
}
