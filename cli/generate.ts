import { Command } from "commander";
import { generate, produce } from "../generator/index.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { display, generatedFolder, readStackFolder } from "../generator/stack.ts";
import { compare } from "../generator/write/compare.ts";
import { collectFaults } from "./collect.ts";
import { ExitError } from "./exit.ts";
import { environmentOption, environmentsOf, stackFolders, withStack } from "./stacks.ts";

type Options = { environment?: EnvironmentKind; check?: boolean; force?: boolean; json?: boolean };

export function generateCommand(): Command {
  return withStack(new Command("generate"))
    .description("write the Compose project of every environment into stacks/<name>/generated/")
    .addOption(environmentOption())
    .option("--check", "write nothing; exit 3 where the output would differ")
    .option("--force", "replace files that were edited by hand")
    .option("--json", "the result as JSON on stdout")
    .action(async (stack: string | undefined, options: Options) => {
      const folders = await stackFolders(stack);
      const targets = folders.flatMap((folder) =>
        environmentsOf(options.environment).map((environment) => ({ folder, environment })),
      );
      // Every environment is planned before the first file is touched.
      const sources = await collectFaults(targets, async ({ folder, environment }) => {
        const source = await readStackFolder(folder);
        return { folder, environment, ...produce(source, environment) };
      });
      const results = options.check
        ? await Promise.all(sources.map(checkOne))
        : await inTurn(sources, async ({ folder, environment }) => {
            const done = await generate({ stackFolder: folder, environment, force: options.force });
            return {
              folder: done.folder,
              changes: done.changes,
              made: done.secrets?.made ?? [],
              plan: done.plan,
            };
          });
      if (options.json) console.log(JSON.stringify(results.map(summary), null, 2));
      else for (const result of results) console.error(line(result, options.check === true));
      if (options.check && results.some(({ changes }) => changes.length > 0)) {
        if (!options.json) console.error("Run plimsoll generate, and commit what it writes.");
        throw new ExitError(3);
      }
    });
}

type Result = Pick<Awaited<ReturnType<typeof generate>>, "folder" | "changes" | "plan"> & {
  made: readonly string[];
};

async function checkOne({ folder, environment, plan, files }: Awaited<Target>): Promise<Result> {
  const place = generatedFolder(folder, environment);
  const { changes } = await compare(place, files);
  return { folder: place, changes, made: [], plan };
}

type Target = Promise<{ folder: string; environment: EnvironmentKind } & ReturnType<typeof produce>>;

async function inTurn<Item, Out>(
  items: readonly Item[],
  action: (item: Item) => Promise<Out>,
): Promise<Out[]> {
  const out: Out[] = [];
  for (const item of items) out.push(await action(item));
  return out;
}

function summary({ folder, changes, made }: Result) {
  return {
    folder: display(folder),
    changes: changes.map(({ path, kind, component }) => ({ path, kind, component })),
    secrets_made: made,
  };
}

function line({ folder, changes, made, plan }: Result, check: boolean): string {
  const count = (kind: string) => changes.filter((change) => change.kind === kind).length;
  const counts = [
    count("add") > 0 ? `${count("add")} new` : "",
    count("change") > 0 ? `${count("change")} changed` : "",
    count("remove") > 0 ? `${count("remove")} removed` : "",
  ].filter(Boolean);
  const services = Object.keys(plan.services).length;
  const what = counts.length > 0 ? `${counts.join(", ")}${check ? " (not written)" : ""}` : "unchanged";
  const secrets = made.length > 0 ? `; made ${made.length} secrets` : "";
  return `${display(folder)}: ${services} services; files ${what}${secrets}`;
}
