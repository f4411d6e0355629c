/** A change that becomes a release: scale, config, secrets. */
import { Problem } from "../operator/problem.ts";
import { audited } from "../operator/settings/audit.ts";
import type { Change, MakeRelease } from "../operator/settings/change.ts";
import { readLock, requireUnlocked } from "../operator/settings/lock.ts";
import type { SiteOptions, Work } from "./site.ts";

export type ChangeOptions = SiteOptions & { yes?: boolean; json?: boolean };

type Making = (work: Work, options: ChangeOptions) => Promise<MakeRelease>;

/** What turns a change into a release; loaded only where there is something to change. */
const making = undefined as Making | undefined;

/** Writes it down and says which release it became. `undefined`: there is nothing to change. */
export async function makeChange(
  work: Work,
  change: Change | undefined,
  options: ChangeOptions,
): Promise<void> {
  const { site } = work;
  if (!change) {
    if (options.json) console.log(JSON.stringify({ version: null, changed: [] }, null, 2));
    else console.error("That is how it is already: nothing to do.");
    return;
  }
  requireUnlocked((await readLock(site)).lock, site.environment);
  if (!making) throw new Problem("this plimsoll cannot make releases yet");
  const makeRelease = await making(work, options);
  const entry = { command: change.kind, what: change.what.join(", ") };
  const { version } = await audited(
    site,
    { ...entry, release: (made: { version: string }) => made.version },
    () => makeRelease(change),
  );
  if (options.json) console.log(JSON.stringify({ version, changed: change.what }, null, 2));
  else console.error(`${change.what.join(", ")}: release ${version}`);
}
