/**
 * The judge on a real stack: the spare runs a version that is bad in one way, with a tenth of the traffic, and is rolled
 * back for just that; a good one is promoted. JUDGE_WINDOW=15 for the figures of a real canary.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Counts, type Load, startLoad } from "../deploy/load.ts";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";

const engine = await engineOrSkip();
const WINDOW = Number(process.env.JUDGE_WINDOW ?? 6);
const INTERVAL = process.env.JUDGE_WINDOW ? 3 : 2;

describe.skipIf(!engine)("the judge beside a running stack", () => {
  let stack: RunningStack;
  let folder: string;
  let load: Load | undefined;

  beforeAll(async () => {
    stack = await startStack({ name: "judge", from: resolve("test/deploy/stack") });
    folder = await mkdtemp(join(tmpdir(), "e2e-judge-"));
  });
  afterEach(async () => {
    await load?.stop().catch(() => undefined);
    load = undefined;
    await weights(100, 0);
    await docker("rm", "-f", `${stack.project}-api-spare-1`);
  });
  afterAll(async () => {
    await stack?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  const docker = (...words: string[]) => execa("docker", words, { reject: false });

  async function weights(old: number, spare: number) {
    const change = { weights: { "api-1": old, "api-2": old, "api-3": old, "api-spare": spare } };
    const url = "http://127.0.0.1:8081/control/api";
    const words = ["curl", "-fsS", "-X", "PATCH", "--data", JSON.stringify(change), url];
    await stack.exec("nginx", words);
  }

  /** The new version on the spare, before it has any traffic. */
  async function startSpare(environment: Record<string, string>, words: object) {
    const file = join(folder, "bad.json");
    await writeFile(file, JSON.stringify({ services: { "api-spare": { environment, ...words } } }));
    const project = [
      "-p",
      stack.project,
      "--profile",
      "deploy",
      "-f",
      join(stack.folder, "compose.yaml"),
      "-f",
      file,
    ];
    await execa("docker", ["compose", ...project, "up", "-d", "--no-deps", "--wait", "api-spare"]);
  }

  type Judged = { code: number | undefined; reason: string; seconds: number; counts: Counts; status: string };

  async function canary(
    environment: Record<string, string>,
    seconds: number,
    settings = "",
    words: object = {},
  ): Promise<Judged> {
    await startSpare(environment, words);
    load = await startLoad({ url: `http://127.0.0.1:${stack.ports.nginx}`, host: stack.plan.domain });
    await new Promise((done) => setTimeout(done, 1000));
    await load.take();
    const ports = [...(stack.plan.application?.servers ?? []), stack.plan.application?.spare]
      .flatMap((server) => (server?.metrics ? [`[${server.service}]=${server.metrics}`] : []))
      .join(" ");
    await weights(30, 10);
    const began = performance.now();
    const script = `set -euo pipefail
      PROJECT=${stack.project} STATE=${folder} VERSION=v12 FROM=v11 WINDOW=${WINDOW} INTERVAL=${INTERVAL}
      READY_PATH=/ready REASON_FILE=${folder}/reason SHARE=10% ${settings}
      declare -A METRICS_PORTS=(${ports})
      source ${resolve("operator/onhost/judge.bash")}
      judge_watch ${seconds} canary api-spare -- api-1 api-2 api-3`;
    const { exitCode, stderr } = await execa("bash", ["-c", script], { reject: false });
    await weights(100, 0);
    const took = (performance.now() - began) / 1000;
    const counts = await load.stop();
    const read = (name: string) => readFile(join(folder, name), "utf8").catch(() => "");
    const reason = (await read("reason")).trim();
    await rm(join(folder, "reason"), { force: true });
    const harmed = `${counts.lost} of ${counts.sent} lost, ${counts.byServer["api-spare"]} to the new version`;
    console.log(
      `${JSON.stringify(environment)}: ${took.toFixed(1)} s, ${harmed}\n  ${reason}${stderr ? `\n  ${stderr}` : ""}`,
    );
    return { code: exitCode, reason, seconds: took, counts, status: await read("work.status") };
  }

  it("promotes a good version, which had exactly a tenth", async () => {
    const { code, reason, counts, status } = await canary({}, 2 * WINDOW);
    expect({ code, reason, lost: counts.lost }).toEqual({ code: 0, reason: "", lost: 0 });
    expect(status).toMatch(/\nstate promoted\n/);
    const spare = counts.byServer["api-spare"] ?? 0;
    // Some were asked before the share was given and after it was taken.
    expect(spare).toBeGreaterThan(0.08 * counts.sent);
    expect(spare).toBeLessThan(0.1 * counts.sent + 2);
  });

  it("errors", async () => {
    const { code, reason } = await canary({ ERRORS: "0.3" }, 600);
    expect(code).toBe(1);
    expect(reason).toMatch(/^errors \d+\.\d% > 5% over \d+ s \(\d+ of \d+ requests; v11: 0\.0% of \d+\)$/);
  });

  it("slowness", async () => {
    const { code, reason, counts } = await canary({ SLOW: "1500" }, 600);
    expect(code).toBe(1);
    expect(reason).toMatch(/^p95 \d\S* s > 1 s over \d+ s \(\d+ requests; v11: 0\.\d+ s of \d+\)$/);
    expect(counts.lost).toBe(0);
  });

  it("a database that only the new version lost", async () => {
    // Its requests fail as well, and sooner.
    const { code, reason } = await canary({ DATABASE: "lost", BAD_AFTER: "20" }, 600, "TRIGGER_ERRORS=0");
    expect(code).toBe(1);
    expect(reason).toMatch(/^database: /);
  });

  it("memory that stays at its limit", async () => {
    const limit = await execa("docker", [
      "inspect",
      "-f",
      "{{.HostConfig.Memory}}",
      `${stack.project}-api-1-1`,
    ]);
    // Beside a seventh that it needs anyway. So near its limit it reads its own program from the disk, and is slow.
    const most = String(Math.floor((Number(limit.stdout) / 2 ** 20) * 0.81));
    const { code, reason, counts } = await canary(
      { LEAK: "20", LEAK_UP_TO: most },
      600,
      "TRIGGER_P95=0 TRIGGER_ERRORS=0",
    );
    expect(code).toBe(1);
    expect(reason).toMatch(/^memory \d+\.\d% > 90% for \d+ s \(api-spare: \S+ of \S+; v11: \d+\.\d%\)$/);
    expect(counts.lost).toBe(0);
  });

  it("memory that grows until the kernel ends the server", async () => {
    // On its way there it is slow as well, and its last requests fail.
    const { code, reason } = await canary(
      { LEAK: "20", BAD_AFTER: "3" },
      600,
      "TRIGGER_P95=0 TRIGGER_ERRORS=0",
    );
    expect(code).toBe(1);
    expect(reason).toMatch(/memory: api-spare was ended by the kernel at its limit/);
  });

  it("CPU that burns", async () => {
    // A limit below one core, which even a busy machine gives it. Its answers are slow before the window has passed.
    const { code, reason, counts } = await canary({ BURN: "1" }, 600, "TRIGGER_P95=0", { cpus: 0.2 });
    expect(code).toBe(1);
    expect(reason).toMatch(/^cpu \d+\.\d% > 90% over \d+ s \(api-spare; v11: \d+\.\d%\)$/);
    expect(counts.lost).toBe(0);
  });
});
