/** Which stacks and environments a command is about. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { type EnvironmentKind, environmentNames } from "../generator/spec/core.ts";
import { InputError } from "../generator/spec/fault.ts";
import { nearest } from "../generator/spec/nearest.ts";
import { display, findStacks } from "../generator/stack.ts";

export const environmentOption = () =>
  new Option("-e, --environment <name>", "which environment").choices(environmentNames);

export function withStack(command: Command): Command {
  return command.argument("[stack]", "a stack's name below stacks/, or its folder; all of them if absent");
}

/** The folders of the stacks meant. @throws InputError where there is none of that name */
export async function stackFolders(name?: string): Promise<string[]> {
  const known = await findStacks(resolve("stacks"));
  if (name === undefined) {
    if (known.length > 0) return known;
    if (existsSync("stack.yaml")) return [resolve(".")];
    throw new InputError([
      {
        file: "stacks/",
        message: "holds no folder with a stack.yaml",
        remedy: "Write one: npx plimsoll init my-stack",
      },
    ]);
  }
  const byName = known.find((folder) => folder === resolve("stacks", name));
  if (byName) return [byName];
  if (existsSync(join(name, "stack.yaml"))) return [resolve(name)];
  const names = known.map((folder) => folder.split("/").at(-1) as string);
  const near = nearest(name, names);
  throw new InputError([
    {
      file: display(resolve("stacks", name, "stack.yaml")),
      message: `does not exist${near ? `; did you mean ${near}?` : ""}`,
      remedy:
        names.length > 0 ? `Stacks here: ${names.join(", ")}.` : "Write one: npx plimsoll init my-stack",
    },
  ]);
}

/** The one stack meant: the only one there, or the one that was named. */
export async function stackFolder(name?: string): Promise<string> {
  const folders = await stackFolders(name);
  if (folders.length === 1) return folders[0] as string;
  throw new InputError([
    {
      file: "stacks/",
      message: `holds ${folders.length} stacks; say which`,
      remedy: folders.map((folder) => folder.split("/").at(-1)).join(", "),
    },
  ]);
}

export function environmentsOf(only?: EnvironmentKind): readonly EnvironmentKind[] {
  return only ? [only] : environmentNames;
}
