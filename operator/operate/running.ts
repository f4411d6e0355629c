/** What runs on a site: its plan as it was deployed, and its containers. */
import { dirname } from "node:path";
import type Docker from "dockerode";
import type { Engine } from "../engine/find.ts";
import type { Outcome, RunOptions } from "../host/host.ts";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";
import { PROJECT_LABEL, SERVICE_LABEL } from "../up/containers.ts";
import { openProject, type Project } from "../up/project.ts";

export const ONEOFF_LABEL = "com.docker.compose.oneoff";
const FOLDER_LABEL = "com.docker.compose.project.working_dir";

export type Listed = {
  id: string;
  service: string;
  name: string;
  /** `running`, `exited`, `restarting`, `paused`, `created`, `dead`. */
  state: string;
  /** One of `plimsoll run`: beside the services. */
  oneOff: boolean;
  image: string;
  labels: Readonly<Record<string, string>>;
};

export type Running = { site: Site; project: Project; containers: readonly Listed[] };

export async function listed(docker: Docker, project: string): Promise<Listed[]> {
  const all = await docker.listContainers({ all: true, filters: { label: [`${PROJECT_LABEL}=${project}`] } });
  return all.map(({ Id, Names, Image, State, Labels }) => ({
    id: Id,
    service: Labels[SERVICE_LABEL] ?? "",
    name: (Names[0] ?? Id).replace(/^\//, ""),
    state: State,
    oneOff: Labels[ONEOFF_LABEL] === "True",
    image: Image,
    labels: Labels,
  }));
}

/** @throws Problem where nothing was ever deployed or brought up there */
export async function openRunning(site: Site): Promise<Running> {
  const engine = await site.engine();
  const containers = await listed(engine.docker, site.project);
  const folder = folderOf(site, containers);
  if (containers.length === 0 && !(await site.host.exists(`${folder}/plan.json`)))
    throw await nothingThere(site);
  return { site, project: await openProject(site.host, engine, folder, site.project), containers };
}

/** On this machine `plimsoll up` may have used another folder: the containers know which. */
function folderOf({ host, live }: Site, containers: readonly Listed[]): string {
  const known = containers.map(({ labels }) => labels[FOLDER_LABEL]).find((folder) => folder !== undefined);
  return host.kind === "local" ? (known ?? live) : live;
}

/** Where other stacks live on that host, the one that is missed may be called otherwise: nobody is told to deploy then. */
export async function nothingThere({ environment, host, project, root, stack }: Site): Promise<Problem> {
  const what = `nothing runs as ${environment}: ${host.name} has no project ${project}`;
  if (host.kind === "local")
    return new Problem(
      what,
      environment === "local" ? "Bring it up: plimsoll up" : `Deploy it: plimsoll deploy ${environment}`,
    );
  const { stdout } = await host.run("ls", ["-1", dirname(root)]);
  const others = stdout.split("\n").filter((name) => name !== "" && !name.startsWith(`${stack}-`));
  return new Problem(
    what,
    others.length > 0
      ? `It has ${others.join(", ")}. Is this the right stack's folder? --stack names another`
      : `Deploy it: plimsoll deploy ${environment}`,
  );
}

/** The running container of a service. @throws Problem where it does not run */
export function containerOf({ containers, site }: Running, service: string): Listed {
  const found = containers.filter((one) => one.service === service && !one.oneOff);
  const up = found.find(({ state }) => state === "running");
  if (up) return up;
  throw new Problem(
    `${service} does not run: ${found[0] ? `its container is ${found[0].state}` : "it has no container"}`,
    `See what does: plimsoll ps ${site.environment}\nWhat it said last: plimsoll logs ${site.environment} --service ${service}`,
  );
}

/** The engine that was found, whatever context somebody selects meanwhile. */
export function dockerArgs(engine: Pick<Engine, "endpoint">, args: readonly string[]): string[] {
  return ["--host", engine.endpoint, ...args];
}

/** A command in a service's container, without a terminal. */
export function execIn(
  running: Running,
  service: string,
  command: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const { id } = containerOf(running, service);
  const input = options.input === undefined ? [] : ["-i"];
  return running.site.host.run(
    "docker",
    dockerArgs(running.project.engine, ["exec", ...input, id, ...command]),
    options,
  );
}
