import { Command, Option } from "commander";
import { components } from "../generator/components/index.ts";
import { costOf } from "../generator/report/cost.ts";
import { costText } from "../generator/report/cost-text.ts";
import { DROPLET_BACKUPS, type DropletBackups } from "../generator/report/prices.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { loadSpec } from "../generator/spec/load.ts";
import { readStackFolder } from "../generator/stack.ts";
import { collectFaults } from "./collect.ts";
import { paintFor } from "./screen.ts";
import { environmentOption, stackFolders, withStack } from "./stacks.ts";

type Options = { environment: EnvironmentKind; dropletBackups?: DropletBackups; json?: boolean };

export function costCommand(): Command {
  return withStack(new Command("cost"))
    .description("what a month costs, beside the bill that the stack replaces")
    .addOption(environmentOption().default("production"))
    .addOption(
      new Option(
        "--droplet-backups <how often>",
        "count DigitalOcean's own backups of the droplet too",
      ).choices(Object.keys(DROPLET_BACKUPS)),
    )
    .option("--json", "the result as JSON on stdout")
    .action(async (stack: string | undefined, { environment, dropletBackups, json }: Options) => {
      const costs = await collectFaults(await stackFolders(stack), async (folder) => {
        const { yaml } = await readStackFolder(folder);
        return costOf(loadSpec(yaml, environment, components), dropletBackups);
      });
      if (json) return console.log(JSON.stringify(costs, null, 2));
      process.stdout.write(costs.map((cost) => costText(cost, paintFor(process.stdout))).join("\n"));
    });
}
