import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import { components } from "../generator/components/index.ts";
import { planStack } from "../generator/plan/plan.ts";
import { budgetReport } from "../generator/report/budget.ts";
import { budgetText } from "../generator/report/budget-text.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { loadSpec } from "../generator/spec/load.ts";
import { readStackFolder } from "../generator/stack.ts";
import { collectFaults } from "./collect.ts";
import { paintFor, widthOf } from "./screen.ts";
import { environmentOption, stackFolder, stackFolders, withStack } from "./stacks.ts";

type Options = { environment: EnvironmentKind; json?: boolean; svg?: string };

export function budgetCommand(): Command {
  return withStack(new Command("budget"))
    .description("what every service may use of the machine, and the settings that follow from it")
    .addOption(environmentOption().default("production"))
    .option("--json", "the result as JSON on stdout")
    .option("--svg <file>", "draw it: the hull, the load, the line")
    .action(async (stack: string | undefined, { environment, json, svg }: Options) => {
      const folders = svg === undefined ? await stackFolders(stack) : [await stackFolder(stack)];
      const reports = await collectFaults(folders, async (folder) => {
        const { yaml } = await readStackFolder(folder);
        return budgetReport(planStack(loadSpec(yaml, environment, components), components));
      });
      if (json) console.log(JSON.stringify(reports, null, 2));
      if (svg !== undefined) {
        const { budgetSvg } = await import("../generator/report/hull.ts");
        for (const report of reports) await writeFile(svg, budgetSvg(report));
        console.error(`${svg}: drawn`);
      } else if (!json) {
        const screen = { width: widthOf(process.stdout), paint: paintFor(process.stdout) };
        process.stdout.write(reports.map((report) => budgetText(report, screen)).join("\n"));
      }
    });
}
