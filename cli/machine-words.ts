/** What `host` and `droplet` take from a stack and from files. */
import { readFile } from "node:fs/promises";
import { produce } from "../generator/index.ts";
import { planJson } from "../generator/render/plan-json.ts";
import type { EnvironmentKind } from "../generator/spec/core.ts";
import type { Machine } from "../generator/spec/machine.ts";
import { readStackFolder } from "../generator/stack.ts";
import { parametersOfStack } from "../operator/machine/of-stack.ts";
import { keysIn, type MachineParameters } from "../operator/machine/parameters.ts";
import { Problem } from "../operator/problem.ts";
import { stackFolder } from "./stacks.ts";

export type StackMachine = {
  project: string;
  machine: Machine;
  parameters: Pick<MachineParameters, "user" | "open">;
};

/** @throws InputError for a stack.yaml with faults */
export async function machineOf(
  stack: string | undefined,
  environment: EnvironmentKind,
): Promise<StackMachine> {
  const { spec, plan } = produce(await readStackFolder(await stackFolder(stack)), environment);
  const { services } = planJson(plan);
  return {
    project: plan.project,
    machine: spec.machine,
    parameters: parametersOfStack(spec.core.host, services),
  };
}

/** Public keys of files, one a line. @throws Problem (2) where one cannot be read, or holds none */
export async function readKeys(files: readonly string[]): Promise<string[]> {
  const keys: string[] = [];
  for (const file of files) {
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      throw new Problem(
        `--key ${file} cannot be read (${error.code})`,
        "Expected a file such as ~/.ssh/id_ed25519.pub",
        2,
      );
    });
    const found = keysIn(text);
    if (found.length === 0) throw new Problem(`--key ${file} holds no key`, undefined, 2);
    keys.push(...found);
  }
  return keys;
}
