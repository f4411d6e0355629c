import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { Command } from "commander";
import { components } from "../generator/components/index.ts";
import { loadSpec } from "../generator/spec/load.ts";
import { readStackFolder } from "../generator/stack.ts";
import { deployWorkflow } from "../operator/settings/workflow.ts";
import { ExitError } from "./exit.ts";
import { stackFolder } from "./stacks.ts";

const PATH = ".github/workflows/deploy.yaml";

export function ciCommand(): Command {
  return new Command("ci")
    .description("a workflow that checks, deploys and canaries")
    .addCommand(initCommand());
}

function initCommand(): Command {
  return new Command("init")
    .argument("[stack]", "a stack's name below stacks/, or its folder; the only one there if absent")
    .description(`writes ${PATH} for GitHub Actions`)
    .option("--force", "replace one that is there")
    .action(async (stack: string | undefined, options: { force?: boolean }) => {
      const folder = await stackFolder(stack);
      const source = await readStackFolder(folder);
      // Only what has a host can be deployed from elsewhere.
      const environments = (["staging", "production"] as const).filter(
        (environment) => loadSpec(source.yaml, environment, components).core.host !== undefined,
      );
      const { options: parts, core } = loadSpec(source.yaml, "production", components);
      const build = (parts.get("api") as { build?: { context: string } } | undefined)?.build?.context;
      const application = build === undefined ? undefined : relative(resolve("."), join(folder, build));
      const text = deployWorkflow({
        stack: core.name,
        environments: environments.length > 0 ? environments : ["production"],
        ...(application && existsSync(join(application, "package.json")) && { application }),
      });
      const present = await readFile(PATH, "utf8").catch(() => undefined);
      if (present === text) return console.error(`${PATH} is as it should be.`);
      if (present !== undefined && !options.force) {
        console.error(`plimsoll: ${PATH} exists and is another\n  Replace it: plimsoll ci init --force`);
        throw new ExitError(2);
      }
      await mkdir(dirname(PATH), { recursive: true });
      await writeFile(PATH, text);
      console.error(`${PATH} is written. Its first lines say which secrets it needs.`);
    });
}
