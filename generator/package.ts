/** The package's own folder: templates, rules, dashboards are read from it, in the sources and in the built CLI. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "templates")) || !existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("plimsoll's own templates are missing: reinstall it");
    folder = parent;
  }
  return folder;
}

export const packageRoot = findRoot();

const cache = new Map<string, string>();

/** The text of a file of the package, by its path from the root. */
export function readOwn(path: string): string {
  let text = cache.get(path);
  if (text === undefined) {
    text = readFileSync(join(packageRoot, path), "utf8");
    cache.set(path, text);
  }
  return text;
}

/** Every file below a folder of the package (or the file itself), as paths relative to it, sorted. */
export function listOwn(path: string): string[] {
  const root = join(packageRoot, path);
  if (!statSync(root).isDirectory()) return [""];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}
