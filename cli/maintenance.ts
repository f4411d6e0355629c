import { Argument, Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { isInMaintenance, setMaintenance } from "../operator/operate/maintenance.ts";
import { openRunning } from "../operator/operate/running.ts";
import { audited } from "../operator/settings/audit.ts";
import { readLock, requireUnlocked } from "../operator/settings/lock.ts";
import { asTyped } from "./hint.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

export function maintenanceCommand(): Command {
  return onSite(new Command("maintenance"))
    .addArgument(new Argument("[state]", "says which it is if absent").choices(["on", "off"]))
    .description("on: the edge answers every request 503 until it is off; it survives restarts and deploys")
    .option("--json", "the result as JSON on stdout")
    .action(
      async (
        environment: EnvironmentKind,
        state: "on" | "off" | undefined,
        options: SiteOptions & { json?: boolean },
      ) => {
        await withSite(environment, options, async ({ site }) => {
          if (state) requireUnlocked((await readLock(site)).lock, environment);
          const running = await openRunning(site);
          const is =
            state === undefined
              ? await isInMaintenance(running)
              : await audited(site, { command: "maintenance", what: `maintenance ${state}` }, () =>
                  setMaintenance(running, state === "on"),
                );
          if (options.json) console.log(JSON.stringify({ maintenance: is }, null, 2));
          else if (is)
            console.error(
              asTyped(
                `${environment} is in maintenance: every request is answered 503. Over: plimsoll maintenance ${environment} off`,
              ),
            );
          else console.error(`${environment} serves.`);
        });
      },
    );
}
