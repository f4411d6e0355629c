/** A change that becomes a release: scale, config, secrets. */
import type { Change, MakeRelease } from "../operator/settings/change.ts";
import type { SiteOptions, Work } from "./site.ts";

export type ChangeOptions = SiteOptions & { yes?: boolean; json?: boolean };

/** What turns a change into a release: stack.yaml and the image stay those of the current one. */
async function making({ site, source, signal }: Work, options: ChangeOptions): Promise<MakeRelease> {
  const { order } = await import("../operator/release/order.ts");
  const { talking } = await import("./release-work.ts");
  return async ({ kind, what, choices, secrets }) => {
    const ordered = await order(site, source, {
      ...{ kind, share: 0, settingOnly: true, force: true, changes: what, secrets },
      words: { scale: { ...choices.scale }, config: { ...choices.config } },
      ...talking(options, signal),
    });
    if (ordered.kind === "supplied") return { version: null };
    if (ordered.kind !== "done") throw new Error("a change that is forced makes a release");
    return { version: ordered.end.version };
  };
}

/** Writes it down and says which release it became. `undefined`: there is nothing to change. */
export async function makeChange(
  work: Work,
  change: Change | undefined,
  options: ChangeOptions,
): Promise<void> {
  if (!change) {
    if (options.json) console.log(JSON.stringify({ version: null, changed: [] }, null, 2));
    else console.error("That is how it is already: nothing to do.");
    return;
  }
  const makeRelease = await making(work, options);
  // The engine on the host writes it into the audit: it ends although this command may not.
  const { version } = await makeRelease(change);
  if (options.json) console.log(JSON.stringify({ version, changed: change.what }, null, 2));
  else
    console.error(
      `${change.what.join(", ")}: ${version ? `release ${version}` : "kept for the first release"}`,
    );
}
