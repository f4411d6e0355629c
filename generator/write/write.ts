/** Files to disk: everything is staged first, then put in place one by one by rename, the manifest last. */
import { mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Rendered } from "../render/files.ts";
import { type Change, compare } from "./compare.ts";
import { withLock } from "./lock.ts";
import { formatManifest, JOURNAL, MANIFEST, manifestOf } from "./manifest.ts";

const STAGE = ".plimsoll-stage";

/** Files that a generate would have to destroy: edited by hand, or never its own. */
export class ForeignFilesError extends Error {
  override readonly name = "ForeignFilesError";

  constructor(folder: string, files: readonly { path: string; why: string }[]) {
    super(
      [
        `${folder} holds files that a generate would destroy:`,
        ...files.map(({ path, why }) => `  ${path} ${why}`),
        "Put your change in stack.yaml or overrides.yaml, or move the file away; --force replaces it.",
      ].join("\n"),
    );
  }
}

/**
 * Brings a folder to what was rendered. Where staging fails (disk full, no permission) the old files stay whole; cut
 * short while renaming, the next call finishes what this one began.
 * @throws ForeignFilesError unless `force`
 */
export async function writeFiles(
  folder: string,
  files: readonly Rendered[],
  { force = false } = {},
): Promise<readonly Change[]> {
  await mkdir(folder, { recursive: true });
  return await withLock(folder, async () => {
    const { changes, foreign } = await compare(folder, files);
    if (foreign.length > 0 && !force) throw new ForeignFilesError(folder, foreign);
    const manifest = formatManifest(manifestOf(files));
    const stage = join(folder, STAGE);
    await rm(stage, { recursive: true, force: true });
    try {
      const wanted = new Map(files.map((file) => [file.path, file]));
      const written = changes.filter((change) => change.kind !== "remove");
      for (const { path } of written) await writeStaged(join(stage, path), wanted.get(path) as Rendered);
      await writeStaged(join(stage, MANIFEST), { text: manifest, executable: false });
      if (changes.length > 0) await writeStaged(join(folder, JOURNAL), { text: manifest, executable: false });
      for (const { path } of written) await putInPlace(stage, folder, path);
      for (const { path } of changes.filter((change) => change.kind === "remove"))
        await removeFile(folder, path);
      await putInPlace(stage, folder, MANIFEST);
      await rm(join(folder, JOURNAL), { force: true });
    } finally {
      await rm(stage, { recursive: true, force: true });
    }
    return changes;
  });
}

async function writeStaged(
  path: string,
  { text, executable }: Pick<Rendered, "text" | "executable">,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const handle = await open(path, "w", executable ? 0o755 : 0o644);
  try {
    await handle.writeFile(text);
    // The umask must not decide whether a container's user can read its configuration.
    await handle.chmod(executable ? 0o755 : 0o644);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function putInPlace(stage: string, folder: string, path: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o755 });
  await rename(join(stage, path), join(folder, path));
}

/** Removes a file and the folders that it leaves empty, but never the folder of the environment itself. */
async function removeFile(folder: string, path: string): Promise<void> {
  await rm(join(folder, path), { force: true });
  for (let parent = dirname(path); parent !== "."; parent = dirname(parent)) {
    const left = await readdir(join(folder, parent)).catch(() => ["?"]);
    if (left.length > 0) return;
    await rmdir(join(folder, parent));
  }
}
