import { join } from "node:path";
import { Command } from "commander";
import { produce } from "../generator/index.ts";
import { diffReport, effects } from "../generator/report/diff.ts";
import { diffText } from "../generator/report/diff-text.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { display, generatedFolder, readStackFolder } from "../generator/stack.ts";
import { compare, readIfThere } from "../generator/write/compare.ts";
import { collectFaults } from "./collect.ts";
import { ExitError } from "./exit.ts";
import { paintFor, widthOf } from "./screen.ts";
import { environmentOption, environmentsOf, stackFolders, withStack } from "./stacks.ts";

type Options = { environment?: EnvironmentKind; json?: boolean; exitCode?: boolean };

export function diffCommand(): Command {
  return withStack(new Command("diff"))
    .description("what a generate would change, and which containers would be recreated because of it")
    .addOption(environmentOption())
    .option("--exit-code", "exit 3 where there is a difference")
    .option("--json", "the result as JSON on stdout")
    .action(async (stack: string | undefined, options: Options) => {
      const targets = (await stackFolders(stack)).flatMap((stackFolder) =>
        environmentsOf(options.environment).map((environment) => ({ stackFolder, environment })),
      );
      const reports = await collectFaults(targets, async ({ stackFolder, environment }) => {
        const { files } = produce(await readStackFolder(stackFolder), environment);
        const folder = generatedFolder(stackFolder, environment);
        const before = await readIfThere(join(folder, "compose.yaml"));
        return diffReport(display(folder), before, files, await compare(folder, files));
      });
      if (options.json) {
        const names = (diffs: readonly { service: string }[]) => diffs.map(({ service }) => service);
        const results = reports.map((report) => {
          const { create, recreate, restart, remove } = effects(report);
          const containers = {
            create: names(create),
            recreate: names(recreate),
            restart: names(restart),
            left_over: names(remove),
          };
          return { ...report, containers };
        });
        console.log(JSON.stringify(results, null, 2));
      } else {
        const screen = { width: widthOf(process.stdout), paint: paintFor(process.stdout) };
        process.stdout.write(reports.map((report) => diffText(report, screen)).join("\n"));
      }
      if (options.exitCode && reports.some(({ files }) => files.length > 0)) throw new ExitError(3);
    });
}
