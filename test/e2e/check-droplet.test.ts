/** The checklist over ssh: what a droplet says of itself before anything is deployed to it. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { type Droplet, startDroplet } from "./droplet.ts";
import { engineOrSkip } from "./engine.ts";
import { copyStack } from "./engine-words.ts";
import { buildCli, removeCli } from "./operate-cli.ts";

const engine = await engineOrSkip();

describe.skipIf(!engine)("check, over ssh", () => {
  let droplet: Droplet;
  let folder: string;
  let main: string;

  beforeAll(async () => {
    [main, droplet] = await Promise.all([buildCli(), startDroplet({ name: "check" })]);
    folder = await copyStack(resolve("stacks/fkod"), "e2e-check-droplet");
    const file = join(folder, "stack.yaml");
    const document = parseDocument(await readFile(file, "utf8"));
    for (const name of ["staging", "production"]) document.setIn(["environments", name, "host"], "droplet");
    await writeFile(file, document.toString());
  });
  afterAll(async () => {
    await droplet?.stop();
    await removeCli();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  async function check(environment: string, only: string) {
    const words = ["check", environment, "--stack", folder, "--only", only, "--json"];
    const env = { NODE_NO_WARNINGS: "1", PLIMSOLL_SSH_CONFIG: droplet.sshConfig };
    const { exitCode, stdout, stderr } = await execa(process.execPath, [main, ...words], {
      reject: false,
      env,
    });
    if (!stdout.startsWith("{")) throw new Error(stderr);
    const { items } = JSON.parse(stdout) as {
      items: { id: string; state: string; said: string; remedy?: string }[];
    };
    return { exitCode, of: (id: string) => items.find((item) => item.id === id) };
  }

  it("says what a host lacks, with the command that helps", async () => {
    const { exitCode, of } = await check("staging", "host,infrastructure,day");
    expect(of("host.engine")).toMatchObject({ state: "passed" });
    // Kept by the machine around it: nothing in a container synchronises a clock.
    expect(of("host.clock")?.said).toMatch(/^[01]\.\d s off this machine's/);
    expect(of("host.published")).toMatchObject({ state: "passed", said: "nothing beside 80, 443" });
    // Its firewall is the machine's around it, and so is its memory.
    expect(of("host.firewall")).toMatchObject({
      state: "failed",
      said: "none",
      remedy: expect.stringMatching(/^plimsoll host init root@/),
    });
    expect(of("host.dns")).toMatchObject({
      state: "failed",
      said: expect.stringMatching(/staging\.api\.fkod\.com/),
    });
    expect(of("infrastructure.environment")).toMatchObject({
      state: "failed",
      said: "missing: api_sendgrid_api_key, api_sentry_dsn, api_openai_api_key",
      remedy: "plimsoll secrets staging set SENDGRID_API_KEY",
    });
    expect(of("infrastructure.monitoring")).toMatchObject({
      state: "unavailable",
      said: "nothing runs as staging",
    });
    expect(of("day.smoke")).toMatchObject({ state: "unavailable" });
    expect(exitCode).toBe(1);
  });

  it("finds what another container opens to the world", async () => {
    await droplet.images(["debian:forky-slim"]);
    await droplet.exec("docker run -d --name stray -p 9999:80 debian:forky-slim sleep 600");
    const { exitCode, of } = await check("staging", "host.published");
    expect(of("host.published")).toMatchObject({ state: "failed", said: "1 more: stray 9999" });
    expect(exitCode).toBe(1);
    await droplet.exec("docker rm -f stray");
  });

  it("reads production's p95 from staging's load", async () => {
    expect((await check("production", "performance.p95")).of("performance.p95")?.state).toBe("unavailable");
    const load = {
      at: new Date().toISOString(),
      environment: "staging",
      release: "v7",
      rate: 50,
      p95: 0.123,
      passed: true,
    };
    const put = async (report: object) =>
      droplet.exec(
        "install -d -o deploy /srv/plimsoll/fkod-staging/state/checks && cat > /srv/plimsoll/fkod-staging/state/checks/load.json && chown -R deploy /srv/plimsoll/fkod-staging",
        {
          input: JSON.stringify(report),
        },
      );
    await put(load);
    const good = await check("production", "performance.p95");
    expect(good.of("performance.p95")).toMatchObject({
      state: "passed",
      said: expect.stringMatching(/^123 ms, 200 ms allowed; staging v7 at 50\/s, \d+ s ago$/),
    });
    expect(good.exitCode).toBe(0);
    await put({ ...load, p95: 0.4, passed: false });
    expect((await check("production", "performance.p95")).exitCode).toBe(1);
  });
});
