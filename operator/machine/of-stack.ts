/** What a stack says about its host: the user in its word `host`, the ports that it offers to the world. */
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { destinationAs, parseDestination } from "../host/destination.ts";
import type { MachineParameters } from "./parameters.ts";

export function parametersOfStack(
  destination: string | undefined,
  services: Readonly<Record<string, Pick<PlanJson["services"][string], "ports">>>,
): Pick<MachineParameters, "user" | "open"> {
  const user =
    destination === undefined || destination === "local" ? undefined : parseDestination(destination).user;
  const open = Object.values(services)
    .flatMap(({ ports }) => ports)
    .filter(({ host_ip }) => !/^(127\.|::1$)/.test(host_ip ?? "0.0.0.0"))
    .map(({ published }) => published);
  return {
    // Root deploys nothing: the deploy user is another.
    ...(user !== undefined && user !== "root" && { user }),
    ...(open.length > 0 && { open: [...new Set(open)].sort((one, other) => one - other) }),
  };
}

/** The command that makes this host ready for this stack, to be copied: without its words it would shut a port. */
export function initCommand(
  destination: string,
  { user, open = [] }: Pick<MachineParameters, "user" | "open">,
): string {
  return [
    `plimsoll host init ${destinationAs(destination, "root")}`,
    ...(user === undefined || user === "deploy" ? [] : [`--user ${user}`]),
    ...(open.length === 0 || open.join() === "80,443" ? [] : [`--open ${open.join(",")}`]),
  ].join(" ");
}
