import { Command, InvalidArgumentError } from "commander";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { Duration } from "../generator/spec/words.ts";
import { audited } from "../operator/settings/audit.ts";
import { describeLock, takeStackLock } from "../operator/settings/lock.ts";
import { whoami } from "../operator/settings/who.ts";
import { onSite, type SiteOptions, withSite } from "./site.ts";

type Options = SiteOptions & { reason: string; for?: number; json?: boolean };

export function lockCommand(): Command {
  return onSite(new Command("lock"))
    .description("nobody changes this environment until it is unlocked, or the time is over")
    .requiredOption("--reason <text>", "why: it is told to whoever is refused", reason)
    .option("--for <duration>", "30m, 2h, 1d; until it is unlocked if absent", duration)
    .option("--json", "the lock as JSON on stdout")
    .action(async (environment: EnvironmentKind, options: Options) => {
      await withSite(environment, options, async ({ site }) => {
        const request = { owner: whoami(), reason: options.reason, for: options.for };
        const lock = await audited(site, { command: "lock", what: `locked: ${options.reason}` }, () =>
          takeStackLock(site, request),
        );
        if (options.json) console.log(JSON.stringify(lock, null, 2));
        else
          console.error(`${environment} is ${describeLock(lock)}\nLift it: plimsoll unlock ${environment}`);
      });
    });
}

function reason(text: string): string {
  const plain = text.trim();
  if (plain === "" || plain.length > 300 || /\p{Cc}/u.test(plain))
    throw new InvalidArgumentError("Expected one line of at most 300 characters.");
  return plain;
}

function duration(text: string): number {
  const parsed = Duration.safeParse(text);
  if (!parsed.success || parsed.data < 1)
    throw new InvalidArgumentError("Expected a duration such as 30m, 2h or 1d.");
  return parsed.data;
}
