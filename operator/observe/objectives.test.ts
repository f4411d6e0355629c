import { expect, it } from "vitest";
import { components } from "../../generator/components/index.ts";
import { plain } from "../../generator/report/paint.ts";
import { Objectives } from "../../generator/spec/core.ts";
import { loadSpec } from "../../generator/spec/load.ts";
import { shortest, sourceOf } from "../../generator/testing/source.ts";
import { parseFacts } from "../checks/facts.ts";
import { objectiveFigures } from "./figures.ts";
import { inOne, monitoringOf } from "./monitoring.ts";
import { type Objective, objectivesOf, windowText } from "./objectives.ts";
import { amount, objectivesText } from "./objectives-text.ts";
import { type Unmeasured, unmeasuredOf, WORDS } from "./unmeasured.ts";

const promised = Objectives.parse({});
const HEALTHY = {
  window: 1_296_000,
  known: 1_296_000,
  uptime: 0.99984,
  left_uptime: 0.84,
  burn_uptime: 0,
  errors: 0.0003,
  left_errors: 0.7,
  burn_errors: 0.2,
  p95: 0.084,
  fast: 0.99,
  left_p95: 0.8,
  burn_p95: 0.1,
  database: 0.004,
  cache_hits: 0.91,
  cache_reads: 40,
  rpo: 0,
  rto_verify: 13,
};
const found = (figures: Partial<Record<string, number>>, unmeasured: Unmeasured = {}) =>
  objectivesOf(
    promised,
    {
      what: new Map(
        Object.entries(figures).filter((pair): pair is [string, number] => pair[1] !== undefined),
      ),
    },
    unmeasured,
  );
const one = (name: Objective["objective"], more: Partial<Record<string, number>>) =>
  found({ ...HEALTHY, ...more }).objectives.find(({ objective }) => objective === name);

it("keeps every promise where the figures are good", () => {
  expect(found(HEALTHY).objectives.map(({ objective, verdict }) => [objective, verdict])).toEqual([
    ["uptime", "kept"],
    ["errors", "kept"],
    ["p95", "kept"],
    ["database", "kept"],
    ["cache_hits", "kept"],
    ["rpo", "kept"],
    ["rto", "kept"],
  ]);
});

it.each([
  ["uptime", { left_uptime: -0.01 }, "broken"],
  ["uptime", { left_uptime: 0.05 }, "at risk"],
  ["uptime", { burn_uptime: 6 }, "at risk"],
  ["uptime", { burn_uptime: 5.9 }, "kept"],
  ["uptime", { left_uptime: undefined }, "unknown"],
  ["uptime", { uptime: undefined }, "unknown"],
  ["errors", { left_errors: -3 }, "broken"],
  ["p95", { p95: 0.21 }, "at risk"],
  ["p95", { left_p95: -1 }, "broken"],
  ["p95", { fast: undefined }, "unknown"],
  ["database", { database: 0.11 }, "broken"],
  ["database", { database: undefined }, "unknown"],
  ["cache_hits", { cache_hits: 0.5 }, "broken"],
  ["cache_hits", { cache_hits: 0.5, cache_reads: 0.5 }, "unknown"],
  ["rpo", { rpo: 1801 }, "at risk"],
  ["rpo", { rpo: 3601 }, "broken"],
  ["rto", { rto_drill: 3700 }, "broken"],
  ["rto", { rto_verify: undefined }, "unknown"],
] as const)("%s with %j is %s", (name, more, verdict) => {
  expect(one(name, more)?.verdict).toBe(verdict);
});

it("believes a drill before a verification, and says which it was", () => {
  expect(one("rto", {})).toMatchObject({ measured: 13, note: "the last verification of a backup" });
  expect(one("rto", { rto_drill: 95 })).toMatchObject({ measured: 95, note: "the last drill" });
});

it("knows nothing where there is no Prometheus, or it is silent, and says which", () => {
  const off = objectivesOf(promised, { why: "it has no container", off: true }, {});
  expect(off.unknown).toBe("stack.yaml has no monitoring: nothing is measured");
  expect(new Set(off.objectives.map(({ verdict }) => verdict))).toEqual(new Set(["unknown"]));
  const silent = objectivesOf(promised, { why: "its container is exited", off: false }, {});
  expect(silent.unknown).toBe("Prometheus does not answer: its container is exited");
  expect(objectivesText(silent, plain)).toContain("Prometheus does not answer");
});

const without = (words: string) =>
  unmeasuredOf(
    loadSpec(
      sourceOf(words.startsWith("name:") ? words : `${shortest}${words}\n`).yaml,
      "production",
      components,
    ),
  );
const left = (word: string, ...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, `not measured, as ${word} is false`]));

it.each([
  ["", {}],
  ["monitoring: { blackbox: false }", left("monitoring.blackbox", "uptime")],
  ["monitoring: { host: false }", left("monitoring.host", "database", "rpo", "rto")],
  ["postgres: false", left("postgres", "database", "rpo", "rto")],
  [
    shortest.replace("backup: { lost_with_machine: accepted }", "backup: false"),
    left("backup", "rpo", "rto"),
  ],
  ["redis: false", left("redis", "cache_hits")],
  // Whether the application counts reads of a cache of its own is not known.
  [`redis: false\nprocesses: { worker: { command: work, metrics_port: 9400 } }`, {}],
  [`${shortest}  metrics_port: 9400\nredis: false\n`, {}],
])("with %j these are measured by nothing, and say so: %j", (words, expected) => {
  expect(without(words)).toEqual(expected);
});

it("leaves components out by their own words", () => {
  const at = Object.fromEntries(components.map(({ name, at }) => [name, at.join(".")]));
  for (const [name, word] of Object.entries(WORDS)) expect([name, at[name]]).toEqual([name, word]);
});

it("says of what nothing measures why, and of what still has figures these", () => {
  const why = left("monitoring.blackbox", "uptime");
  const { uptime: _, ...others } = HEALTHY;
  expect(found(others, why).objectives[0]).toMatchObject({ verdict: "unknown", note: why.uptime });
  expect(objectivesText(found(others, why), plain)).toMatch(
    /^uptime +> 99\.9% +not known .+unknown: not measured, as monitoring\.blackbox is false$/m,
  );
  expect(found(others).objectives[0]).toMatchObject({ note: "the probe has no figures yet" });
  // Left out in stack.yaml, and not deployed yet.
  expect(found(HEALTHY, why).objectives[0]).toMatchObject({ measured: 0.99984, verdict: "kept" });
});

it("says how much of the window is known", () => {
  expect(windowText({ window: 1_296_000, known: 1_296_000 })).toBe("15 days");
  expect(windowText({ window: 2_592_000, known: 172_800 })).toBe("30 days, of which Prometheus has seen 2d");
  expect(windowText({})).toBeUndefined();
});

it("is a table of whole lines", () => {
  expect(objectivesText(found({ ...HEALTHY, left_errors: -0.421 }), plain)).toMatchInlineSnapshot(`
    "OBJECTIVE   PROMISED  MEASURED  OVER  BUDGET LEFT    BURN  VERDICT
    uptime      > 99.9%   99.98%    15d   84%            0x    kept
    errors      < 0.1%    0.03%     15d   overspent 43%  0.2x  broken
    p95         < 200 ms  84 ms     5m    80%            0.1x  kept
    database    < 100 ms  4 ms      5m                         kept
    cache hits  > 80%     91%       30m                        kept
    RPO         < 1h      0 s                                  kept: the oldest finished log that is not archived
    RTO         < 1h      13 s                                 kept: the last verification of a backup

    The window is 15 days. Burn is of the last hour: 1x uses the budget up within the window."
  `);
});

it.each([
  [1, "ratio", "100%"],
  [0.99998, "ratio", ">99.99%"],
  [0.99984, "ratio", "99.98%"],
  [0.00002, "ratio", "<0.01%"],
  [0, "ratio", "0%"],
  [0, "seconds", "0 s"],
  [0.0042, "seconds", "4.2 ms"],
  [0.2, "seconds", "200 ms"],
  [2.34, "seconds", "2.3 s"],
  [3600, "seconds", "1h"],
  [5000, "seconds", "83m"],
] as const)("%s of %s is %s", (value, unit, text) => {
  expect(amount(value, unit)).toBe(text);
});

it("asks everything at once, and finds each answer by its name; what is no number is left out", () => {
  expect(inOne({ a: "up", b: "sum(up)" })).toBe(
    'label_replace(up, "plimsoll_figure", "a", "", "") or label_replace(sum(up), "plimsoll_figure", "b", "", "")',
  );
  const result = [
    { metric: { plimsoll_figure: "uptime" }, value: [1, "0.99"] },
    { metric: { plimsoll_figure: "fast" }, value: [1, "NaN"] },
  ];
  const answer = JSON.stringify({ status: "success", data: { resultType: "vector", result } });
  const { prometheus, alertmanager } = monitoringOf(parseFacts(`containers 3\nprometheus ${answer}\n`));
  expect(prometheus).toEqual({ what: new Map([["uptime", 0.99]]) });
  expect(alertmanager).toEqual({ why: "it has no container", off: true });
  expect(monitoringOf(parseFacts("prometheus_failed connection refused")).prometheus).toEqual({
    why: "connection refused",
    off: false,
  });
  expect(monitoringOf(parseFacts("prometheus <html>")).prometheus).toMatchObject({ off: false });
  expect(Object.keys(objectiveFigures)).toContain("rto_drill");
});
