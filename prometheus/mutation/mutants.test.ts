import { describe, expect, it } from "vitest";
import { mutantsOf } from "./mutants.ts";
import { ruleStems, rulesOf } from "./rules.ts";

const changed = (expr: string, more = {}) =>
  mutantsOf({ alert: "A", expr, ...more }).map(({ changed }) => changed);

describe("mutants", () => {
  it("turn comparisons around and move thresholds both ways, and leave ranges alone", () => {
    expect(changed("rate(x[5m]) > 0.8").map(({ expr }) => expr)).toEqual([
      "rate(x[5m]) <= 0.8",
      "rate(x[5m]) > 0.6000000000000001",
      "rate(x[5m]) > 1",
    ]);
  });

  it("move a stack's own threshold", () => {
    expect(changed("x > scalar(y)").map(({ expr }) => expr)).toEqual([
      "x <= scalar(y)",
      "x > (0.8 * scalar(y))",
      "x > (1.25 * scalar(y))",
    ]);
  });

  it("keep a guard of a division from growing", () => {
    expect(changed("a / (b > 0)").map(({ expr }) => expr)).toEqual(["a / (b <= 0)", "a / (b > (-1))"]);
  });

  it("shorten and lengthen the wait; a minute becomes none, since tests look once a minute", () => {
    const waits = (value: string) => changed("vector(1)", { for: value }).flatMap((rule) => rule.for ?? []);
    expect(waits("10m")).toEqual(expect.arrayContaining(["300s", "1200s"]));
    expect(waits("1m")).toEqual(expect.arrayContaining(["0s", "120s"]));
    expect(waits("30s")).toEqual(expect.arrayContaining(["0s", "120s"]));
  });

  it("are at least one for every alert that compares", () => {
    const alerts = ruleStems
      .flatMap(rulesOf)
      .filter(({ alert, expr }) => alert && /[<>]|[=!]= ?\d/.test(expr));
    expect(alerts.length).toBeGreaterThan(90);
    for (const rule of alerts) expect(mutantsOf(rule).length, rule.alert).toBeGreaterThan(0);
  });
});
