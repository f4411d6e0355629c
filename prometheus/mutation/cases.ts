/** What promtool is given for one mutant: one file of rules and those tests that could notice. */
import { stringify } from "yaml";
import { verdict } from "../../grafana/library/verdict.ts";
import { expressions as checkFigures } from "../../operator/checks/figures.ts";
import { statusFigures } from "../../operator/observe/figures.ts";
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

/** Records by which a command's exit code, or the first dashboard, says whether all is well. */
const judged = new Set(
  [...Object.values(statusFigures), ...Object.values(checkFigures), verdict].flatMap(readBy),
);

/** What follows from a rule and decides something: itself, or those that read it, through other records too. */
export function decidedBy({ alert, record = "" }: Rule): string[] {
  if (alert !== undefined) return [alert];
  const readers = everyRule.filter(({ expr }) => readBy(expr).includes(record));
  return [...new Set([...(judged.has(record) ? [record] : []), ...readers.flatMap(decidedBy)])];
}

/** @param mutant undefined: the rules as they are, which must pass */
export function caseOf(rule: Rule, mutant?: Mutant): Case {
  // A record's own tests look at it too, wherever what reads it is.
  const names = new Set([...decidedBy(rule), rule.alert ?? rule.record ?? ""]);
  const owners = ruleStems.filter((stem) =>
    rulesOf(stem).some(({ alert, record }) => names.has(alert ?? record ?? "")),
  );
  // By itself, and not by its name: a record may be made by several rules.
  const changed = (found: Rule) => (mutant !== undefined && found === rule ? mutant.changed : found);
  const files: Record<string, string> = {};
  for (const path of owners.flatMap(testPaths)) {
    const file = testFile(path);
    const tests = file.tests.flatMap((test) => onlyOf(test, names));
    if (tests.length === 0) continue;
    const all = file.rule_files.flatMap((other) => groupsOf(/([a-z]+)\.rules\.yaml$/.exec(other)?.[1] ?? ""));
    const needed = neededBy(
      tests,
      all.flatMap(({ rules }) => rules),
      names,
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

/** Names of what these tests need: what is looked at, what it or the tests read, and what that reads. The rest takes time. */
function neededBy(tests: readonly Test[], rules: readonly Rule[], names: ReadonlySet<string>): Set<string> {
  const needed = new Set<string>();
  function need(name: string): void {
    if (needed.has(name)) return;
    needed.add(name);
    for (const rule of rules.filter(({ alert, record }) => (alert ?? record) === name))
      readBy(rule.expr).forEach(need);
  }
  names.forEach(need);
  for (const { expr } of tests.flatMap(({ promql_expr_test }) => promql_expr_test ?? []))
    readBy(expr).forEach(need);
  return needed;
}

/** What looks at these alerts and records. */
function onlyOf(test: Test, names: ReadonlySet<string>): Test[] {
  const fired = (test.alert_rule_test ?? []).filter(({ alertname }) => names.has(alertname));
  const valued = (test.promql_expr_test ?? []).filter(({ expr }) =>
    readBy(expr).some((one) => names.has(one)),
  );
  if (fired.length + valued.length === 0) return [];
  return [{ ...test, alert_rule_test: fired, promql_expr_test: valued }];
}
