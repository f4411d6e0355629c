/** The edge answers 503 on purpose, with Retry-After, and the servers are left in peace. */
import { Problem } from "../problem.ts";
import { changeEdge, readEdge } from "./edge.ts";
import type { Running } from "./running.ts";

/** @throws Problem where the stack has no servers behind the edge, or the edge does not take it */
export async function setMaintenance(running: Running, on: boolean): Promise<boolean> {
  const group = running.project.plan.application?.group;
  if (!group) throw new Problem("there are no servers behind the edge to keep requests from", undefined, 2);
  return (await changeEdge(running, group, { maintenance: on })).maintenance;
}

export async function isInMaintenance(running: Running): Promise<boolean> {
  return Object.values((await readEdge(running)) ?? {}).some((group) => group.maintenance);
}
