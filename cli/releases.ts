import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { nothingThere } from "../operator/operate/running.ts";
import { readReleases, releaseLines } from "../operator/release/history.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

export function releasesCommand(): Command {
  return onSite(new Command("releases"))
    .description("the history: version, state, when, who, what")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: SiteOptions & { json?: boolean }) => {
      await withSite(environment, options, async ({ site }) => {
        const releases = await readReleases(site);
        if (options.json) return console.log(JSON.stringify(releases, null, 2));
        if (releases.length === 0) {
          if (!(await site.host.exists(site.live))) throw await nothingThere(site);
          return console.error(`${environment} has no release yet`);
        }
        for (const line of releaseLines(releases)) console.log(line);
      });
    });
}
