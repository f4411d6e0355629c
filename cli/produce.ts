/** Everything a command is about, up to the disk: the faults of all stacks and environments come at once. */
import { type Produced, produce } from "../generator/index.ts";
import { sharedProjects } from "../generator/neighbours.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import { InputError } from "../generator/spec/fault.ts";
import { readStackFolder } from "../generator/stack.ts";
import { requireBuildFolders } from "./build-folders.ts";
import { collectFaults } from "./collect.ts";
import { environmentsOf } from "./stacks.ts";

export type Target = Produced & { folder: string };

/** @throws InputError */
export async function produceAll(folders: readonly string[], only?: EnvironmentKind): Promise<Target[]> {
  const wanted = folders.flatMap((folder) =>
    environmentsOf(only).map((environment) => ({ folder, environment })),
  );
  const targets = await collectFaults(wanted, async ({ folder, environment }) => {
    const produced = produce(await readStackFolder(folder), environment);
    await requireBuildFolders(folder, produced);
    return { folder, ...produced };
  });
  const shared = sharedProjects(targets);
  if (shared.length > 0) throw new InputError(shared);
  return targets;
}
