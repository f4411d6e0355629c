/**
 * A day of load whose sums are known, written into a real Prometheus as blocks: objectives, budgets and burn rates are
 * then asked for by the command that a person has, and compared with sums of our own.
 */
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Objectives } from "../../generator/spec/core.ts";
import type { ObjectivesFound } from "../../operator/observe/objectives.ts";
import { rulesOf } from "../../prometheus/mutation/rules.ts";
import { engineOrSkip, startStack } from "./engine.ts";
import { buildCli, removeCli } from "./operate-cli.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();
const main = engine ? await buildCli() : "";
afterAll(removeCli);

const PROMISED = Objectives.parse({});
const STEP = 15;
const HOUR = 3600 / STEP;
/** An hour more than a day: alerts over days wait until the first day is known, and are not left on that edge. */
const STEPS = 25 * HOUR;

/** What happens in the step `at` of the day. */
type Step = { up: boolean; requests: number; failed: number; slow: number };
type Day = { name: string; step(at: number): Step; verdicts: Record<string, string>; firing: string[] };

/** Busy by day, quiet by night. */
const load = (at: number) => Math.round(600 + 500 * Math.sin((2 * Math.PI * at) / STEPS));
/** So many of each thousand, and none lost to rounding over the day. */
const share = (at: number, thousandth: number) =>
  Math.floor(((at + 1) * thousandth) / 2) - Math.floor((at * thousandth) / 2);

const DAYS: Day[] = [
  {
    name: "a minute's outage at noon, and a bad release that took ten minutes",
    step(at) {
      const noon = STEPS / 2;
      const bad = at >= noon + HOUR && at < noon + HOUR + 40;
      return {
        up: at < noon || at >= noon + 4,
        requests: load(at),
        failed: bad ? Math.round(load(at) / 10) : at % 4 === 0 ? 1 : 0,
        slow: share(at, 12),
      };
    },
    verdicts: { uptime: "kept", errors: "kept", p95: "kept" },
    firing: [],
  },
  {
    name: "a tenth of all requests fails in the last hour, and every tenth probe",
    step(at) {
      const last = at >= STEPS - HOUR;
      return {
        up: !(last && at % 10 === 0),
        requests: load(at),
        failed: last ? Math.round(load(at) / 10) : 0,
        slow: share(at, 12),
      };
    },
    verdicts: { uptime: "at risk", errors: "at risk", p95: "kept" },
    firing: ["ErrorsBurnFast", "ErrorsBurnSlowly", "UptimeBurnsFast", "UptimeBurnsSlowly"],
  },
  {
    name: "nine of ten requests are slow in the last hour, and one of forty before",
    step(at) {
      const last = at >= STEPS - HOUR;
      return {
        up: true,
        requests: load(at),
        failed: 0,
        slow: last ? Math.round(0.9 * load(at)) : share(at, 30),
      };
    },
    verdicts: { uptime: "kept", errors: "kept", p95: "at risk" },
    firing: ["LatencyBurnsFast", "LatencyBurnsSlowly"],
  },
];

/** As the rules have them, but for what keeps the fast ones quiet: Prometheus runs alone here, and so ApiDown fires. */
const BURNS = rulesOf("objectives")
  .filter(({ alert }) => /Burns?(Fast|Slowly)$/.test(alert ?? ""))
  .map(({ alert = "", expr }) => ({ alert, expr: expr.replace(/ unless on \(\).*$/s, "") }));

describe.skipIf(!engine)("a day whose sums are known", () => {
  const running: Running[] = [];

  // Side by side: rules of days are evaluated every two minutes.
  beforeAll(async () => {
    await Promise.all(
      DAYS.map(async (day) => {
        const one = await live(day);
        running.push(one);
        await one.wait();
      }),
    );
  });
  afterAll(() => Promise.all(running.map((one) => one.stop())));

  describe.each(DAYS)("$name", (day) => {
    const lived = () => running.find((one) => one.day === day) as Running;
    const of = (name: string) => {
      const one = lived()
        .found()
        .objectives.find(({ objective }) => objective === name);
      if (!one) throw new Error(`no objective ${name}`);
      return one;
    };

    it("computes to the known answer", () => {
      const sums = sum(day, 0);
      const { known = 0, window = 0 } = lived().found();
      expect(Math.abs(known - STEP * STEPS)).toBeLessThan(600);
      const left = (used: number, allowed: number) => 1 - ((used / allowed) * known) / window;
      const exactly = (name: string, measured: number | undefined, expected: number) =>
        expect(
          Math.abs((measured as number) - expected),
          `${name}: ${measured}, not ${expected}`,
        ).toBeLessThan(1e-3);
      const down = sums.down / STEPS;
      const failed = sums.failed / sums.requests;
      exactly("uptime", of("uptime").measured, 1 - down);
      exactly("uptime left", of("uptime").left, left(down, 1 - PROMISED.uptime));
      exactly("errors", of("errors").measured, failed);
      exactly("errors left", of("errors").left, left(failed, PROMISED.errors));
      exactly("p95 left", of("p95").left, left(sums.slow / sums.requests, 0.05));
    });

    it("burns as the last hour does", () => {
      const sums = sum(day, STEPS - HOUR);
      // The window of an hour ends when the rule is evaluated, up to a few minutes after the last sample.
      const near = (name: string, expected: number) =>
        expect(Math.abs((of(name).burn as number) - expected), `${name}: ${of(name).burn}`).toBeLessThan(
          0.02 + expected * 0.06,
        );
      near("uptime", sums.down / HOUR / (1 - PROMISED.uptime));
      near("errors", sums.failed / sums.requests / PROMISED.errors);
      near("p95", sums.slow / sums.requests / 0.05);
    });

    it("is judged so, and the right alerts burn", async () => {
      for (const [name, verdict] of Object.entries(day.verdicts))
        expect(of(name).verdict, name).toBe(verdict);
      const burning = await Promise.all(
        BURNS.map(async ({ alert, expr }) => ((await lived().ask(expr)).length > 0 ? [alert] : [])),
      );
      expect(burning.flat().sort()).toEqual(day.firing);
    });
  });
});

type Running = Awaited<ReturnType<typeof live>>;

/** A Prometheus as generated, which finds the day in its volume. */
async function live(day: Day) {
  const stack = await startStack({
    name: "day",
    from: "test/deploy/stack",
    overrides: { monitoring: { grafana: false }, machine: { cpus: 2, memory: "4GB", disk: "40GB" } },
    cold: true,
  });
  const compose = (given: readonly string[], input?: string) =>
    execa("docker", ["compose", ...given], { cwd: stack.folder, ...(input !== undefined && { input }) });
  const keep =
    "cat >/prometheus/day && TMPDIR=/prometheus promtool tsdb create-blocks-from openmetrics /prometheus/day /prometheus && rm /prometheus/day";
  const begin = Math.floor(Date.now() / 1000) - STEP * STEPS;
  let found: ObjectivesFound = { objectives: [] };
  const ask = async (promql: string) => {
    const { stdout } = await compose([
      ...["exec", "-T", "prometheus", "promtool", "query", "instant", "--format", "json"],
      ...["http://127.0.0.1:9090", promql],
    ]);
    return JSON.parse(stdout) as { metric: Record<string, string>; value: [number, string] }[];
  };
  return {
    day,
    found: () => found,
    /** Until budgets are computed. */
    async wait() {
      await compose(
        ["run", "--rm", "--no-deps", "-T", "--entrypoint", "/bin/sh", "prometheus", "-c", keep],
        openMetrics(day, begin),
      );
      await compose(["up", "--detach", "--wait", "--no-deps", "prometheus"]);
      await eventually(async () => {
        const { stdout } = await execa(
          process.execPath,
          [main, "objectives", "--stack", stack.stackFolder, "local", "--json"],
          { env: { NODE_NO_WARNINGS: "1" }, reject: false },
        );
        found = JSON.parse(stdout) as ObjectivesFound;
        for (const name of ["uptime", "errors", "p95"])
          expect(found.objectives.find(({ objective }) => objective === name)).toMatchObject({
            left: expect.any(Number),
            burn: expect.any(Number),
          });
        // An alert is built on what the round before it recorded, of every group.
        const recorded = ["uptime:limit:1h", "uptime:ratio:3d", "edge:error_ratio:3d", "edge:fast_ratio:3d"];
        const before = recorded.map((name) => `plimsoll:${name} offset 45s`).join(" and on () ");
        expect(await ask(before)).toHaveLength(1);
      }, 240);
    },
    ask,
    stop: stack.stop,
  };
}

function sum(day: Day, from: number) {
  const all = { down: 0, requests: 0, failed: 0, slow: 0 };
  for (let at = from; at < STEPS; at++) {
    const { up, requests, failed, slow } = day.step(at);
    all.down += up ? 0 : 1;
    all.requests += requests;
    all.failed += failed;
    all.slow += slow;
  }
  return all;
}

/** As nginx and the probe are scraped: counters since a start at the day's begin. Slow is slower than the objective. */
function openMetrics(day: Day, begin: number): string {
  const probe: string[] = [];
  const series = { ok: [] as string[], failed: [] as string[], fast: [] as string[], all: [] as string[] };
  let [ok, failed, slow] = [0, 0, 0];
  const bucket = (le: string) =>
    `plimsoll_edge_request_duration_seconds_bucket{job="nginx",server="api-1",le="${le}"}`;
  for (let at = -1; at < STEPS; at++) {
    const time = begin + at * STEP;
    if (at >= 0) {
      const step = day.step(at);
      probe.push(`probe_success{job="probe",instance="edge"} ${step.up ? 1 : 0} ${time}`);
      ok += step.requests - step.failed;
      failed += step.failed;
      slow += step.slow;
    }
    series.ok.push(`plimsoll_edge_requests_total{job="nginx",server="api-1",code="200"} ${ok} ${time}`);
    series.failed.push(
      `plimsoll_edge_requests_total{job="nginx",server="api-1",code="502"} ${failed} ${time}`,
    );
    series.fast.push(`${bucket(String(PROMISED.p95))} ${ok + failed - slow} ${time}`);
    series.all.push(`${bucket("+Inf")} ${ok + failed} ${time}`);
  }
  return [
    "# TYPE probe_success gauge",
    ...probe,
    "# TYPE plimsoll_edge_requests counter",
    ...series.ok,
    ...series.failed,
    // As a histogram it would want its sum and count.
    "# TYPE plimsoll_edge_request_duration_seconds_bucket unknown",
    ...series.fast,
    ...series.all,
    "# EOF",
    "",
  ].join("\n");
}
