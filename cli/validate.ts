import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { InputError } from "../generator/spec/fault.ts";
import { display } from "../generator/stack.ts";
import { ExitError } from "./exit.ts";
import { produceAll } from "./produce.ts";
import { environmentOption, stackFolders, withStack } from "./stacks.ts";

type Options = { environment?: EnvironmentKind; json?: boolean };

export function validateCommand(): Command {
  return withStack(new Command("validate"))
    .description("check stack.yaml and overrides.yaml; every fault with its place and what to do")
    .addOption(environmentOption())
    .option("--json", "the faults as JSON on stdout")
    .action(async (stack: string | undefined, options: Options) => {
      const folders = await stackFolders(stack);
      try {
        await produceAll(folders, options.environment);
      } catch (error) {
        if (!(error instanceof InputError && options.json)) throw error;
        console.log(JSON.stringify({ valid: false, faults: error.faults }, null, 2));
        throw new ExitError(2);
      }
      if (options.json) console.log(JSON.stringify({ valid: true, faults: [] }, null, 2));
      else for (const folder of folders) console.error(`${display(folder)}: valid`);
    });
}
