/** A stack's environment on a host that is open. */
import type { Spec } from "../../generator/spec/load.ts";
import { describeEngine, type Engine, findEngine } from "../engine/find.ts";
import type { Host } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { localFolders, remoteFolders, type Site } from "./site.ts";

/** @throws Problem where neither stack.yaml nor the command names a host for an environment that is not local */
export function destinationOf(
  { environment, core }: Pick<Spec, "environment" | "core">,
  asked: string | undefined,
): string | undefined {
  const named = asked ?? core.host;
  if (named === "local") return undefined;
  if (named !== undefined || environment === "local") return named;
  throw new Problem(
    `${environment} has no host`,
    [
      `Say in stack.yaml where it runs: environments.${environment}.host: deploy@203.0.113.7`,
      "For this once: --host deploy@203.0.113.7; for this machine: --host local",
      "A droplet made ready: plimsoll droplet create, or plimsoll host init root@203.0.113.7",
    ].join("\n"),
    2,
  );
}

/** What of a spec, or of a plan where there is no spec, says where a stack lives. */
type Whose = Pick<Spec, "environment"> & { core: Pick<Spec["core"], "name" | "domain" | "project"> };

export function siteOf(spec: Whose, stackFolder: string, host: Host): Site {
  const { environment, core } = spec;
  const project = core.project ?? `${core.name}-${environment}`;
  let found: Promise<Engine> | undefined;
  return {
    ...(host.kind === "local" ? localFolders(stackFolder, environment) : remoteFolders(project, environment)),
    host,
    stack: core.name,
    environment,
    project,
    domain: core.domain,
    engine() {
      found ??= requireEngine(host);
      return found;
    },
  };
}

async function requireEngine(host: Host): Promise<Engine> {
  const state = await findEngine(host);
  if (state.kind === "ready") return state;
  const what = `${host.name}: ${describeEngine(state)}`;
  throw new Problem(
    what,
    host.kind === "local"
      ? "Get one: sudo npx plimsoll engine install"
      : `Make the host ready: plimsoll host init ${host.name}`,
  );
}
