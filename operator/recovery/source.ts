/** The stack's own folder out of a bundle, as its release was made from it: for whoever comes without its repository. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Name } from "../../generator/spec/words.ts";
import { place } from "../host/place.ts";
import { Problem } from "../problem.ts";
import type { Bundle } from "./bundle.ts";

/** stack.yaml and what it names beside it; empty for a release that kept none. The application is in no bundle. */
export function sourceOf({ meta, state }: Pick<Bundle, "meta" | "state">): Map<string, string> {
  const folder = `releases/${meta.release}/source/`;
  const kept = new Map(
    state.flatMap(({ path, content }) =>
      path.startsWith(folder) && content instanceof Uint8Array
        ? [[path.slice(folder.length), Buffer.from(content).toString("utf8")] as const]
        : [],
    ),
  );
  const beside = kept.get("beside.json");
  kept.delete("beside.json");
  if (beside !== undefined)
    for (const [path, text] of Object.entries(JSON.parse(beside) as Record<string, string>))
      if (!path.split("/").includes("..") && !path.startsWith("/")) kept.set(path, text);
  return kept;
}

/**
 * Writes it below `parent`, in a folder of the stack's name: all of it or nothing.
 * @returns that folder
 * @throws Problem where it is there already, or the bundle has none
 */
export async function writeSource(bundle: Bundle, parent: string): Promise<string> {
  const source = sourceOf(bundle);
  // Whoever may write into the bucket could have made the bundle: its names lead nowhere else.
  if (!source.has("stack.yaml") || !Name.safeParse(bundle.meta.stack).success)
    throw new Problem(`${bundle.name} has no stack.yaml of ${bundle.meta.release}`);
  const folder = join(parent, bundle.meta.stack);
  if (existsSync(folder)) throw new Problem(`${folder} is there already`);
  try {
    await place(
      folder,
      [...source].map(([path, content]) => ({ path, content })),
    );
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return folder;
}
