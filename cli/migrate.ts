import { Argument, Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import {
  migrateCommand as commandOf,
  currentRelease,
  type MigrateAction,
  migrate,
} from "../operator/operate/migrate.ts";
import { openRunning } from "../operator/operate/running.ts";
import { audited } from "../operator/settings/audit.ts";
import { readLock, requireUnlocked } from "../operator/settings/lock.ts";
import { confirmName } from "./operate.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

type Options = SiteOptions & { confirm?: string; json?: boolean };

export function migrateCommand(): Command {
  return onSite(new Command("migrate"))
    .addArgument(new Argument("<action>", "what to do").choices(["up", "status", "down"]))
    .description("migrations, once, in the image of the current release; a deploy does `up` by itself")
    .option("--confirm <name>", "the stack's name, instead of being asked for it before `down`")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, action: MigrateAction, options: Options) => {
      await withSite(environment, options, async ({ site, signal }) => {
        const running = await openRunning(site);
        commandOf(running, action);
        const said: string[] = [];
        const onLine = (line: string) => {
          said.push(line);
          // What it says is its result; where the result is JSON, it is prose.
          if (options.json) console.error(line);
          else console.log(line);
        };
        if (action === "status") {
          await migrate(running, action, { onLine, signal });
        } else {
          requireUnlocked((await readLock(site)).lock, environment);
          if (action === "down") {
            await confirmName(
              `This takes the newest migration of ${environment} back, with the data it holds.`,
              site.stack,
              options.confirm,
            );
          }
          const release = await currentRelease(running);
          const entry = {
            command: `migrate ${action}`,
            what: `migrations ${action}`,
            release: () => release,
          };
          await audited(site, entry, () => migrate(running, action, { onLine, signal }));
        }
        if (options.json) console.log(JSON.stringify({ action, output: said }, null, 2));
      });
    });
}
