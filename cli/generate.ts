import { Command } from "commander";
import { type Generated, write } from "../generator/index.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { display, generatedFolder } from "../generator/stack.ts";
import { compare } from "../generator/write/compare.ts";
import { planWrite } from "../generator/write/write.ts";
import { ExitError } from "./exit.ts";
import { produceAll, type Target } from "./produce.ts";
import { environmentOption, stackFolders, withStack } from "./stacks.ts";

type Options = { environment?: EnvironmentKind; check?: boolean; force?: boolean; json?: boolean };

export function generateCommand(): Command {
  return withStack(new Command("generate"))
    .description("write the Compose project of every environment into stacks/<name>/generated/")
    .addOption(environmentOption())
    .option("--check", "write nothing; exit 3 where the output would differ")
    .option("--force", "replace files that were edited by hand")
    .option("--json", "the result as JSON on stdout")
    .action(async (stack: string | undefined, options: Options) => {
      // Every environment of every stack is planned before the first file is touched.
      const targets = await produceAll(await stackFolders(stack), options.environment);
      const { check = false, force, json } = options;
      // What a write would refuse is refused before any: all environments are written, or none.
      for (const { folder, plan, files } of check ? [] : targets)
        await planWrite(generatedFolder(folder, plan.environment), files, { force });
      const results: Generated[] = [];
      for (const target of targets) {
        const result = check ? await wouldWrite(target) : await write(target.folder, target, { force });
        results.push(result);
        if (!json) console.error(line(result, check));
      }
      if (json) console.log(JSON.stringify(results.map(summary), null, 2));
      if (check && results.some(({ changes }) => changes.length > 0)) {
        if (!json) console.error("Run npx plimsoll generate, and commit what it writes.");
        throw new ExitError(3);
      }
    });
}

async function wouldWrite({ folder: stack, plan, files }: Target): Promise<Generated> {
  const folder = generatedFolder(stack, plan.environment);
  return { folder, plan, changes: (await compare(folder, files)).changes };
}

function summary({ folder, changes, secrets }: Generated) {
  return {
    folder: display(folder),
    changes: changes.map(({ path, kind, component }) => ({ path, kind, component })),
    secrets_made: secrets?.made ?? [],
  };
}

function line({ folder, changes, secrets, plan }: Generated, check: boolean): string {
  const count = (kind: string) => changes.filter((change) => change.kind === kind).length;
  const counts = [
    count("add") > 0 ? `${count("add")} new` : "",
    count("change") > 0 ? `${count("change")} changed` : "",
    count("remove") > 0 ? `${count("remove")} removed` : "",
  ].filter(Boolean);
  const services = Object.keys(plan.services).length;
  const what = counts.length > 0 ? `${counts.join(", ")}${check ? " (not written)" : ""}` : "unchanged";
  const made = secrets?.made.length ?? 0;
  return `${display(folder)}: ${services} services; files ${what}${made > 0 ? `; made ${made} secrets` : ""}`;
}
