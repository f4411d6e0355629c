/** What all commands that make a release share: asking, progress, the end. */

import { localHost } from "../operator/host/local.ts";
import { Problem } from "../operator/problem.ts";
import type { EngineEvent } from "../operator/release/follow.ts";
import { commitOf } from "../operator/release/git.ts";
import { type Order, type Ordered, order } from "../operator/release/order.ts";
import { type DeployPlan, eventLine, planText } from "../operator/release/plan-text.ts";
import type { ReleaseKind } from "../operator/release/settings-env.ts";
import type { Site } from "../operator/site/site.ts";
import type { Images } from "../operator/up/images.ts";
import { asTyped } from "./hint.ts";
import { askYes } from "./operate.ts";
import type { SiteOptions, Work } from "./site.ts";

export type DeployOptions = SiteOptions & {
  image?: string;
  images?: Images;
  /** Brings the image from this machine. */
  send?: boolean;
  message?: string;
  dryRun?: boolean;
  rebalance?: boolean;
  force?: boolean;
  yes?: boolean;
  json?: boolean;
};

let agreed = false;

/** What a Ctrl-C leaves: before the plan was agreed to, nothing. */
export function interruptedRelease(environment: string): string {
  return agreed
    ? `Interrupted here. What was begun on the host goes on and ends by itself.\nFollow it: plimsoll deploy ${environment} --attach`
    : "Interrupted: nothing was begun.";
}

export function printEvent(event: EngineEvent): void {
  const line = eventLine(event);
  if (line !== undefined) console.error(line);
}

type Wish = DeployOptions & { kind: ReleaseKind; share: number };

/** Deploys the sources of this machine. */
export async function deployWith({ site, source, signal }: Work, wish: Wish): Promise<void> {
  const { image, message, send, ...rest } = wish;
  if (send && !image)
    throw new Problem(
      "--send brings the image that --image names",
      "plimsoll deploy production --image api:v12 --send",
      2,
    );
  const commit = await commitOf(localHost(), source.folder);
  const ordered = await order(site, source, {
    ...rest,
    ...commit,
    ...(message && { message }),
    ...(image && { words: { image } }),
    ...(send &&
      image &&
      site.host.kind === "ssh" && { bring: (say) => bringImage(site, image, say, signal) }),
    ...talking(wish, signal),
  });
  report(ordered, wish, site.environment);
}

async function bringImage(
  site: Site,
  image: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { findEngine } = await import("../operator/engine/find.ts");
  const { sendImage } = await import("../operator/images/layers.ts");
  const engine = await findEngine(localHost());
  if (engine.kind !== "ready")
    throw new Problem("no Docker engine answers on this machine: it has no image to send");
  await sendImage(site.host, engine.docker, image, say, { signal });
}

export function talking(
  { yes }: Pick<DeployOptions, "yes">,
  signal: AbortSignal,
): Pick<Order, "say" | "agree" | "onEvent" | "signal"> {
  return {
    say: (line) => console.error(line),
    onEvent: printEvent,
    signal,
    async agree(plan: DeployPlan) {
      for (const line of planText(plan)) console.error(line);
      await agreeTo("Put it in place?", yes);
    },
  };
}

/** @throws Problem where nobody is there to be asked, or the answer is no */
export async function agreeTo(question: string, yes: boolean | undefined): Promise<void> {
  agreed = yes === true;
  if (agreed) return;
  if (!process.stdin.isTTY)
    throw new Problem("nobody is here to be asked; nothing was changed", "Say yes in advance: --yes", 2);
  agreed = await askYes(question);
  if (!agreed) throw new Problem("nothing was changed", undefined, 1);
}

function report(ordered: Ordered, { json }: DeployOptions, environment: string): void {
  if (json) {
    const { kind, ...rest } = ordered;
    console.log(JSON.stringify({ outcome: kind, ...rest }, null, 2));
    return;
  }
  if (ordered.kind === "nothing to do")
    console.error(`${ordered.version} runs already, and nothing differs: nothing to do.`);
  else if (ordered.kind === "supplied") console.error("Kept for the first release.");
  else if (ordered.kind === "planned") for (const line of planText(ordered.plan)) console.log(line);
  else {
    const { version, seconds } = ordered.end;
    console.error(`\n${version} is current after ${seconds.toFixed(1)} s.`);
    if (ordered.plan.from)
      console.error(asTyped(`Back: plimsoll rollback ${environment} ${ordered.plan.from}`));
  }
}
