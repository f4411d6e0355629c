/** The host that takes over: as it is, or made ready first where root alone gets in. */
import type { PlanJson } from "../generator/render/plan-json.ts";
import { destinationAs, parseDestination } from "../operator/host/destination.ts";
import type { Host } from "../operator/host/host.ts";
import { initHost } from "../operator/machine/init.ts";
import { initCommand, parametersOfStack } from "../operator/machine/of-stack.ts";
import { Problem } from "../operator/problem.ts";
import { type HostOptions, openHost } from "./host-option.ts";

/** @throws Problem that says why there is no connection, or what of the host is not ready */
export async function openReady(
  destination: string,
  options: HostOptions,
  plan: PlanJson,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Host> {
  const given = { fingerprint: options.fingerprint };
  const parameters = parametersOfStack(destination, plan.services);
  const user = parameters.user ?? "deploy";
  const wanted = destinationAs(destination, user);
  const asked = parseDestination(destination).user;
  const open = await openHost(asked === "root" ? wanted : destination, given).catch((error: Error) => error);
  if (!(open instanceof Error) && (await hasDocker(open))) return open;
  if (!(open instanceof Error)) await open.close();
  // A fresh droplet lets root in, and nobody else.
  const root = await openHost(destinationAs(destination, "root"), given).catch(() => undefined);
  if (!root) {
    if (open instanceof Error) throw open;
    throw new Problem(
      `${wanted} has no Docker engine that it may use, and root does not get in`,
      `Make it ready: plimsoll ${initCommand(destination, parameters).replace(/^plimsoll /, "")}`,
    );
  }
  try {
    say(`${destination} is made ready first, as plimsoll host init does it`);
    const { ready } = await initHost(root, {
      parameters,
      signal,
      onStep: ({ step, state, text }) => say(`  ${state.padEnd(10)}  ${step.padEnd(9)} ${text}`),
      login: (name) => openHost(destinationAs(destination, name), { ...given, fresh: true }),
    });
    if (!ready)
      throw new Problem(
        `${destination} is not ready; of the stack nothing was begun`,
        `Mend what failed, or leave steps out: ${initCommand(destination, parameters)} --skip STEP`,
      );
  } finally {
    await root.close();
  }
  return openHost(wanted, { ...given, fresh: true });
}

async function hasDocker(host: Host): Promise<boolean> {
  const { exitCode } = await host.run("docker", ["compose", "version"], { timeout: 30_000 });
  return exitCode === 0;
}
