/** Every rule of every component: parsed by Prometheus's own grammar, tested by its own tool. */
import { parser } from "@prometheus-io/lezer-promql";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { produce } from "../../index.ts";
import { listOwn, readOwn } from "../../package.ts";
import { grantsOf } from "../../plan/budget.ts";
import { bare, sourceOf } from "../../testing/source.ts";
import { findTool, type Tool } from "../../testing/tools.ts";
import { REFERENCE_RECIPIENT } from "../backup/recipient.ts";
import { prometheusImage } from "../prometheus.ts";
import { limitThresholds } from "./thresholds.ts";

type Rule = {
  alert?: string;
  record?: string;
  expr: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
};
type RuleFile = { groups: { name: string; rules: Rule[] }[] };
type TestFile = {
  tests: { name?: string; alert_rule_test?: { alertname: string; exp_alerts?: unknown[] }[] }[];
};

const SUFFIX = ".rules.yaml";
const stems = listOwn("prometheus/rules").map((file) => file.slice(0, -SUFFIX.length));
const rulesOf = (stem: string) =>
  (parse(readOwn(`prometheus/rules/${stem}${SUFFIX}`)) as RuleFile).groups.flatMap(({ rules }) => rules);
/** `objectives.burn.test.yaml` belongs to `objectives`: days of samples, evaluated less often. */
const testsOf = (stem: string) =>
  listOwn("prometheus/tests")
    .filter((file) => file.startsWith(`${stem}.`))
    .map((file) => `prometheus/tests/${file}`);
const all = stems.flatMap(rulesOf);

const plan = produce(
  sourceOf(
    `${bare.replace("s-4vcpu-8gb", "s-4vcpu-16gb-amd")}  metrics_port: 6000
backup:
  recipient: ${REFERENCE_RECIPIENT}
  repository: { s3: { endpoint: fra1.digitaloceanspaces.com, region: fra1, bucket: hello-backups } }
dr: { host: deploy@203.0.113.8, follow: repository }
business: { orders: { counter: shop_orders_total, at_least: 1 } }
`,
  ),
  "production",
).plan;
/** What a rule may read of ours: what rules record, what components give as thresholds, what nginx counts. */
const known = new Set([
  ...all.flatMap(({ record }) => record ?? []),
  ...plan.offers.thresholds.map(({ record }) => record),
  ...limitThresholds(plan.offers.scrapes, grantsOf(plan.budget)).map(({ record }) => record),
]);

let promtool: Tool | undefined;
beforeAll(() => {
  promtool = findTool({ tool: "promtool", image: prometheusImage });
}, 600_000);

it("every rule file belongs to a component, and has tests", () => {
  expect([...plan.offers.rules].sort()).toEqual([...stems].sort());
  expect(stems.filter((stem) => testsOf(stem).length === 0)).toEqual([]);
  expect(listOwn("prometheus/tests").filter((file) => !/^[a-z]+(\.[a-z]+)?\.test\.yaml$/.test(file))).toEqual(
    [],
  );
});

it("no alert has the name of another", () => {
  const names = all.flatMap(({ alert }) => alert ?? []);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

describe.each(stems)("%s", (stem) => {
  const rules = rulesOf(stem);
  const alerts = rules.filter((rule) => rule.alert !== undefined);
  const expected = testsOf(stem)
    .flatMap((path) => (parse(readOwn(path)) as TestFile).tests)
    .flatMap(({ alert_rule_test }) => alert_rule_test ?? []);

  it.each(rules.map((rule) => [rule.alert ?? rule.record, rule] as const))("%s is PromQL", (_, { expr }) => {
    const errors: string[] = [];
    parser.parse(expr).iterate({
      enter(node) {
        if (node.type.isError) errors.push(`${expr.slice(0, node.from)}<<HERE>>${expr.slice(node.from)}`);
      },
    });
    expect(errors).toEqual([]);
    const ours = expr.match(/plimsoll:[a-z0-9_:]+/g) ?? [];
    expect(ours.filter((name) => !known.has(name))).toEqual([]);
  });

  it.each(alerts.map((rule) => [rule.alert as string, rule] as const))(
    "%s speaks to a person",
    (name, rule) => {
      expect(name).toMatch(/^[A-Z][A-Za-z0-9]+$/);
      expect(rule.labels?.severity).toMatch(name === "Watchdog" ? /^none$/ : /^(page|warn)$/);
      expect(rule.annotations?.summary).toMatch(/^\S.{10,}[^.]$/);
      expect(rule.annotations?.description).toMatch(/^\S.{20,}[.?]$/);
    },
  );

  it.each(alerts.map(({ alert }) => alert as string))(
    "%s has a test in which it fires, and one of silence",
    (name) => {
      const tests = expected.filter(({ alertname }) => alertname === name);
      expect(tests.some(({ exp_alerts }) => (exp_alerts ?? []).length > 0)).toBe(true);
      if (name !== "Watchdog")
        expect(tests.some(({ exp_alerts }) => (exp_alerts ?? []).length === 0)).toBe(true);
    },
  );

  it("passes promtool", ({ skip }) => {
    if (promtool === undefined) return skip("no promtool");
    const files = Object.fromEntries(
      [...stems.map((other) => `prometheus/rules/${other}${SUFFIX}`), ...testsOf(stem)].map((path) => [
        path,
        readOwn(path),
      ]),
    );
    const checked = promtool.run(files, [
      "check",
      "rules",
      "--lint=all",
      "--lint-fatal",
      `prometheus/rules/${stem}${SUFFIX}`,
    ]);
    expect(checked.output).toContain("SUCCESS");
    expect(checked.code, checked.output).toBe(0);
    const tested = promtool.run(files, ["test", "rules", ...testsOf(stem)]);
    expect(tested.code, tested.output).toBe(0);
  }, 600_000);
});

it("docs/alerts-fired.md says of every alert whether a real fault fired it", () => {
  const cells = readOwn("docs/alerts-fired.md")
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").at(-2) ?? "");
  const named = cells.join(" ").match(/\b[A-Z][A-Za-z]{5,}\b/g) ?? [];
  const alerts = all.flatMap(({ alert }) => alert ?? []);
  expect(named.sort()).toEqual(alerts.sort());
});
