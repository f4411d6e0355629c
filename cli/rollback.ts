import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { rollback } from "../operator/release/rollback.ts";
import { asTyped } from "./hint.ts";
import { agreeTo, interruptedRelease, printEvent } from "./release-work.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";
import { versionArgument } from "./words.ts";

type Options = SiteOptions & { message?: string; yes?: boolean; json?: boolean };

export function rollbackCommand(): Command {
  return onSite(new Command("rollback"))
    .addArgument(versionArgument("[version]", "which: v11; the one before the current if absent"))
    .description(
      "a new release with the files, image and secrets of an older one; builds nothing, loses no request",
    )
    .option("-m, --message <text>", "why, for the history")
    .option("-y, --yes", "without asking")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, version: string | undefined, options: Options) => {
      await withSite(
        environment,
        options,
        async ({ site, signal }) => {
          const { plan, end } = await rollback(site, {
            to: version,
            message: options.message,
            onEvent: printEvent,
            signal,
            async agree({ from, to, version: next, migrations }) {
              console.error(`${from} → ${next}, which is ${to} again, on ${site.host.name} (${environment})`);
              if (migrations.length > 0) {
                console.error(
                  `  ${migrations.join(", ")} applied migrations since. They stay: ${to} must get along with the newer schema.\n  Taking one back is a decision of its own: plimsoll migrate ${environment} down`,
                );
              }
              await agreeTo("Go back?", options.yes);
            },
          });
          if (options.json) return console.log(JSON.stringify({ ...plan, seconds: end.seconds }, null, 2));
          console.error(`\n${end.version} (${plan.to} again) is current after ${end.seconds.toFixed(1)} s.`);
          console.error(asTyped(`Undo it: plimsoll rollback ${environment} ${plan.from}`));
        },
        async () => interruptedRelease(environment),
      );
    });
}
