/** What stands where files or their folders have to be, and would stop a generate half way. */
import { lstat, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Refusal } from "./compare.ts";

/** The folders above a path, within the generated folder. */
export function foldersAbove(path: string): string[] {
  const parent = dirname(path);
  return parent === "." ? [] : [...foldersAbove(parent), parent];
}

/** @param gone paths of this house that are removed before the wanted ones are put in place */
export async function obstacles(
  folder: string,
  wanted: ReadonlySet<string>,
  gone: ReadonlySet<string>,
): Promise<Refusal[]> {
  const refusals: Refusal[] = [];
  for (const path of new Set([...wanted].flatMap(foldersAbove))) {
    const kind = await kindOf(join(folder, path));
    if (kind === "link") refusals.push({ path, why: "is a link, where a folder of its own has to be" });
    if (kind === "file" && !gone.has(path)) refusals.push({ path, why: "is no folder, and has to be one" });
  }
  const goneFolders = new Set([...gone].flatMap(foldersAbove));
  for (const path of wanted) {
    if ((await kindOf(join(folder, path))) !== "folder") continue;
    const entries = await readdir(join(folder, path), { recursive: true });
    const inner = entries.map((entry) => `${path}/${entry}`);
    if (inner.length === 0 || !inner.every((entry) => gone.has(entry) || goneFolders.has(entry))) {
      refusals.push({ path, why: "is a folder, and has to be a file" });
    }
  }
  return refusals;
}

async function kindOf(path: string): Promise<"folder" | "link" | "file" | undefined> {
  try {
    const found = await lstat(path);
    return found.isDirectory() ? "folder" : found.isSymbolicLink() ? "link" : "file";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
