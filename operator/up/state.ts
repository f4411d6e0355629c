/** What state things are in, in a sentence: for someone who pressed Ctrl-C. */
import { findEngine } from "../engine/find.ts";
import type { Host } from "../host/host.ts";
import { containersOf } from "./containers.ts";

export async function whatRuns(host: Host, project: string): Promise<string> {
  const engine = await findEngine(host);
  if (engine.kind !== "ready") return "Interrupted before anything was started.";
  const containers = await containersOf(engine.docker, project);
  if (containers.length === 0)
    return `Interrupted. The project ${project} has no containers; images that were finished are kept.`;
  const running = containers.filter(({ status }) => status === "running").length;
  return `Interrupted. ${running} of ${containers.length} containers of ${project} run, and are left running.`;
}
