import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { execInteractive, ourTerminal, requireCommand } from "../operator/operate/exec.ts";
import { resolveService } from "../operator/operate/names.ts";
import { openRunning } from "../operator/operate/running.ts";
import { ExitError } from "./exit.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";
import { handedOn } from "./words.ts";

export function execCommand(): Command {
  return onSite(new Command("exec"))
    .argument("<service>", "api-1, or api for the first of its servers")
    .argument("<command...>", "what to run in its container, with its arguments")
    .description("a command in a container that runs; options of ours stand before the environment")
    .option("--user <user>", "as another user of the container")
    .passThroughOptions()
    .action(
      async (
        environment: EnvironmentKind,
        service: string,
        command: string[],
        options: SiteOptions & { user?: string },
      ) => {
        handedOn("exec", [service]);
        const words = handedOn("exec", command);
        await withSite(environment, options, async ({ site }) => {
          requireCommand(words, `plimsoll exec ${environment} api-1 sh`);
          const running = await openRunning(site);
          const name = resolveService(running.project.plan, service);
          const code = await execInteractive(running, name, words, {
            terminal: ourTerminal(),
            user: options.user,
          });
          if (code !== 0) throw new ExitError(code);
        });
      },
    );
}
