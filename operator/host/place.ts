/** Files into a folder of this machine: all beside it first, then each by rename. */
import { chmod, copyFile, lstat, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Problem } from "../problem.ts";
import type { SentFile } from "./host.ts";
import { checkPaths, isFolder } from "./paths.ts";

/** @throws Problem where a path leads out of the folder */
export async function place(folder: string, files: readonly SentFile[]): Promise<void> {
  checkPaths(files);
  await mkdir(folder, { recursive: true });
  const aside = await mkdtemp(join(folder, ".part-"));
  try {
    for (const [index, file] of files.entries()) {
      if (!isFolder(file)) await lay(join(aside, String(index)), file);
    }
    for (const file of files) await refuseLinks(folder, file.path);
    for (const [index, file] of files.entries()) {
      const path = join(folder, file.path);
      await mkdir(isFolder(file) ? path : dirname(path), { recursive: true });
      if (!isFolder(file)) await rename(join(aside, String(index)), path);
      else if (file.mode !== undefined) await chmod(path, file.mode);
    }
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function lay(path: string, { content = "", mode = 0o644 }: SentFile): Promise<void> {
  if (typeof content === "object" && "link" in content) return symlink(content.link, path);
  if (typeof content === "object" && "from" in content) await copyFile(content.from, path);
  else await writeFile(path, content, { mode: 0o600 });
  await chmod(path, mode);
}

/** A link in the folder could lead anywhere. The file itself may be one: a rename replaces it. */
async function refuseLinks(folder: string, path: string): Promise<void> {
  const parts = path.split("/").slice(0, -1);
  for (let length = 1; length <= parts.length; length++) {
    const parent = join(folder, ...parts.slice(0, length));
    const found = await lstat(parent).catch(() => undefined);
    if (found?.isSymbolicLink())
      throw new Problem(
        `${parent} is a symbolic link: nothing is written through it`,
        `Remove it: rm ${parent}`,
      );
  }
}
