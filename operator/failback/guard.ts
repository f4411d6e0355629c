/** One failback of a site at a time: held on the old host as long as a laptop is at it, and gone with the laptop. */
import { PassThrough } from "node:stream";
import { pulse } from "../host/pulse.ts";
import { Problem } from "../problem.ts";
import { whoami } from "../settings/who.ts";
import type { Site } from "../site/site.ts";
import { failbackScript } from "./script.ts";

export type Guard = { end(): Promise<void> };

/** @throws Problem where another failback of it is at work */
export async function guardFailback(site: Site): Promise<Guard> {
  const input = new PassThrough();
  pulse(input);
  let open: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    open = resolve;
  });
  const ended = site.host.script(
    failbackScript("guard"),
    [site.state, site.project, `a failback by ${whoami()}`],
    { input, apart: true, onLine: (line) => line === "ready" && open() },
  );
  const refused = ended.then(({ exitCode, stderr }) => {
    const said = stderr.trim().split("\n").at(-1);
    throw exitCode === 97
      ? new Problem(
          `another failback of ${site.environment} is at work: ${said}`,
          "Two at once are refused. Wait for it, and run this again.",
        )
      : new Problem(said || `${site.host.name} does not hold the lock of a failback (${exitCode})`);
  });
  refused.catch(() => undefined);
  await Promise.race([ready, refused]).catch((error) => {
    input.end();
    throw error;
  });
  return {
    async end() {
      input.end();
      await ended.catch(() => undefined);
    },
  };
}
