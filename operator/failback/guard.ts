/** One failback of a site at a time: held on the old host as long as a laptop is at it, and gone with the laptop. */
import { hold } from "../host/hold.ts";
import { Problem } from "../problem.ts";
import { whoami } from "../settings/who.ts";
import type { Site } from "../site/site.ts";
import { failbackScript } from "./script.ts";

export type Guard = { end(): Promise<void> };

/** @throws Problem where another failback of it is at work */
export async function guardFailback(site: Site): Promise<Guard> {
  const args = [site.state, site.project, `a failback by ${whoami()}`];
  const held = await hold(site.host, failbackScript("guard"), args, {
    refusal({ exitCode, stderr }) {
      const said = stderr.trim().split("\n").at(-1);
      return exitCode === 97
        ? new Problem(
            `another failback of ${site.environment} is at work: ${said}`,
            "Two at once are refused. Wait for it, and run this again.",
          )
        : new Problem(said || `${site.host.name} does not hold the lock of a failback (${exitCode})`);
    },
  });
  return { end: async () => void (await held.end().catch(() => undefined)) };
}
