import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { judgeRejoin, rejoin } from "../operator/database/rejoin.ts";
import { audited } from "../operator/settings/audit.ts";
import { confirmName } from "./operate.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";
import { openDatabase, tellSteps } from "./unlocked.ts";

type Options = SiteOptions & { fresh?: boolean; confirm?: string; json?: boolean };

const WAYS = {
  rewound: "it was rewound to where they parted",
  copied: "it was copied anew",
  streaming: "it did already",
};

export function rejoinCommand(): Command {
  return onSite(new Command("rejoin"))
    .description("a fenced old primary of PostgreSQL becomes a replica again: rewound, else copied anew")
    .option("--fresh", "copied anew in any case")
    .option("--confirm <name>", "the stack's name: where commits are lost with it, nobody is asked")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      await withSite(environment, options, async ({ site }) => {
        const { running, look } = await openDatabase(site);
        const fresh = options.fresh === true;
        const rejoining = judgeRejoin(look, environment, fresh);
        if (!rejoining) {
          if (options.json) console.log(JSON.stringify({ node: null }, null, 2));
          else console.error("Every node follows the one that writes: nothing to do.");
          return;
        }
        const { node, writer, loses } = rejoining;
        if (loses) await confirmName(loses, site.stack, options.confirm);
        const what = `${node} follows ${writer}`;
        const rejoined = await audited(site, { command: "rejoin", what }, () =>
          rejoin(running, rejoining, fresh ? "fresh" : "-", tellSteps),
        );
        if (options.json) console.log(JSON.stringify(rejoined, null, 2));
        else console.error(`${node} follows ${writer} (${rejoined.seconds} s): ${WAYS[rejoined.way]}.`);
      });
    });
}
