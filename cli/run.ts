import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { ourTerminal, requireCommand } from "../operator/operate/exec.ts";
import { runInteractive } from "../operator/operate/run.ts";
import { openRunning } from "../operator/operate/running.ts";
import { audited } from "../operator/settings/audit.ts";
import { ExitError } from "./exit.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";
import { handedOn } from "./words.ts";

export function runCommand(): Command {
  return onSite(new Command("run"))
    .argument("<command...>", "what to run, with its arguments")
    .description(
      "a one-off in the image, environment and secrets of the current release, beside what serves; gone when it ends",
    )
    .passThroughOptions()
    .action(async (environment: EnvironmentKind, command: string[], options: SiteOptions) => {
      const words = handedOn("run", command);
      await withSite(environment, options, async ({ site }) => {
        requireCommand(words, `plimsoll run ${environment} node -v`);
        const running = await openRunning(site);
        // Its arguments may be anybody's data: the program's name is enough to know what was done.
        const code = await audited(site, { command: "run", what: `a one-off: ${words[0]}` }, () =>
          runInteractive(running, { command: words, terminal: ourTerminal() }),
        );
        if (code !== 0) throw new ExitError(code);
      });
    });
}
