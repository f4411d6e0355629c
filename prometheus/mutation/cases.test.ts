import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { caseOf, decidedBy } from "./cases.ts";
import { type Group, type Rule, ruleStems, rulesOf, type TestFile } from "./rules.ts";

function filesOf(name: string): Readonly<Record<string, string>> {
  const rule = ruleStems.flatMap(rulesOf).find(({ alert, record }) => (alert ?? record) === name);
  if (rule === undefined) throw new Error(name);
  return caseOf(rule);
}

function rulesIn(text: string | undefined): string[] {
  const { groups } = parse(text ?? "") as { groups: Group[] };
  return groups.flatMap(({ rules }) => rules.map(({ alert, record }) => alert ?? record ?? ""));
}

describe("the case of a rule", { timeout: 60_000 }, () => {
  it("has an alert's tests alone, and of the records those that it reads, through others too", () => {
    const files = filesOf("ServiceCpuAtLimit");
    expect(Object.keys(files)).toEqual(["services.rules.yaml", "services.test.yaml"]);
    expect(rulesIn(files["services.rules.yaml"]).sort()).toEqual([
      "ServiceCpuAtLimit",
      "plimsoll:container:cores:5m",
      "plimsoll:containers:known",
    ]);
    const { tests } = parse(files["services.test.yaml"] ?? "") as TestFile;
    const named = tests.flatMap(({ alert_rule_test }) => alert_rule_test ?? []);
    expect(new Set(named.map(({ alertname }) => alertname))).toEqual(new Set(["ServiceCpuAtLimit"]));
  });

  it("has the tests of what a command judges by, where no alert reads it", () => {
    const rule = ruleStems.flatMap(rulesOf).find(({ record }) => record === "plimsoll:edge:fast_ratio:30d");
    expect(decidedBy(rule as Rule)).toEqual(["plimsoll:edge:fast_ratio:30d", "plimsoll:budget:left_ratio"]);
    expect(rulesIn(caseOf(rule as Rule)["objectives.budget.rules.yaml"])).toContain(
      "plimsoll:budget:left_ratio",
    );
    const drawn = ruleStems
      .flatMap(rulesOf)
      .find(({ record }) => record === "plimsoll:edge:p95_seconds_by_server:5m");
    expect(decidedBy(drawn as Rule)).toEqual([]);
  });

  it("changes one rule of a record that several make", () => {
    const made = ruleStems.flatMap(rulesOf).filter(({ record }) => record === "plimsoll:budget:left_ratio");
    expect(made).toHaveLength(3);
    const rule = made[1] as Rule;
    const { "objectives.budget.rules.yaml": text } = caseOf(rule, {
      rule: "",
      change: "",
      changed: { ...rule, expr: "1" },
    });
    const { groups } = parse(text ?? "") as { groups: Group[] };
    const found = groups.flatMap(({ rules }) => rules).filter(({ record }) => record === rule.record);
    expect(found.map(({ expr }) => expr === "1")).toEqual([false, true, false]);
  });

  it("has a record's own tests beside those of alerts in another file", () => {
    const files = Object.keys(filesOf("plimsoll:edge:error_ratio:1h"));
    expect(files).toEqual(expect.arrayContaining(["edge.test.yaml", "objectives.burn.test.yaml"]));
  });
});
