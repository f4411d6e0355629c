/** The old site: closed, so that the bucket has all of it; or opened again. */
import type { PlanJson } from "../../generator/render/plan-json.ts";
import type { StackLock } from "../settings/lock.ts";
import { liftStackLock, readLock, takeStackLock } from "../settings/lock.ts";
import { whoami } from "../settings/who.ts";
import type { Site } from "../site/site.ts";
import type { Pair } from "./judge.ts";
import { runPart, secondsIn, type Talk } from "./script.ts";

/** How a lock is known as a failback's own. */
const REASON = "failback to ";

export const isOurs = (lock: StackLock | undefined) => lock?.reason.startsWith(REASON) === true;

/** Held over the command's end: a deploy would start what was stopped. @throws Problem where somebody else has it */
export async function lockForGood(site: Site, to: string): Promise<void> {
  if (isOurs((await readLock(site)).lock)) return;
  await takeStackLock(site, {
    owner: whoami(),
    reason: `${REASON}${to}: the stack is moved there (docs/runbooks/disaster.md, Going back)`,
  });
}

export async function unlockAgain(site: Site): Promise<void> {
  if (!isOurs((await readLock(site)).lock)) return;
  await liftStackLock(site, whoami(), async (lock) => isOurs(lock));
}

/** @throws Problem: this site serves again then, or it says that it could not be given back */
export async function closeSite(
  site: Site,
  plan: PlanJson,
  pair: Pair,
  to: string,
  talk: Talk,
): Promise<void> {
  const { application } = plan;
  const services = application
    ? [...application.servers, application.spare].map(({ service }) => service).concat(application.processes)
    : [];
  await runPart(
    site,
    "close",
    [
      ...[site.live, site.secrets, site.stack, site.environment, to, whoami()],
      ...[application?.group ?? "-", String(Math.ceil(application?.stop ?? 30))],
      ...[pair?.writer ?? "-", pair?.replica ?? "-"],
      ...services,
      "--",
      ...keptInOutage(plan),
    ],
    talk,
  );
}

/** WHAT=VOLUME. What is brought back once all serves (logs) is not waited for while nobody is served. */
export function keptInOutage({ backups }: Pick<PlanJson, "backups">): string[] {
  return backups.flatMap((offer) =>
    "volume" in offer && !offer.broughtBy ? [`${offer.what}=${offer.volume}`] : [],
  );
}

/** @returns seconds since the maintenance began */
export async function markSite(site: Site, phase: "away" | "gone", talk: Talk): Promise<number> {
  return secondsIn(await runPart(site, "mark", [phase], talk));
}

/** The new site must not serve, nor come to. @returns seconds of the outage. @throws Problem; a second run goes on */
export async function reopenSite(
  site: Site,
  { application }: Pick<PlanJson, "application">,
  talk: Talk,
): Promise<number> {
  const outcome = await runPart(site, "reopen", [application?.group ?? "-"], talk);
  await unlockAgain(site);
  return secondsIn(outcome);
}
