import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Command } from "commander";
import { produce } from "../generator/index.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { InputError } from "../generator/spec/fault.ts";
import { generatedFolder, readStackFolder, scratchFolder } from "../generator/stack.ts";
import { distributionOf } from "../operator/engine/distribution.ts";
import { describeEngine, findEngine } from "../operator/engine/find.ts";
import { advice } from "../operator/engine/recipe.ts";
import { localHost } from "../operator/host/local.ts";
import { Problem } from "../operator/problem.ts";
import { type Holdings, holdingsOf, takeDown } from "../operator/up/down.ts";
import { takeLock } from "../operator/up/lock.ts";
import { whatRuns } from "../operator/up/state.ts";
import { confirmName, operate } from "./operate.ts";
import { environmentOption, stackFolder } from "./stacks.ts";

type Options = {
  environment: EnvironmentKind;
  project?: string;
  volumes?: boolean;
  confirm?: string;
  json?: boolean;
};

export function downCommand(): Command {
  return new Command("down")
    .argument("[stack]", "a stack's name below stacks/, or its folder; the only one there if absent")
    .description("stop a stack and remove its containers and networks; its data stays unless --volumes")
    .addOption(environmentOption().default("local"))
    .option("--project <name>", "Compose project name, where it was set for up")
    .option("--volumes", "remove its data too: databases, sessions, backups kept on this machine")
    .option("--confirm <name>", "the stack's name, instead of being asked for it")
    .option("--json", "the result as JSON on stdout")
    .action(async (stack: string | undefined, options: Options) => {
      const folder = await stackFolder(stack);
      const { name, project } = await namesOf(folder, options);
      const host = localHost();
      await operate(
        async (signal) => {
          const lock = await takeLock(
            join(folder, ".generated", `${options.environment}.lock`),
            "plimsoll down",
          );
          try {
            const engine = await findEngine(host);
            if (engine.kind !== "ready")
              throw new Problem(describeEngine(engine), advice(await distributionOf(host)));
            if (options.volumes) {
              const { volumes } = await holdingsOf(engine, project);
              await confirmName(
                `This destroys the data of ${project}: ${count(volumes, "volume")}.`,
                name,
                options.confirm,
              );
            }
            const say = (line: string) => console.error(line);
            const removed = await takeDown(host, engine, project, {
              volumes: options.volumes === true,
              say,
              signal,
            });
            if (options.json) console.log(JSON.stringify({ project, removed }, null, 2));
            else console.error(describe(project, removed, options.volumes === true));
          } finally {
            await lock.release();
          }
        },
        async () => `${await whatRuns(host, project)}\nRun it again to take down the rest.`,
      );
    });
}

/** From stack.yaml; where that is broken, from what was generated last; where nothing was, from the folder's name. */
async function namesOf(folder: string, options: Options): Promise<{ name: string; project: string }> {
  const { environment } = options;
  try {
    const { plan } = produce(await readStackFolder(folder), environment);
    return { name: plan.name, project: options.project ?? plan.project };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    for (const place of [generatedFolder(folder, environment), scratchFolder(folder, environment)]) {
      const text = await readFile(join(place, "plan.json"), "utf8").catch(() => undefined);
      if (text === undefined) continue;
      const plan = JSON.parse(text) as { name: string; project: string };
      return { name: plan.name, project: options.project ?? plan.project };
    }
    const name = basename(folder);
    return { name, project: options.project ?? `${name}-${environment}` };
  }
}

function describe(project: string, { containers, networks, volumes }: Holdings, destroyed: boolean): string {
  if (containers.length + networks.length + volumes.length === 0)
    return `${project}: there was nothing to remove.`;
  const parts = [
    count(containers, "container"),
    count(networks, "network"),
    destroyed ? count(volumes, "volume") : "",
  ];
  return `${project}: removed ${parts.filter(Boolean).join(", ")}.${destroyed ? "" : " Its data is kept."}`;
}

function count(list: readonly string[], what: string): string {
  return `${list.length} ${what}${list.length === 1 ? "" : "s"}`;
}
