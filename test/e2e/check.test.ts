/** The checklist on a real stack: what it finds, what it says, and what it leaves behind (nothing). */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";
import { setWords } from "./engine-words.ts";
import { buildCli, type Cli, cliOn, removeCli } from "./operate-cli.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();

type Found = { id: string; state: string; said: string; remedy?: string; by?: string };
type Report = { passed: boolean; counts: Record<string, number>; items: Found[] };

describe.skipIf(!engine)("check", () => {
  let stack: RunningStack;
  let cli: Cli;

  beforeAll(async () => {
    const main = await buildCli();
    stack = await startStack({ name: "check", overrides: { "api.servers": 1, logging: false } });
    cli = cliOn(main, { flags: ["--stack", stack.stackFolder] });
  });
  afterAll(async () => {
    await stack?.stop();
    await removeCli();
  });

  const check = async (only: string): Promise<Report & { exitCode: number }> => {
    const { exitCode, stdout, stderr } = await cli.run("check", ["--only", only, "--json"]);
    if (!stdout.startsWith("{")) throw new Error(stderr);
    return { exitCode, ...(JSON.parse(stdout) as Report) };
  };
  const one = async (id: string): Promise<Found> => (await check(id)).items[0] as Found;
  const sql = (text: string) =>
    stack.exec(
      "postgres-1",
      ["sh", "-c", `psql -XqAt -h 127.0.0.1 -U postgres -d "$PLIMSOLL_DATABASE" -c "$1"`, "sh", text],
      {
        user: "postgres",
      },
    );

  it("finds a healthy stack healthy", async () => {
    await eventually(async () => {
      const { items, exitCode } = await check(
        "security,infrastructure.backups,infrastructure.monitoring,host,day",
      );
      const states = Object.fromEntries(items.map(({ id, state }) => [id, state]));
      expect(items.filter(({ state }) => state === "failed")).toEqual([]);
      expect(exitCode).toBe(0);
      expect(states).toMatchObject({
        "security.cors": "passed",
        "security.https": "unavailable",
        "infrastructure.backups": "passed",
        "infrastructure.monitoring": "passed",
        "host.ports": "passed",
        "day.start": "passed",
        "day.smoke": "passed",
      });
    }, 120);
    expect((await one("security.cors")).said).toBe("https://fkod.com; a foreign origin is refused");
    expect((await one("infrastructure.monitoring")).said).toMatch(/^(\d+) of \1 targets are up/);
  });

  it("finds a table that is read whole", async () => {
    expect(await one("performance.indexes")).toMatchObject({ state: "passed" });
    await sql(
      "create table plimsoll_check as select n, md5(n::text) t from generate_series(1, 20000) n; analyze plimsoll_check",
    );
    for (let times = 0; times < 12; times++)
      await sql(`select count(*) from plimsoll_check where t = '${times}'`);
    await eventually(async () => {
      const { items, exitCode, passed } = await check("performance.indexes");
      expect(items[0]).toMatchObject({
        state: "failed",
        said: expect.stringMatching(/public\.plimsoll_check \(20000 rows\) 1[23] times on postgres-1/),
      });
      expect([exitCode, passed]).toEqual([1, false]);
    }, 30);
    await sql("drop table plimsoll_check");
    expect(await one("performance.indexes")).toMatchObject({ state: "passed" });
  });

  it("finds a statement that is slow", async () => {
    expect(await one("performance.queries")).toMatchObject({ state: "passed" });
    const password = await stack.secret("postgres_app_password");
    const slow = `for n in 1 2 3 4 5; do psql -XqAt -h postgres -p 5432 -U app -d "$PLIMSOLL_DATABASE" -c "select pg_sleep(0.15)"; done`;
    await execa(
      "docker",
      ["exec", "-i", "-e", "PGPASSWORD", `${stack.project}-postgres-1-1`, "sh", "-c", slow],
      {
        env: { PGPASSWORD: password.trim() },
      },
    );
    expect(await one("performance.queries")).toMatchObject({
      state: "failed",
      said: expect.stringMatching(
        /^1 above 100 ms on average; the slowest 15\d ms, 5 times on postgres-1: select pg_sleep/,
      ),
    });
  });

  it("looks into the image without running it, and leaves no container", async () => {
    const names = async () =>
      (await execa("docker", ["ps", "-aq", "--filter", "label=plimsoll.check"])).stdout;
    expect(await one("code.image")).toMatchObject({
      state: "passed",
      said: expect.stringMatching(/^none in \d{3,} files/),
    });
    expect(await names()).toBe("");
  });

  it("finds every origin allowed", async () => {
    await setWords(stack.stackFolder, { "api.environment.CORS_ORIGIN": "*" });
    const { items, exitCode } = await check("security.cors");
    expect(items[0]).toMatchObject({ state: "failed", said: "every origin may call it: *" });
    expect(exitCode).toBe(1);
    await setWords(stack.stackFolder, { "api.environment.CORS_ORIGIN": "https://fkod.com" });
  });

  it("says failed where no backup is made, and where a service is gone", async () => {
    await stack.compose("stop", "worker-1");
    expect(await one("day.start")).toMatchObject({ state: "failed", said: "worker-1 does not run" });
    const backups = `${stack.project}-backup-postgres-1`;
    await execa("docker", [
      "exec",
      backups,
      "sh",
      "-c",
      "sed -i '/^plimsoll_backup_last_run_failed{/s/ 0$/ 1/' /metrics/backup-postgres-result.prom",
    ]);
    expect(await one("infrastructure.backups")).toMatchObject({
      state: "failed",
      said: "the last try failed: postgres",
    });
    await stack.compose("start", "worker-1");
  });

  it("keeps a person's word", async () => {
    expect(await one("before.review")).toMatchObject({ state: "unconfirmed" });
    const words = ["--confirm", "before.review", "--by", "ana", "--note", "all of it"];
    expect(await cli.run("check", words)).toMatchObject({
      exitCode: 0,
      stderr: "before.review is confirmed by ana, for v1.",
    });
    expect(await one("before.review")).toMatchObject({
      state: "passed",
      by: "ana",
      said: expect.stringMatching(/^ana on .*: all of it$/),
    });
    const file = join(stack.stackFolder, ".plimsoll/local/checks/confirmed.json");
    expect(JSON.parse(await readFile(file, "utf8"))).toHaveProperty(["before.review", "release"], "v1");
  });

  it.each([
    [["--only", "secrity"], /did you mean security\?/],
    [["--only", "code.test"], /did you mean code\.tests\?/],
    [["--only", ","], /Expected some of/],
    [["--confirm", "code.tests", "--by", "ana"], /found out, not confirmed/],
    [["--confirm", "before.revew", "--by", "ana"], /did you mean before\.review\?/],
    [["--confirm", "before.review"], /says no name/],
    [["--by", "ana"], /go with --confirm/],
  ])("refuses %j", async (words, message) => {
    const { exitCode, stdout, stderr } = await cli.run("check", words);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
  });

  it("prints a table for people, and a line below what does not pass", async () => {
    const { exitCode, stdout } = await cli.run("check", ["--only", "before.team,security.rate-limit"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Security\n {2}ok {4}security.rate-limit {2}Rate limiting: 50r\/s/);
    expect(stdout).toContain("plimsoll check local --confirm before.team --by NAME");
    expect(stdout).toMatch(
      /1 passed, 0 failed, 0 not available, 1 to be confirmed\. Nothing required failed\.$/,
    );
  });
});
