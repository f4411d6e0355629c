/** What promtool is given for one mutant: one file of rules and those tests that could notice. */
import { stringify } from "yaml";
import type { Mutant } from "./mutants.ts";
import {
  type Group,
  groupsOf,
  type Rule,
  readBy,
  ruleStems,
  rulesOf,
  type Test,
  testFile,
  testPaths,
} from "./rules.ts";

/** Files by name within a folder: rules.yaml, and a test file for each that has such a test. */
export type Case = Readonly<Record<string, string>>;

const everyRule = ruleStems.flatMap(rulesOf);

/** Alerts that follow from a rule: itself, or those that read it, through other records too. */
export function alertsOf(rule: Rule): string[] {
  if (rule.alert !== undefined) return [rule.alert];
  const readers = everyRule.filter(({ expr }) => readBy(expr).includes(rule.record ?? ""));
  return [...new Set(readers.flatMap(alertsOf))];
}

/** @param mutant undefined: the rules as they are, which must pass */
export function caseOf(rule: Rule, mutant?: Mutant): Case {
  const alerts = new Set(alertsOf(rule));
  // A record's own tests look at it too, wherever the alerts are that read it.
  const looked = ({ alert, record }: Rule) =>
    (alert !== undefined && alerts.has(alert)) || (record !== undefined && record === rule.record);
  const owners = ruleStems.filter((stem) => rulesOf(stem).some(looked));
  const name = rule.alert ?? rule.record;
  const changed = (found: Rule) =>
    mutant !== undefined && (found.alert ?? found.record) === name ? mutant.changed : found;
  const files: Record<string, string> = {};
  for (const path of owners.flatMap(testPaths)) {
    const file = testFile(path);
    const tests = file.tests.flatMap((test) => onlyOf(test, alerts, rule.record));
    if (tests.length === 0) continue;
    const all = file.rule_files.flatMap((other) => groupsOf(/([a-z]+)\.rules\.yaml$/.exec(other)?.[1] ?? ""));
    const needed = neededBy(
      tests,
      all.flatMap(({ rules }) => rules),
      alerts,
    );
    const groups: Group[] = all.map((group) => ({
      ...group,
      rules: group.rules.filter(({ alert, record }) => needed.has(alert ?? record ?? "")).map(changed),
    }));
    const stem = path.replace(/^.*\//, "").replace(/\.test\.yaml$/, "");
    files[`${stem}.rules.yaml`] = stringify({ groups });
    files[`${stem}.test.yaml`] = stringify({ ...file, rule_files: [`${stem}.rules.yaml`], tests });
  }
  return files;
}

/** Names of what these tests need: the alerts, what they or the tests read, and what that reads. The rest takes time. */
function neededBy(tests: readonly Test[], rules: readonly Rule[], alerts: ReadonlySet<string>): Set<string> {
  const needed = new Set<string>();
  function need(name: string): void {
    if (needed.has(name)) return;
    needed.add(name);
    for (const rule of rules.filter(({ alert, record }) => (alert ?? record) === name))
      readBy(rule.expr).forEach(need);
  }
  alerts.forEach(need);
  for (const { expr } of tests.flatMap(({ promql_expr_test }) => promql_expr_test ?? []))
    readBy(expr).forEach(need);
  return needed;
}

/** What looks at those alerts, or at the record itself. */
function onlyOf(test: Test, alerts: ReadonlySet<string>, record: string | undefined): Test[] {
  const fired = (test.alert_rule_test ?? []).filter(({ alertname }) => alerts.has(alertname));
  const valued = (test.promql_expr_test ?? []).filter(
    ({ expr }) => record !== undefined && readBy(expr).includes(record),
  );
  if (fired.length + valued.length === 0) return [];
  return [{ ...test, alert_rule_test: fired, promql_expr_test: valued }];
}
