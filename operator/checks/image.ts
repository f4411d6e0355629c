/** What the application's image gives away: files by name, keys in its history. */
import type { CheckContext } from "./context.ts";
import { gather } from "./facts.ts";
import { failed, passed, unavailable, type Verdict } from "./item.ts";
import { ANY_KEY } from "./secrets-in-sources.ts";

export async function imageSecrets(context: CheckContext, signal: AbortSignal): Promise<Verdict> {
  const running = await context.running();
  const service = context.plan.application?.servers[0]?.service;
  const container = running?.all("container").find((line) => line.startsWith(`${service} `));
  const image = container?.split(" ").at(-1);
  if (image === undefined) return unavailable("no server runs whose image could be looked at");
  const facts = await gather(context.site.host, "image.bash", [image, ANY_KEY], { signal });
  if (facts.one("absent") !== undefined) return unavailable(`${image} is not there`);
  const found = facts.all("found");
  const history = facts.number("history") ?? 0;
  if (found.length === 0 && history === 0)
    return passed(`none in ${facts.one("files")} files of ${image}, nor in its history`);
  return failed(
    [...found.slice(0, 3), ...(history > 0 ? [`${history} lines of its history hold a key`] : [])].join(", "),
    "Name them in .dockerignore; give keys to a build with RUN --mount=type=secret",
  );
}
