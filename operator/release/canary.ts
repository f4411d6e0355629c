/** A canary at work on its host: how it does, and a person's word that ends it. */
import { Problem } from "../problem.ts";
import { type Place, requireDone } from "../settings/place.ts";
import type { Site } from "../site/site.ts";

export type CanaryStatus = { version: string; by: string; since: string; figures: Record<string, string> };

/** Undefined where no canary is at work. */
export async function canaryStatus(site: Site): Promise<CanaryStatus | undefined> {
  const { stdout } = await site.host.script(
    `cd -- "$1" 2>/dev/null && version=$(sed -n 's/^version //p' work 2>/dev/null) && [[ $(cat "releases/$version/state") == canary ]] || exit 0
cat work; echo; cat work.status 2>/dev/null; exit 0`,
    [site.state],
  );
  if (stdout.trim() === "") return undefined;
  const pairs = stdout
    .split("\n")
    .filter(Boolean)
    // There are five triggers, each with a line of its own.
    .map((line) => /^((?:trigger )?\S+) ?(.*)$/.exec(line)?.slice(1) as [string, string]);
  const { version = "", by = "", since = "", pid: _, ...figures } = Object.fromEntries(pairs);
  return { version, by, since, figures };
}

/** The watch on the host reads it within seconds. @throws Problem where no canary is at work */
export async function decideCanary(site: Place & Site, decision: "promote" | "abort"): Promise<CanaryStatus> {
  const status = await canaryStatus(site);
  if (!status)
    throw new Problem(
      `no canary is at work on ${site.environment}`,
      `Start one: plimsoll canary start ${site.environment}`,
      2,
    );
  const outcome = await site.host.script(`: >"$1/work.$2"`, [site.state, decision]);
  requireDone(site, outcome, `the word to ${decision}`);
  return status;
}
