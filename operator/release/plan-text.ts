/** What a deploy is about to do, in a person's words. */
import { PAGES } from "../../generator/components/alertmanager/options.ts";
import type { Site } from "../site/site.ts";
import type { Candidate, Difference } from "./candidate.ts";
import type { Context } from "./context.ts";
import type { EngineEvent } from "./follow.ts";
import type { Look } from "./look.ts";

export type DeployPlan = {
  version: string;
  from: string | null;
  host: string;
  environment: string;
  files: { changed: readonly string[]; gone: readonly string[] };
  /** The application's, which are replaced one at a time. */
  servers: readonly string[];
  /** Containers beside the application's that are made anew, and why. */
  restarts: readonly { service: string; why: readonly string[] }[];
  added: readonly string[];
  removed: readonly string[];
  images: readonly string[];
  context: number;
  migrate: boolean;
  /** Production that tells nobody of a page. */
  unheard: boolean;
  /** Of the traffic, first. */
  canary: number;
};

export function deployPlan(
  site: Site,
  look: Look,
  candidate: Candidate,
  difference: Difference,
  context: Context | undefined,
  canary: number,
): DeployPlan {
  const { application } = candidate.plan;
  const by = (effect: string) =>
    difference.compose.services.filter((one) => one.effect === effect).map(({ service }) => service);
  return {
    version: candidate.version,
    from: look.current ?? null,
    host: site.host.name,
    environment: site.environment,
    files: { changed: difference.changed, gone: difference.gone },
    servers: (application?.servers ?? []).map(({ service }) => service),
    restarts: look.current ? difference.restarts : [],
    added: by("create"),
    removed: by("remove"),
    images: imagesOf(candidate).filter((image) => !look.images.has(image)),
    context: context
      ? [...context.files].filter(([name, hash]) => look.context.get(name) !== hash).length
      : 0,
    migrate: application?.migrate !== undefined,
    unheard:
      site.environment === "production" &&
      candidate.plan.settings.some(
        ({ setting, value }) => setting === PAGES.setting && value === PAGES.nobody,
      ),
    canary,
  };
}

export function imagesOf({ files }: Pick<Candidate, "files">): string[] {
  const compose = files.find(({ path }) => path === "compose.yaml")?.text ?? "";
  return [
    ...new Set([...compose.matchAll(/^ {4}image: "?([^"\n]+?)"?$/gm)].map(([, image]) => image as string)),
  ];
}

export function planText(plan: DeployPlan): string[] {
  const lines = [`${plan.from ?? "nothing"} → ${plan.version} on ${plan.host} (${plan.environment})`];
  const line = (name: string, text: string) => lines.push(`  ${name.padEnd(12)}${text}`);
  if (plan.from === null) {
    line("services", `${plan.added.length}, all new`);
  } else {
    const { changed, gone } = plan.files;
    line(
      "files",
      `${changed.length} change${gone.length > 0 ? `, ${gone.length} go` : ""}: ${some([...changed, ...gone])}`,
    );
    line("servers", `${plan.servers.join(", ")}: one at a time, the new version beside them first`);
    if (plan.added.length > 0) line("new", plan.added.join(", "));
    if (plan.removed.length > 0) line("gone", plan.removed.join(", "));
    for (const { service, why } of plan.restarts) line("made anew", `${service} (${some(why)})`);
  }
  if (plan.images.length > 0) line("images", `${some(plan.images)}: got before anything stops`);
  if (plan.context > 0) line("sources", `${plan.context} files to send`);
  if (plan.migrate) line("migrations", "once, in the new image, before traffic; none is undone by itself");
  if (plan.unheard) line("alerts", "pages reach nobody: name a receiver (monitoring.alertmanager.receivers)");
  if (plan.canary > 0) line("canary", `${Number((plan.canary * 100).toFixed(1))}% of the requests first`);
  return lines;
}

function some(items: readonly string[]): string {
  return items.length > 4 ? `${items.slice(0, 3).join(", ")} and ${items.length - 3} more` : items.join(", ");
}

/** A line for an event of the engine; undefined for those that say nothing new. */
export function eventLine({ step, state, seconds, text }: EngineEvent): string | undefined {
  const [first = "", ...rest] = text.split("\n");
  const took = seconds === undefined ? "" : `${seconds.toFixed(1)} s`.padStart(8);
  if (step === "end") return undefined;
  if (state === "done") return `ok    ${step.padEnd(14)}${took}  ${first}`.trimEnd();
  if (state === "failed")
    return [`FAIL  ${step.padEnd(14)}${took}  ${first}`, ...rest.map((line) => `      ${line}`)].join("\n");
  if (state === "note") return `      ${first}`;
  return undefined;
}
