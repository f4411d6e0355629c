/** A stack's folder on disk: stack.yaml, overrides.yaml, pins.json, and where its generated files and secrets go. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { EnvironmentKind } from "./spec/core.ts";
import { parseYaml, type YamlFile } from "./spec/document.ts";
import { InputError } from "./spec/fault.ts";
import { valueAt } from "./spec/faults.ts";
import { readStack } from "./spec/load.ts";
import { isMap } from "./spec/merge.ts";
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
  const yaml = readStack(display(join(folder, "stack.yaml")), stack);
  return {
    folder,
    yaml: { ...yaml, beside: await readBeside(folder, yaml) },
    overrides: overrides === undefined ? undefined : parseYaml(display(overridesPath), overrides),
    pins: readPins(display(pinsPath), await readText(pinsPath)),
  };
}

/** Before anything is validated: a path that the schema refuses is not followed. */
async function readBeside(folder: string, { value }: YamlFile): Promise<Record<string, string>> {
  const words = value as Record<string, unknown>;
  const environments = isMap(words.environments) ? Object.values(words.environments) : [];
  const named = [words, ...environments].flatMap((part) => {
    const ca = valueAt(part, ["backup", "repository", "s3", "ca"]);
    return typeof ca === "string" && /^[\w.-]+(\/[\w.-]+)*$/.test(ca) && !ca.split("/").includes("..")
      ? [ca]
      : [];
  });
  const texts = await Promise.all(
    [...new Set(named)].map(async (path) => [path, await readText(join(folder, path))] as const),
  );
  return Object.fromEntries(texts.filter((entry): entry is [string, string] => entry[1] !== undefined));
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
