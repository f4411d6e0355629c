import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { psqlClient } from "../operator/operate/database.ts";
import { execInteractive, ourTerminal } from "../operator/operate/exec.ts";
import { openRunning } from "../operator/operate/running.ts";
import { ExitError } from "./exit.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

export function psqlCommand(): Command {
  return onSite(new Command("psql"))
    .argument("[arguments...]", "for psql, after --: -- -c 'select 1'")
    .description("psql on the database that takes writes, as the application's role")
    .option("--read", "on the replica, and nothing can be written")
    .action(
      async (environment: EnvironmentKind, more: string[], options: SiteOptions & { read?: boolean }) => {
        await withSite(environment, options, async ({ site }) => {
          const running = await openRunning(site);
          const { service, command } = psqlClient(running, { read: options.read, arguments: more });
          const code = await execInteractive(running, service, command, { terminal: ourTerminal() });
          if (code !== 0) throw new ExitError(code);
        });
      },
    );
}
