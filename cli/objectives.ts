import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { businessFigures, businessOf, businessText } from "../operator/observe/business.ts";
import { objectiveFigures } from "../operator/observe/figures.ts";
import { askMonitoring } from "../operator/observe/monitoring.ts";
import { objectivesOf } from "../operator/observe/objectives.ts";
import { objectivesText } from "../operator/observe/objectives-text.ts";
import { unmeasuredOf } from "../operator/observe/unmeasured.ts";
import { ExitError } from "./exit.ts";
import { paintFor } from "./screen.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

export function objectivesCommand(): Command {
  return onSite(new Command("objectives"))
    .description(
      "what stack.yaml promises: what is measured, the error budget left, how fast it burns; exits 1 where one is broken or nothing is known",
    )
    .option("--json", "the result as JSON on stdout")
    .action((environment: EnvironmentKind, options: SiteOptions & { json?: boolean }) =>
      withSite(environment, options, async ({ site, spec, signal }) => {
        const targets = spec.core.business;
        const asked = { ...objectiveFigures, ...businessFigures(targets) };
        const { prometheus } = await askMonitoring(site, asked, signal);
        const found = objectivesOf(spec.core.objectives, prometheus, unmeasuredOf(spec));
        const business = businessOf(targets, prometheus);
        const paint = paintFor(process.stdout);
        if (options.json) console.log(JSON.stringify({ ...found, business }, null, 2));
        else {
          console.log(objectivesText(found, paint));
          if (business.length > 0) console.log(["", ...businessText(business, paint)].join("\n"));
        }
        const broken = found.objectives.some(({ verdict }) => verdict === "broken");
        if (broken || found.unknown !== undefined) throw new ExitError(1);
      }),
    );
}
