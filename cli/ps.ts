import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { ps } from "../operator/operate/ps.ts";
import { psText } from "../operator/operate/ps-text.ts";
import { openRunning } from "../operator/operate/running.ts";
import { paintFor } from "./screen.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

export function psCommand(): Command {
  return onSite(new Command("ps"))
    .description(
      "what runs: state, health, release, restarts, CPU and memory against their limits, weight at the edge",
    )
    .option("--json", "the result as JSON on stdout")
    .action((environment: EnvironmentKind, options: SiteOptions & { json?: boolean }) =>
      withSite(environment, options, async ({ site }) => {
        const found = await ps(await openRunning(site));
        console.log(options.json ? JSON.stringify(found, null, 2) : psText(found, paintFor(process.stdout)));
      }),
    );
}
