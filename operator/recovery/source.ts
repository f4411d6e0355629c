/** The stack's own folder out of a bundle, as its release was made from it: for whoever comes without its repository. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Name } from "../../generator/spec/words.ts";
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

/** Writes it below `parent`, in a folder of the stack's name. @returns that folder; undefined where it is there already */
export async function writeSource(bundle: Bundle, parent: string): Promise<string | undefined> {
  const source = sourceOf(bundle);
  // Whoever may write into the bucket could have made the bundle: its names lead nowhere else.
  if (!source.has("stack.yaml") || !Name.safeParse(bundle.meta.stack).success) return undefined;
  const folder = join(parent, bundle.meta.stack);
  try {
    await mkdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  }
  for (const [path, text] of source) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text, { flag: "wx" });
  }
  return folder;
}
