/**
 * `npm run test:mutation [STEM or ALERT …]`: changes each threshold, comparison and `for:` of the rules, one at a time,
 * and asks whether promtool's tests notice. Survivors are printed, and end it with 1.
 */
import { prometheusImage } from "../../generator/components/prometheus.ts";
import { findTool, type Tool } from "../../generator/testing/tools.ts";
import { type Case, caseOf, decidedBy } from "./cases.ts";
import { exceptions } from "./exceptions.ts";
import { type Mutant, mutantsOf } from "./mutants.ts";
import { type Rule, ruleStems, rulesOf } from "./rules.ts";

const PARALLEL = 2;

/** One line a folder: its name, and 0 where every test passed. Short files first: one that notices is enough. */
const SCRIPT = `for folder in m*; do
  cd "$folder"; code=0
  for file in $(ls -Sr *.test.yaml || echo none); do
    promtool test rules "$file" >/dev/null 2>&1 || { code=1; break; }
  done
  cd ..; echo "$folder $code"
done`;

/** Mutants of a rule that its tests let pass. @throws where they do not pass as they are */
async function survivorsOf(promtool: Tool, rule: Rule): Promise<{ all: number; survivors: Mutant[] }> {
  const mutants = mutantsOf(rule);
  const cases: Case[] = [caseOf(rule), ...mutants.map((mutant) => caseOf(rule, mutant))];
  const files = Object.fromEntries(
    cases.flatMap((files, index) =>
      Object.entries(files).map(([name, text]) => [`m${index}/${name}`, text] as const),
    ),
  );
  const { output } = await promtool.script(files, SCRIPT);
  const codes = new Map(output.split("\n").map((line) => line.split(" ") as [string, string]));
  if (codes.get("m0") !== "0")
    throw new Error(`the tests of ${rule.alert ?? rule.record} fail as they are\n${output}`);
  return {
    all: mutants.length,
    survivors: mutants.filter((_, index) => codes.get(`m${index + 1}`) === "0"),
  };
}

async function main(words: readonly string[]): Promise<number> {
  const promtool = findTool({ tool: "promtool", image: prometheusImage });
  if (!promtool) return 1;
  const queue = ruleStems.flatMap((stem) =>
    rulesOf(stem).filter((rule) => {
      const name = rule.alert ?? rule.record ?? "";
      // A record that is only drawn on a dashboard decides nothing.
      return (
        decidedBy(rule).length > 0 && (words.length === 0 || words.includes(stem) || words.includes(name))
      );
    }),
  );
  let all = 0;
  const survivors: Mutant[] = [];
  async function work(): Promise<void> {
    for (let rule = queue.shift(); rule; rule = queue.shift()) {
      const found = await survivorsOf(promtool as Tool, rule);
      all += found.all;
      for (const mutant of found.survivors) {
        survivors.push(mutant);
        console.error(`${mutant.rule}: ${mutant.change}`);
      }
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, work));
  const excepted = (mutant: Mutant) =>
    exceptions.some(({ rule, change }) => rule === mutant.rule && change.test(mutant.change));
  const left = survivors.filter((mutant) => !excepted(mutant));
  const unused = exceptions.filter(
    ({ rule, change }) => !survivors.some((mutant) => mutant.rule === rule && change.test(mutant.change)),
  );
  if (words.length === 0)
    for (const { rule, change } of unused)
      console.error(`no longer needed: the exception ${rule}, ${change}`);
  console.log(
    `${all} mutants, ${all - survivors.length} noticed, ${survivors.length - left.length} excepted, ${left.length} survive`,
  );
  return left.length > 0 || (words.length === 0 && unused.length > 0) ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
