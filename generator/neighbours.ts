/** Stacks side by side. */
import { basename } from "node:path";
import type { Produced } from "./index.ts";
import type { Fault } from "./spec/fault.ts";

/** Two stacks of one Compose project would each take the other's containers for orphans of its own. */
export function sharedProjects(targets: readonly (Produced & { folder: string })[]): Fault[] {
  const owners = new Map<string, string>();
  return targets.flatMap(({ folder, spec, plan: { project } }) => {
    const owner = owners.get(project) ?? folder;
    owners.set(project, owner);
    if (owner === folder) return [];
    const path = [spec.core.project === undefined ? "name" : "project"];
    const message = `makes the Compose project ${project}, which is that of ${basename(owner)} too`;
    return [spec.fault({ path, message, remedy: "Give one of them another name." })];
  });
}
