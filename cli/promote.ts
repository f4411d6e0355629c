import { Command } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { judgePromotion, lossText, promote } from "../operator/database/promote.ts";
import { audited } from "../operator/settings/audit.ts";
import { asTyped } from "./hint.ts";
import { confirmName } from "./operate.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";
import { openDatabase, tellSteps } from "./unlocked.ts";

type Options = SiteOptions & { to?: string; confirm?: string; json?: boolean };

export function promoteCommand(): Command {
  return onSite(new Command("promote"))
    .description("PostgreSQL's replica takes over; the old primary is fenced first, so that two never write")
    .option("--to <node>", "which node shall write; refused where it does already")
    .option("--confirm <name>", "the stack's name: nobody is asked")
    .option("--json", "the result as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      await withSite(environment, options, async ({ site }) => {
        const { running, look } = await openDatabase(site);
        const promotion = judgePromotion(look, environment, options.to);
        const what = `${promotion.new} takes over from ${promotion.old}`;
        await confirmName(
          `${what}; open connections to the database are cut.\n${promotion.risk}`,
          site.stack,
          options.confirm,
        );
        const promoted = await audited(site, { command: "promote", what }, () =>
          promote(running, look, promotion, tellSteps),
        );
        if (options.json) {
          console.log(JSON.stringify({ ...promoted, lost: promoted.lost ?? null }, null, 2));
          return;
        }
        console.error(`${promoted.new} takes the writes, ${promoted.seconds} s after the fence.`);
        console.error(`${lossText(promoted)}.`);
        if (promoted.alone)
          console.error(
            "postgres.synchronous waits for nobody until a replica is back: a commit is on one node only.",
          );
        console.error(
          asTyped(
            `${promoted.old} is fenced. To let it follow: plimsoll rejoin ${environment}\nWhat it had not archived is in no backup: plimsoll backup ${environment} now`,
          ),
        );
      });
    });
}
