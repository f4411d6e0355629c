import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { redisClient } from "../operator/operate/database.ts";
import { execInteractive, ourTerminal } from "../operator/operate/exec.ts";
import { openRunning } from "../operator/operate/running.ts";
import { Problem } from "../operator/problem.ts";
import { ExitError } from "./exit.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";
import { partedWords } from "./words.ts";

export function redisCommand(): Command {
  return onSite(new Command("redis"))
    .argument("[store]", "sessions, which it is if absent, or cache")
    .argument("[arguments...]", "for redis-cli, after --: -- info memory")
    .description("redis-cli on one of the two, as its operator")
    .action(
      async (
        environment: EnvironmentKind,
        first: string | undefined,
        rest: string[],
        options: SiteOptions,
        command: Command,
      ) => {
        const { own, handed } = partedWords(command, [...(first === undefined ? [] : [first]), ...rest]);
        const [store = "sessions", stray] = own;
        await withSite(environment, options, async ({ site }) => {
          if (stray !== undefined)
            throw new Problem(
              `${JSON.stringify(stray)} is for redis-cli: it stands after --`,
              `plimsoll redis ${environment} ${store} -- ${stray}`,
              2,
            );
          const running = await openRunning(site);
          const client = redisClient(running, store, handed);
          const code = await execInteractive(running, client.service, client.command, {
            terminal: ourTerminal(),
          });
          if (code !== 0) throw new ExitError(code);
        });
      },
    );
}
