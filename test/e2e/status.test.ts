/** One screen of a real stack: well, with figures after some load, and ill in several ways, each named. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ObjectivesFound } from "../../operator/observe/objectives.ts";
import type { Status } from "../../operator/observe/status.ts";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";
import { buildCli, type Cli, cliOn, removeCli } from "./operate-cli.ts";
import { query } from "./prometheus.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();

describe.skipIf(!engine)("status", () => {
  let stack: RunningStack;
  let cli: Cli;

  beforeAll(async () => {
    const main = await buildCli();
    stack = await startStack({
      name: "status",
      overrides: { "api.servers": 2, "api.memory": "192MB", logging: false, "nginx.rate": false },
    });
    cli = cliOn(main, { flags: ["--stack", stack.stackFolder] });
  });
  afterAll(async () => {
    await stack?.stop();
    await removeCli();
  });

  const status = async (): Promise<Status & { exitCode: number }> => {
    const { exitCode, stdout, stderr } = await cli.run("status", ["--json"]);
    if (!stdout.startsWith("{")) throw new Error(stderr);
    return { ...(JSON.parse(stdout) as Status), exitCode };
  };
  const wrongs = async () =>
    (await status()).said.flatMap(({ level, area, text }) => (level === "wrong" ? [`${area}: ${text}`] : []));
  const objectives = async () => {
    const { stdout, stderr } = await cli.run("objectives", ["--json"]);
    if (!stdout.startsWith("{")) throw new Error(stderr);
    const found = JSON.parse(stdout) as ObjectivesFound;
    return { ...found, of: (name: string) => found.objectives.find(({ objective }) => objective === name) };
  };
  const docker = (...words: string[]) => stack.compose(...words);

  it("is healthy, and exits with 0", async () => {
    await eventually(async () => {
      const found = await status();
      expect(found.said.filter(({ level }) => level === "wrong")).toEqual([]);
      expect([found.healthy, found.exitCode]).toEqual([true, 0]);
      const { backups, database, disk, alerts, prometheus } = found.seen;
      expect(backups).toMatchObject({ what: { postgres: { backups: [{ kind: "full" }] } } });
      expect(database).toMatchObject({ what: { pointer: "postgres-1" } });
      expect(disk.free).toBeGreaterThan(1e9);
      expect(disk.used).toBeGreaterThan(0);
      expect(alerts).toMatchObject({ what: { watched: true } });
      expect(prometheus).toMatchObject({ what: { targets: expect.any(Number) } });
    }, 180);
    const { stdout } = await cli.run("status");
    expect(stdout).toMatch(/^fkod local +this machine, \d{4}-/);
    expect(stdout).toMatch(/^[●▲] (ALL IS WELL|WELL, AND )/m);
    expect(stdout).toMatch(/● database +postgres-1 takes the writes; postgres-2 follows/);
    expect(stdout).not.toContain("\u001b[");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("has colours and its exit code on a terminal, and with --watch goes on until Ctrl-C", async () => {
    const shown = await cli.inTerminal("status", []);
    expect(shown.stdout).toContain("\u001b[32m●");
    expect(shown.exitCode).toBe(0);
    const watching = cli.begin("status", ["--watch", "1s", "--json"]);
    let heard = "";
    watching.stdout?.on("data", (bytes: Buffer) => {
      heard += bytes.toString();
    });
    await eventually(async () => expect(heard.trim().split("\n").length).toBeGreaterThan(1), 60);
    watching.kill("SIGINT");
    await watching;
    const times = heard
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as Status).seen.now);
    expect(times[1]).toBeGreaterThan(times[0] as number);
  });

  it("objectives: figures after some load, against what is promised", async () => {
    await eventually(async () => {
      for (let request = 0; request < 20; request++) await stack.http("/api/v1/courses");
      const { window, known, of } = await objectives();
      expect(window).toBe(15 * 86_400);
      expect(known).toBeGreaterThan(30);
      expect(known).toBeLessThan(3600 * 5);
      expect(of("errors")).toMatchObject({ target: 0.001, measured: 0, verdict: "kept" });
      // How fast it goes is recorded a turn later, where the last hour had no figures yet.
      expect(of("errors")).toMatchObject({ left: 1, burn: 0 });
      expect(of("uptime")?.measured).toBeGreaterThan(0.5);
      expect(of("uptime")?.left).toBeGreaterThan(0.5);
      expect(of("p95")?.measured).toBeGreaterThan(0);
      expect(of("p95")?.left).toBeGreaterThan(0);
      expect(of("database")?.measured).toBeGreaterThan(0);
      expect(of("rpo")).toMatchObject({ verdict: "kept" });
    }, 240);
    const { exitCode, stdout } = await cli.run("objectives");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^errors +< 0\.1% +0% +\d+[smh] +100% +0x +kept$/m);
    expect(stdout).toMatch(/The window is 15 days, of which Prometheus has seen \d+[smh]/);
  });

  it("has the database's latency from a statement on each node, of which a frozen one breaks the promise", async () => {
    const probed = () => query(stack, "plimsoll_postgres_probe_seconds");
    const of = async (node: string) => (await probed()).find(({ metric }) => metric.node === node);
    await eventually(async () => {
      const found = await probed();
      expect(found.map(({ metric }) => `${metric.node}, ${metric.role}`).sort()).toEqual([
        "postgres-1, primary",
        "postgres-2, replica",
      ]);
      for (const { value } of found) {
        expect(value).toBeGreaterThan(0.000_01);
        expect(value).toBeLessThan(1);
      }
    }, 60);
    await docker("pause", "postgres-2");
    try {
      await eventually(async () => {
        expect(await of("postgres-2")).toMatchObject({ metric: { role: "replica" }, value: 5 });
        expect((await objectives()).of("database")).toMatchObject({ verdict: "broken" });
      }, 120);
      expect((await of("postgres-1"))?.value).toBeLessThan(1);
    } finally {
      await docker("unpause", "postgres-2");
    }
    await eventually(async () => expect((await of("postgres-2"))?.value).toBeLessThan(1), 60);
    // Of one that is gone there is no figure, and not the last one either.
    await docker("kill", "postgres-2");
    await eventually(async () => expect(await of("postgres-2")).toBeUndefined(), 60);
    await docker("start", "postgres-2");
    await eventually(async () => expect((await of("postgres-2"))?.metric.role).toBe("replica"), 120);
  });

  it("names a service that was killed, and exits with 1", async () => {
    await docker("kill", "postgres-2", "api-2");
    const found = await status();
    expect([found.healthy, found.exitCode]).toEqual([false, 1]);
    const said = found.said.map(({ area, text }) => `${area}: ${text}`);
    expect(said).toContain("services: postgres-2 is exited (exit code 137)");
    expect(said).toContain("services: api-2 is exited (exit code 137)");
    expect(said).toContain("database: postgres-2 is exited");
    const { exitCode, stdout } = await cli.run("status");
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^✖ \d THINGS ARE WRONG$/m);
    await docker("start", "postgres-2", "api-2");
    await eventually(async () => expect(await wrongs()).toEqual([]), 120);
  });

  it("says that maintenance is on", async () => {
    await cli.run("maintenance", ["on"]);
    expect(await wrongs()).toEqual([expect.stringMatching(/^edge: maintenance is on/)]);
    await cli.run("maintenance", ["off"]);
    expect(await wrongs()).toEqual([]);
  });

  it("does not call well what it cannot know: Prometheus is gone", async () => {
    await docker("stop", "--timeout", "5", "prometheus");
    const found = await status();
    expect(found.exitCode).toBe(1);
    expect(found.said.map(({ text }) => text)).toContain(
      "Prometheus does not answer: its container is exited",
    );
    expect(found.seen.objectives.unknown).toBe("Prometheus does not answer: its container is exited");
    const { exitCode, stdout } = await cli.run("objectives");
    expect(exitCode).toBe(1);
    expect(stdout).toContain("Prometheus does not answer: its container is exited");
    expect(stdout).not.toContain("kept");
    await docker("start", "prometheus");
    await eventually(async () => expect(await wrongs()).toEqual([]), 180);
  });
});
