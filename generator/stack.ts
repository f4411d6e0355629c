/** A stack's folder on disk: stack.yaml, overrides.yaml, pins.json, and where its generated files and secrets go. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { EnvironmentKind } from "./spec/core.ts";
import { parseYaml, type YamlFile } from "./spec/document.ts";
import { InputError } from "./spec/fault.ts";
import { readStack } from "./spec/load.ts";
import { type Pins, readPins } from "./spec/pins.ts";
import { decodeText } from "./spec/text.ts";

export type StackSource = { folder: string; yaml: YamlFile; overrides?: YamlFile; pins: Pins };

/** @throws InputError where the folder has no stack.yaml, or a file in it cannot be read */
export async function readStackFolder(folder: string): Promise<StackSource> {
  const stack = await readText(join(folder, "stack.yaml"));
  if (stack === undefined) {
    throw new InputError([
      {
        file: display(join(folder, "stack.yaml")),
        message: "does not exist",
        remedy: "Name a folder that has one, or write one with `plimsoll init`.",
      },
    ]);
  }
  const overridesPath = join(folder, "overrides.yaml");
  const overrides = await readText(overridesPath);
  const pinsPath = join(folder, "pins.json");
  return {
    folder,
    yaml: readStack(display(join(folder, "stack.yaml")), stack),
    overrides: overrides === undefined ? undefined : parseYaml(display(overridesPath), overrides),
    pins: readPins(display(pinsPath), await readText(pinsPath)),
  };
}

async function readText(path: string): Promise<string | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new InputError([{ file: display(path), message: `cannot be read (${code})` }]);
  }
  return decodeText(display(path), bytes);
}

/** As short as it can be said from where the user stands. */
export function display(path: string): string {
  const inside = relative(process.cwd(), path);
  return inside === "" ? "." : inside.startsWith("..") ? path : inside;
}

export function generatedFolder(stackFolder: string, environment: EnvironmentKind): string {
  return join(stackFolder, "generated", environment);
}

/** For a choice that is not in stack.yaml; ignored by git. */
export function scratchFolder(stackFolder: string, environment: EnvironmentKind): string {
  return join(stackFolder, ".generated", environment);
}

export function secretsFolder(stackFolder: string, environment: EnvironmentKind): string {
  return join(stackFolder, "secrets", environment);
}

/** Folders below `root`, or links to some, that hold a stack.yaml; sorted. */
export async function findStacks(root: string): Promise<string[]> {
  const names = await readdir(root).catch(() => []);
  return names
    .map((name) => join(root, name))
    .filter((folder) => existsSync(join(folder, "stack.yaml")))
    .sort();
}
