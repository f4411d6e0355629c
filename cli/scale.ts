import { Command } from "commander";
import { components } from "../generator/components/index.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { loadSpec } from "../generator/spec/load.ts";
import { readChoices } from "../operator/settings/choices.ts";
import { parseScale, scaleChange, scaleOf } from "../operator/settings/scale.ts";
import { type ChangeOptions, makeChange } from "./change.ts";
import { onSite, withSite } from "./site.ts";

export function scaleCommand(): Command {
  return onSite(new Command("scale"))
    .argument("[counts...]", "api=5 worker=2; says how many there are if absent")
    .description(
      "how many servers and processes run; kept on the host, and refused where the droplet is too small",
    )
    .option("-y, --yes", "without asking")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, words: string[], options: ChangeOptions) => {
      await withSite(environment, options, async (work) => {
        const { site, source, spec } = work;
        const wanted = parseScale(words, Object.keys(scaleOf(spec)));
        const said = await readChoices(site);
        if (words.length > 0) return makeChange(work, scaleChange(source, spec, said, wanted), options);
        const now = scaleOf(loadSpec(source.yaml, environment, components, said));
        if (options.json) console.log(JSON.stringify(now, null, 2));
        else for (const [name, count] of Object.entries(now)) console.log(`${name}=${count}`);
      });
    });
}
