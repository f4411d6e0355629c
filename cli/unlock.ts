import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { appendAudit } from "../operator/settings/audit.ts";
import { describeLock, liftStackLock } from "../operator/settings/lock.ts";
import { whoami } from "../operator/settings/who.ts";
import { confirmYes } from "./confirm.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

export function unlockCommand(): Command {
  return onSite(new Command("unlock"))
    .description("lifts the lock; another's only after asking")
    .option("--force", "another's too, without asking")
    .option("--json", "the lock that was lifted as JSON on stdout")
    .action(
      async (environment: EnvironmentKind, options: SiteOptions & { force?: boolean; json?: boolean }) => {
        await withSite(environment, options, async ({ site }) => {
          const lifted = await liftStackLock(site, whoami(), async (lock) => {
            if (options.force) return true;
            return confirmYes(`${environment} is ${describeLock(lock)}\nIt is not yours. Lift it?`);
          });
          if (lifted)
            await appendAudit(site, {
              command: "unlock",
              what: `lifted the lock of ${lifted.owner}`,
              outcome: "done",
            });
          if (options.json) console.log(JSON.stringify(lifted ?? null, null, 2));
          else console.error(lifted ? `${environment} is unlocked.` : `${environment} was not locked.`);
        });
      },
    );
}
