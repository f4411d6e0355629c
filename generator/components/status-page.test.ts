/** The page's words, and its own script against a Prometheus that is played. */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { produce } from "../index.ts";
import { packageRoot } from "../package.ts";
import { InputError } from "../spec/fault.ts";
import { shortest, sourceOf } from "../testing/source.ts";

const TEMPLATES = join(packageRoot, "templates/status-page");

function made(words: string, environment: Parameters<typeof produce>[1] = "production") {
  const { plan, files } = produce(sourceOf(`${shortest}${words}`), environment);
  const text = (path: string) => files.find((file) => file.path === path)?.text ?? "";
  return { plan, conf: text("nginx/nginx.conf"), text };
}

describe("in a stack", () => {
  it("is not there unless it is asked for", () => {
    const { plan, conf } = made("");
    expect(plan.services).not.toHaveProperty("status-page");
    expect(plan.components).not.toContain("status-page");
    expect(conf).not.toContain("/var/lib/pages");
    expect(made("status_page: false\n").plan.services).not.toHaveProperty("status-page");
  });

  it("is two files of a volume that nginx reads, and nothing else of them", () => {
    const { plan, conf } = made('status_page: { path: /how/it-is, title: "Ana\'s API" }\n');
    const { compose } = plan.services["status-page"] as (typeof plan.services)[string];
    expect(compose.environment).toEqual({ PAGE_TITLE: "Ana's API", PAGE_DAYS: "30" });
    expect(Object.keys(compose.networks)).toEqual(["monitoring"]);
    expect(plan.services.nginx?.compose.volumes).toContainEqual({
      type: "volume",
      source: "status-page",
      target: "/var/lib/pages/status-page",
      read_only: true,
    });
    expect(conf.match(/location = .*\n {6}alias .*/g)).toEqual([
      'location = "/how/it-is" {\n      alias "/var/lib/pages/status-page/index.html";',
      'location = "/how/it-is.json" {\n      alias "/var/lib/pages/status-page/status.json";',
    ]);
    expect(made("status_page: {}\n").plan.services["status-page"]?.compose.environment?.PAGE_TITLE).toBe(
      "api.example.com",
    );
  });

  it("has its path to itself where uploads name the same", () => {
    const { conf } = made("status_page: {}\nnginx: { uploads: { paths: [/status], body: 1GB } }\n");
    expect(conf.match(/location = "\/status" /g)).toHaveLength(1);
    expect(conf).toContain('location ^~ "/status/"');
  });

  it("allows the page its own style by its hash, and nothing else", () => {
    const { conf, text } = made("status_page: {}\n");
    const style = text("images/status-page/page.css");
    const hash = createHash("sha256").update(style).digest("base64");
    expect(conf).toContain(`default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'`);
    // Of the application's answers nothing is different.
    expect(conf.match(/style-src/g)).toHaveLength(1);
  });

  it.each([
    ["status_page: true", "Write status_page: {} for all that is usual."],
    ["status_page: { path: / }", "expected a path such as /status, and no slash at its end"],
    ["status_page: { path: /status/ }", "no slash at its end"],
    ["status_page: { path: /health }", "at /health the probe asks"],
    ["status_page: { title: '<b>' }", "expected 1 to 60 letters"],
    ["status_page: { days: 365 }", "expected days between 2 and 90"],
    ["status_page: {}\nmonitoring: false", "this stack has none of it"],
  ])("refuses %s", (words, message) => {
    try {
      made(`${words}\n`);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      expect(error.faults.map(({ message, remedy }) => `${message} ${remedy}`).join("\n")).toContain(message);
      return;
    }
    throw new Error("it was taken");
  });
});

describe("the script", () => {
  const WELL = {
    ...{ answers: 1, answered: 1, maintenance: 0, errors: 0, errors_limit: 0.05, p95: 0.02, p95_limit: 1 },
    ...{ promised: 0.999, today: 1 },
  };
  let folder: string;
  let server: Server;
  let figures: Record<string, number>;
  /** By date. */
  let days: Record<string, number>;
  let broken: boolean;
  let asked: URLSearchParams[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "status-page-"));
    [figures, days, broken, asked] = [{ ...WELL }, {}, false, []];
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (bytes) => {
        body += bytes;
      });
      request.on("end", () => {
        asked.push(new URLSearchParams(body));
        if (broken) return response.writeHead(503).end("starting");
        const range = request.url?.endsWith("query_range");
        const values = Object.entries(days).map(([date, value]) => [
          Date.parse(`${date}T00:00:00Z`) / 1000 + 86_400,
          String(value),
        ]);
        const result = range
          ? [{ metric: {}, values }]
          : Object.entries(figures).map(([figure, value]) => ({
              metric: { figure },
              value: [1, String(value)],
            }));
        response.end(JSON.stringify({ status: "success", data: { result } }));
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  });
  afterEach(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function begin(word: string, more: Record<string, string>) {
    return spawn("bash", [join(TEMPLATES, "plimsoll-status-page"), word], {
      stdio: ["ignore", "ignore", "inherit"],
      env: {
        ...process.env,
        PLIMSOLL_PROMETHEUS: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        PLIMSOLL_PAGE: folder,
        PLIMSOLL_SHARE: TEMPLATES,
        PAGE_TITLE: "Our API",
        PAGE_DAYS: "30",
        ...more,
      },
    });
  }
  async function round(title = "Our API"): Promise<{ code: number | null; status: Status; html: string }> {
    const child = begin("round", { PAGE_TITLE: title });
    const code = await new Promise<number | null>((done) => child.once("exit", done));
    const read = (file: string) =>
      existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8") : "";
    return { code, status: JSON.parse(read("status.json") || "{}") as Status, html: read("index.html") };
  }
  type Status = {
    state: string;
    since: string;
    answered: number | null;
    promised: number;
    days: { date: string; answered: number | null }[];
  };
  const date = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);

  it("shows each day at its date, and those that nobody knows as such", async () => {
    days = { [date(1)]: 0.995, [date(2)]: 0.5, [date(29)]: 1 };
    const { status, html } = await round();
    expect(status.days).toHaveLength(30);
    const by = Object.fromEntries(status.days.map((day) => [day.date, day.answered]));
    expect([by[date(0)], by[date(1)], by[date(2)], by[date(3)], by[date(29)]]).toEqual([
      1,
      0.995,
      0.5,
      null,
      1,
    ]);
    expect(status.answered).toBeCloseTo((1 + 0.995 + 0.5 + 1) / 4);
    expect([...html.matchAll(/<li class="(\w+)"/g)].map(([, name]) => name).slice(-4)).toEqual([
      "unknown",
      "down",
      "degraded",
      "operational",
    ]);
    expect(html).toContain(`title="${date(1)}: 99.5%"`);
    expect(html).toContain("of 4 days that are known; 99.9% are promised");
    // From the first midnight that a day of the list ends at.
    const range = asked.find((words) => words.has("step"));
    expect(Number(range?.get("end")) - Number(range?.get("start"))).toBe(28 * 86_400);
    expect(Number(range?.get("end")) % 86_400).toBe(0);
  });

  it.each([
    ["operational", {}, "All is well"],
    ["degraded", { errors: 0.06 }, "slowly or not always"],
    ["degraded", { p95: 1.2 }, "slowly or not always"],
    ["degraded", { answered: 0.85 }, "slowly or not always"],
    ["operational", { answered: 0.95 }, "All is well"],
    ["down", { answers: 0, answered: 0.9 }, "does not answer"],
    ["maintenance", { answers: 0, maintenance: 1 }, "Closed for maintenance"],
  ])("says %s where %j", async (state, more, words) => {
    Object.assign(figures, more);
    const { status, html } = await round();
    expect(status.state).toBe(state);
    expect(html).toContain(words);
    expect(html).toContain(`class="now ${state}"`);
  });

  it("says that it does not know where the probe has no figures, or Prometheus does not answer, and keeps the days", async () => {
    days = { [date(1)]: 0.995 };
    await round();
    broken = true;
    const { code, status, html } = await round();
    expect([code, status.state]).toEqual([0, "unknown"]);
    expect(html).toContain("Not known at the moment");
    expect(status.days.at(-2)).toEqual({ date: date(1), answered: 0.995 });
    expect(status.promised).toBe(0.999);
    broken = false;
    figures = { promised: 0.999 };
    const young = await round();
    expect(young.status.state).toBe("unknown");
    expect(young.status.days.at(-1)).toEqual({ date: date(0), answered: null });
  });

  it("says since when, for as long as it is the same", async () => {
    const first = await round();
    await new Promise((later) => setTimeout(later, 1100));
    expect((await round()).status.since).toBe(first.status.since);
    figures.answers = 0;
    expect((await round()).status.since).not.toBe(first.status.since);
  });

  it("lets no title be markup, and has nothing from elsewhere", async () => {
    const { html } = await round("<script>alert(1)</script>");
    expect(html).not.toContain("<script");
    expect(html).toContain("&lt;script&gt;");
    expect(html).not.toMatch(/\b(?:src|href|style)=/);
    // What the browser hashes.
    const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1];
    expect(style).toBe(readFileSync(join(TEMPLATES, "page.css"), "utf8"));
  });

  it("keeps days that Prometheus has forgotten, and those that it half remembers", async () => {
    days = { [date(20)]: 0.5, [date(15)]: 1 };
    await round();
    days = { [date(15)]: 0.25, [date(1)]: 0.9 };
    const first = await round();
    days = { [date(1)]: 0.95 };
    const { status } = await round();
    const by = Object.fromEntries(status.days.map((day) => [day.date, day.answered]));
    expect([by[date(20)], by[date(15)], by[date(1)]]).toEqual([0.5, 1, 0.95]);
    expect(first.status.days.find((day) => day.date === date(1))?.answered).toBe(0.9);
  });

  it("has no page rather than an old one where it cannot be written", async () => {
    await round();
    // A folder in the way: the page cannot be put together.
    mkdirSync(join(folder, ".index.html"));
    const child = begin("run", { PLIMSOLL_EVERY: "60" });
    try {
      await vi.waitFor(() => expect(existsSync(join(folder, "index.html"))).toBe(false), 15_000);
      expect(existsSync(join(folder, "status.json"))).toBe(false);
    } finally {
      child.kill("SIGKILL");
    }
    rmSync(join(folder, ".index.html"), { recursive: true });
    expect((await round()).html).toContain("All is well");
  });

  it("begins where Prometheus is not there yet, and again where the last one was left half", async () => {
    broken = true;
    const first = await round();
    expect([first.code, first.status.state, first.status.answered]).toEqual([0, "unknown", null]);
    expect(first.html).toContain("No day is known yet");
    broken = false;
    writeFileSync(join(folder, ".last.json"), '{"days":[');
    expect((await round()).status.state).toBe("operational");
  });
});
