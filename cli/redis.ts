import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { redisClient } from "../operator/operate/database.ts";
import { execInteractive, ourTerminal } from "../operator/operate/exec.ts";
import { openRunning } from "../operator/operate/running.ts";
import { ExitError } from "./exit.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

export function redisCommand(): Command {
  return onSite(new Command("redis"))
    .argument("[store]", "sessions or cache", "sessions")
    .argument("[arguments...]", "for redis-cli, after --: -- info memory")
    .description("redis-cli on one of the two, as its operator")
    .action(async (environment: EnvironmentKind, store: string, more: string[], options: SiteOptions) => {
      await withSite(environment, options, async ({ site }) => {
        const running = await openRunning(site);
        const { service, command } = redisClient(running, store, more);
        const code = await execInteractive(running, service, command, { terminal: ourTerminal() });
        if (code !== 0) throw new ExitError(code);
      });
    });
}
