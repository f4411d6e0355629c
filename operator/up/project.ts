/** A generated folder as a Compose project on a host. */
import { join } from "node:path";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import type { Engine } from "../engine/find.ts";
import type { Host, Outcome, RunOptions } from "../host/host.ts";
import { Problem } from "../problem.ts";

export type Project = {
  /** Name of the Compose project: containers, volumes and networks carry it. */
  name: string;
  /** The generated folder, absolute. */
  folder: string;
  plan: PlanJson;
  host: Host;
  engine: Engine;
};

/** The version of plan.json that this operator reads. */
const PLAN_VERSION = 1;

/** @throws Problem where the folder was not generated, or by a plimsoll whose plan we cannot read. */
export async function openProject(
  host: Host,
  engine: Engine,
  folder: string,
  name?: string,
): Promise<Project> {
  const text = await host.read(join(folder, "plan.json"));
  if (text === undefined)
    throw new Problem(`there is no plan.json in ${folder}`, "Make it: plimsoll generate");
  let plan: PlanJson;
  try {
    plan = JSON.parse(text) as PlanJson;
  } catch {
    throw new Problem(`${folder}/plan.json is not JSON`, "Make it again: plimsoll generate");
  }
  if (plan.version !== PLAN_VERSION) {
    throw new Problem(
      `${folder}/plan.json has version ${plan.version}; this plimsoll reads version ${PLAN_VERSION}`,
      "Make it again with this plimsoll: plimsoll generate",
    );
  }
  return { name: name ?? plan.project, folder, plan, host, engine };
}

/** `docker compose` on the project. Colours and cursor movements are left out: its output is read. */
export function compose(
  project: Project,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  return project.host.run("docker", [...composeArgs(project), ...args], {
    ...options,
    environment: { ...engineEnvironment(project), ...options.environment },
  });
}

export function composeArgs({ name, folder }: Pick<Project, "name" | "folder">): string[] {
  const file = join(folder, "compose.yaml");
  return [
    "compose",
    "--ansi",
    "never",
    "--project-name",
    name,
    "--project-directory",
    folder,
    "--file",
    file,
  ];
}

/** Of a `docker compose`: nothing of the user's shell decides what it does. */
export function engineEnvironment({ engine }: Pick<Project, "engine">): Record<string, string> {
  return {
    // The engine that was found, whatever context a parallel command selects meanwhile.
    DOCKER_HOST: engine.endpoint,
    // A variable of the user's shell must not change what runs.
    COMPOSE_FILE: "",
    COMPOSE_PROFILES: "",
    COMPOSE_PROJECT_NAME: "",
  };
}
