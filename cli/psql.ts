import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { copyClient } from "../operator/database/copy.ts";
import { psqlClient } from "../operator/operate/database.ts";
import { execInteractive, ourTerminal } from "../operator/operate/exec.ts";
import { openRunning } from "../operator/operate/running.ts";
import { Problem } from "../operator/problem.ts";
import { ExitError } from "./exit.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

export function psqlCommand(): Command {
  return onSite(new Command("psql"))
    .argument("[arguments...]", "for psql, after --: -- -c 'select 1'")
    .description("psql on the database that takes writes, as the application's role")
    .option("--read", "on the replica, and nothing can be written")
    .option("--copy", "on the copy that plimsoll restore made")
    .action(
      async (
        environment: EnvironmentKind,
        more: string[],
        options: SiteOptions & { read?: boolean; copy?: boolean },
      ) => {
        await withSite(environment, options, async ({ site }) => {
          if (options.read && options.copy)
            throw new Problem("--read and --copy are two databases", "Say one of them.", 2);
          const running = await openRunning(site);
          if (options.copy) {
            const { stdin, stdout } = ourTerminal();
            const tty = stdin && stdout;
            const ended = await site.host.interactive("docker", copyClient(running, more, { tty }), { tty });
            if (ended !== 0) throw new ExitError(ended);
            return;
          }
          const { service, command } = psqlClient(running, { read: options.read, arguments: more });
          const code = await execInteractive(running, service, command, { terminal: ourTerminal() });
          if (code !== 0) throw new ExitError(code);
        });
      },
    );
}
