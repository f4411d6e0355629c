/** Receivers that are tried, and alerts that are kept quiet, on a real Alertmanager with production's configuration. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { generate } from "../../generator/index.ts";
import type { AlertsFound } from "../../operator/observe/alerts-text.ts";
import type { Tried } from "../../operator/observe/receivers-test.ts";
import { engineOrSkip, freePorts } from "./engine.ts";
import { buildCli, removeCli } from "./operate-cli.ts";
import { eventually } from "./wait.ts";
import { startWebhook, type Webhook } from "./webhook.ts";

const engine = await engineOrSkip();
const TOKEN = "token-that-nobody-may-read";
const RECEIVERS = ["hook", "broken", "refused", "unset"];

describe.skipIf(!engine)("alerts", () => {
  const project = `e2e-alerts-${Math.random().toString(36).slice(2, 8)}`;
  let webhook: Webhook;
  let folder: string;
  let generated: string;
  let main: string;

  beforeAll(async () => {
    main = await buildCli();
    folder = await mkdtemp(join(tmpdir(), "e2e-alerts-"));
    await cp(resolve("test/deploy/stack"), folder, { recursive: true });
    const file = join(folder, "stack.yaml");
    const document = parseDocument(await readFile(file, "utf8"));
    const [port = 0] = await freePorts(1);
    const words = {
      project,
      images: "debian",
      host: "local",
      certificates: false,
      machine: { cpus: 2, memory: "4GB", disk: "40GB" },
      monitoring: {
        grafana: false,
        alertmanager: { port, receivers: RECEIVERS.map((name) => ({ type: "webhook", name })) },
      },
    };
    document.setIn(["environments", "production"], document.createNode(words));
    await writeFile(file, document.toString());
    generated = (await generate({ stackFolder: folder, environment: "production" })).folder;
    webhook = await startWebhook();
    const at = webhook.url;
    await mkdir(join(folder, "secrets/production"), { recursive: true });
    await supply("hook", `${at}/hook/${TOKEN}`);
    await supply("broken", `${at.replace(/\d+$/, "1")}/${TOKEN}`);
    await supply("refused", `${at}/refused/${TOKEN}`);
    await supply("unset", "");
    await compose("up", "--detach", "--wait", "--no-deps", "alertmanager");
    await fire("Watchdog", { severity: "none" });
  });
  afterAll(async () => {
    webhook?.close();
    if (generated) await compose("down", "--volumes", "--timeout", "2");
    await removeCli();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  const supply = (name: string, url: string) =>
    writeFile(join(folder, `secrets/production/alertmanager_${name}`), url, { mode: 0o644 });
  const compose = (...words: string[]) => execa("docker", ["compose", ...words], { cwd: generated });
  const fire = (name: string, labels: Record<string, string>) =>
    compose(
      ...["exec", "-T", "alertmanager", "amtool", "--alertmanager.url=http://127.0.0.1:9093", "alert", "add"],
      ...[`alertname=${name}`, "stack=rolling", "environment=production"],
      ...Object.entries(labels).map(([key, value]) => `${key}=${value}`),
      ...[
        `--end=${new Date(Date.now() + 3_600_000).toISOString()}`,
        "--annotation=summary=it_is_so",
        "--annotation=runbook_url=alerts/host.md#x",
      ],
    );
  async function alerts(...words: string[]) {
    const { exitCode, stdout, stderr } = await execa(
      process.execPath,
      [main, "alerts", "--stack", folder, "production", ...words],
      { reject: false, env: { NODE_NO_WARNINGS: "1" } },
    );
    expect(stdout + stderr).not.toContain(TOKEN);
    return { exitCode, stdout, stderr };
  }
  const listed = async () => JSON.parse((await alerts("list", "--json")).stdout) as AlertsFound;

  it("test: tells of each receiver whether it was reached, and why not", async () => {
    const { exitCode, stdout, stderr } = await alerts("test", "--json");
    expect(exitCode, stderr).toBe(1);
    const tried = JSON.parse(stdout) as Tried[];
    const of = (name: string) => tried.find(({ receiver }) => receiver === name);
    expect(tried.map(({ receiver }) => receiver).sort()).toEqual([...RECEIVERS].sort());
    expect(of("hook")).toMatchObject({ type: "webhook", outcome: "delivered" });
    expect(of("broken")).toMatchObject({
      outcome: "failed",
      said: expect.stringMatching(/connection refused$/),
    });
    expect(of("broken")?.attempts).toBeGreaterThan(1);
    expect(of("refused")).toMatchObject({
      outcome: "failed",
      said: expect.stringMatching(/status code 403/),
    });
    expect(of("unset")?.outcome).toBe("failed");
    const first = webhook.calls.find(({ status }) => status === "firing");
    expect(first?.path).toBe(`/hook/${TOKEN}`);
    expect(first?.alerts).toMatchObject([
      {
        labels: { alertname: "PlimsollTest", stack: "rolling", environment: "production" },
        annotations: { summary: "A test of the receiver hook: nothing is wrong" },
      },
    ]);
    // It ends by itself, and no other receiver heard of it.
    await eventually(async () => {
      expect(webhook.calls.map(({ status }) => status)).toEqual(["firing", "resolved"]);
    }, 30);
    expect((await listed()).firing).toEqual([]);
  });

  it("test: one alone, in words, with exit code 0; again where it was tried before", async () => {
    webhook.calls.length = 0;
    for (const _ of [1, 2]) {
      const { exitCode, stdout } = await alerts("test", "hook");
      expect(stdout).toMatch(/^hook +webhook +delivered after \d+(\.\d)? s$/);
      expect(exitCode).toBe(0);
    }
    expect(webhook.calls.filter(({ status }) => status === "firing")).toHaveLength(2);
    const unknown = await alerts("test", "hok");
    expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("did you mean hook") });
  });

  it("silence: keeps one alert quiet and not its neighbour, with a reason and a name", async () => {
    webhook.calls.length = 0;
    const made = await alerts(
      ...["silence", "HostDiskFilling", "--for", "2h", "--reason", "moving the logs", "--by", "ana"],
    );
    expect(made).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("HostDiskFilling") });
    await fire("HostDiskFilling", { severity: "warn", layer: "host" });
    await fire("HostLoadHigh", { severity: "warn", layer: "host" });
    // After the group's thirty seconds, both.
    await eventually(async () => {
      const told = webhook.calls.flatMap(({ alerts }) => alerts.map(({ labels }) => labels.alertname));
      expect(told).toContain("HostLoadHigh");
    }, 90);
    await new Promise((later) => setTimeout(later, 3000));
    expect(JSON.stringify(webhook.calls)).not.toContain("HostDiskFilling");
    const { firing, silences } = await listed();
    expect(firing.map(({ alert }) => alert)).toEqual(["HostLoadHigh", "HostDiskFilling"]);
    expect(firing[0]).toMatchObject({
      silenced: [],
      inhibited: [],
      runbook: "docs/runbooks/alerts/host.md#x",
    });
    expect(firing[1]?.silenced).toMatchObject([{ by: "ana", reason: "moving the logs" }]);
    expect(silences).toMatchObject([{ matchers: 'alertname="HostDiskFilling"', by: "ana", state: "active" }]);
    const text = (await alerts("list")).stdout;
    expect(text).toMatch(/silenced by ana for another (2h|1\d\dm): moving the logs/);
  });

  it("list: says which alert stands for another", async () => {
    await fire("PostgresNoPrimary", { severity: "page", layer: "database" });
    await fire("ApiServerDown", { severity: "warn", layer: "api" });
    await eventually(async () => {
      const { firing } = await listed();
      expect(firing[0]).toMatchObject({ alert: "PostgresNoPrimary", severity: "page" });
      expect(firing.find(({ alert }) => alert === "ApiServerDown")?.inhibited).toEqual(["PostgresNoPrimary"]);
    }, 30);
  });

  it("unsilence: by alert, by id, all of them; what is not there is said", async () => {
    expect(await alerts("unsilence", "HostCpuBusy")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('no silence is "HostCpuBusy"'),
    });
    expect((await alerts("unsilence", "HostDiskFilling")).exitCode).toBe(0);
    expect((await listed()).silences).toEqual([]);
    const { stdout } = await alerts(
      "silence",
      "layer=host",
      'instance=~"api-.*"',
      "--for",
      "1h",
      "--reason",
      "x",
      "--json",
    );
    const { id, matchers } = JSON.parse(stdout) as { id: string; matchers: string };
    expect(matchers).toBe('layer="host" instance=~"api-.*"');
    expect((await alerts("unsilence", id.slice(0, 8))).exitCode).toBe(0);
    expect((await listed()).silences).toEqual([]);
  });

  it("says so where a silence hides the tests, and where the watchdog is silent", async () => {
    const made = await alerts("silence", "alertname=~.+", "--for", "1m", "--reason", "all of them");
    expect(made.stderr).toMatch(/silences the watchdog.*\n.*silences tests of the receivers/);
    const { exitCode, stdout } = await alerts("test", "hook", "--wait", "3s");
    expect(exitCode).toBe(1);
    expect(stdout).toContain("it was silenced");
    await alerts("unsilence", "all");
    await compose("restart", "--timeout", "2", "alertmanager");
    await eventually(async () => {
      const { exitCode, stdout } = await alerts("list");
      expect(stdout).toMatch(/^The watchdog does not fire/);
      expect(exitCode).toBe(1);
    }, 60);
  });

  it("says so where Alertmanager is gone", async () => {
    await compose("stop", "--timeout", "2", "alertmanager");
    const list = await alerts("list");
    expect(list).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("Alertmanager does not answer: its container is exited"),
    });
    expect((await alerts("test")).stderr).toContain("Alertmanager does not run");
    expect((await alerts("silence", "HostCpuBusy", "--for", "1h", "--reason", "x")).exitCode).toBe(1);
  });
});
