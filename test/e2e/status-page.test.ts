/** The page for the application's users, from nginx to Prometheus and back: well, and while no server answers. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();
const SERVERS = ["api-1", "api-2", "api-3"];

describe.skipIf(!engine)("the status page", () => {
  let stack: RunningStack | undefined;
  let door = "";
  const compose = (...words: string[]) => execa("docker", ["compose", ...words], { cwd: stack?.folder });
  const page = () => fetch(`${door}/how`, { signal: AbortSignal.timeout(10_000) });
  const state = async () =>
    ((await (await fetch(`${door}/how.json`)).json()) as { state: string; answered: number | null }).state;

  /** Its next round now, and not within the minute: the probe asks every 15 s. */
  const look = async () => {
    await new Promise((later) => setTimeout(later, 20_000));
    await compose("restart", "--timeout", "1", "status-page");
  };

  beforeAll(async () => {
    stack = await startStack({
      name: "page",
      from: "test/deploy/stack",
      overrides: {
        status_page: { path: "/how", title: "Rolling" },
        monitoring: { grafana: false, alertmanager: false },
        machine: { cpus: 2, memory: "4GB", disk: "40GB" },
      },
      cold: true,
    });
    door = `http://127.0.0.1:${stack.ports.nginx}`;
    await compose(
      ...["up", "--detach", "--wait", "--no-deps", "nginx", ...SERVERS],
      ...["prometheus", "blackbox-exporter", "status-page"],
    );
  });
  afterAll(() => stack?.stop());

  it("says that all is well once the probe has figures, with a policy of its own", async () => {
    await look();
    await eventually(async () => expect(await state()).toBe("operational"), 180);
    const answer = await page();
    const html = await answer.text();
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(html).toContain("<h1>Rolling</h1>");
    expect(html).toContain("All is well");
    expect(answer.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-\S+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    );
    expect(answer.headers.get("cache-control")).toBe("public, max-age=30");
    expect(answer.headers.get("x-release")).toBeNull();
    // To be looked at: PLIMSOLL_EXAMPLES=docs/examples.
    if (process.env.PLIMSOLL_EXAMPLES)
      await writeFile(join(process.env.PLIMSOLL_EXAMPLES, "status-page.html"), html);
  });

  it("takes nothing, and what lies beside it is the application's", async () => {
    expect((await fetch(`${door}/how`, { method: "POST", body: "x" })).status).toBe(405);
    for (const path of ["/", "/how/more", "/how.jsonx"])
      expect((await fetch(`${door}${path}`)).headers.get("x-release"), path).not.toBeNull();
  });

  it("is there while no server answers, and says so", async () => {
    await compose("stop", "--timeout", "1", ...SERVERS);
    expect((await fetch(`${door}/work`)).status).toBeGreaterThan(499);
    await look();
    await eventually(async () => expect(await state()).toBe("down"), 150);
    const answer = await page();
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain("It does not answer");
  });
});
