/** The rule files and their tests, as promtool reads them. */
import { parser } from "@prometheus-io/lezer-promql";
import { parse } from "yaml";
import { listOwn, readOwn } from "../../generator/package.ts";

export type Rule = {
  alert?: string;
  record?: string;
  expr: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
};
export type Group = { name: string; interval?: string; rules: Rule[] };
export type AlertTest = { alertname: string; eval_time: string; exp_alerts?: unknown[] };
export type Test = { name?: string; alert_rule_test?: AlertTest[]; promql_expr_test?: { expr: string }[] };
export type TestFile = { rule_files: string[]; group_eval_order?: string[]; tests: Test[] };

const SUFFIX = ".rules.yaml";

export const ruleStems = listOwn("prometheus/rules").map((file) => file.slice(0, -SUFFIX.length));

export function ruleFile(stem: string): string {
  return `prometheus/rules/${stem}${SUFFIX}`;
}

export function groupsOf(stem: string): Group[] {
  return (parsed(ruleFile(stem)) as { groups: Group[] }).groups;
}

export function rulesOf(stem: string): Rule[] {
  return groupsOf(stem).flatMap(({ rules }) => rules);
}

/** `objectives.burn.test.yaml` belongs to `objectives`: days of samples, evaluated less often. */
export function testPaths(stem: string): string[] {
  return listOwn("prometheus/tests")
    .filter((file) => file.startsWith(`${stem}.`))
    .map((file) => `prometheus/tests/${file}`);
}

export function testFile(path: string): TestFile {
  return parsed(path) as TestFile;
}

const known = new Map<string, unknown>();

/** Each file once: every mutant asks for it. */
function parsed(path: string): unknown {
  if (!known.has(path)) known.set(path, parse(readOwn(path)));
  return known.get(path);
}

const reads = new Map<string, readonly string[]>();

/** Names of the metrics and records that an expression reads. */
export function readBy(expression: string): readonly string[] {
  const names = reads.get(expression) ?? selected(expression);
  reads.set(expression, names);
  return names;
}

function selected(expression: string): string[] {
  const names: string[] = [];
  parser.parse(expression).iterate({
    enter({ name, node }) {
      if (name !== "VectorSelector") return;
      const found = node.getChild("Identifier");
      if (found) names.push(expression.slice(found.from, found.to));
    },
  });
  return names;
}
