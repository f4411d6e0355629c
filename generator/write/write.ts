/** Files to disk: everything is staged first, then put in place one by one by rename, the manifest last. */
import { chmod, mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Rendered } from "../render/files.ts";
import { type Change, compare, type Refusal, readIfThere } from "./compare.ts";
import { withLock } from "./lock.ts";
import { extendJournal, formatManifest, JOURNAL, MANIFEST, manifestOf, parseJournal } from "./manifest.ts";
import { foldersAbove } from "./obstacles.ts";

const STAGE = ".plimsoll-stage";

/** Files that a generate would have to destroy: edited by hand, or never its own. */
export class ForeignFilesError extends Error {
  override readonly name = "ForeignFilesError";

  constructor(folder: string, files: readonly Refusal[], remedy: string) {
    super(
      [
        `${folder} holds files that a generate would destroy:`,
        ...files.map(({ path, why }) => `  ${path} ${why}`),
        remedy,
      ].join("\n"),
    );
  }
}

/**
 * What `writeFiles` would change.
 * @throws ForeignFilesError where it would refuse to
 */
export async function planWrite(
  folder: string,
  files: readonly Rendered[],
  { force = false } = {},
): Promise<readonly Change[]> {
  const { changes, foreign, blocked } = await compare(folder, files);
  if (blocked.length > 0) throw new ForeignFilesError(folder, blocked, "Move them away.");
  if (foreign.length > 0 && !force) {
    throw new ForeignFilesError(
      folder,
      foreign,
      "Put your change in stack.yaml or overrides.yaml, or move the file away; --force replaces it.",
    );
  }
  return changes;
}

/**
 * Brings a folder to what was rendered. Where staging fails (disk full, no permission) the old files stay whole; cut
 * short while renaming, the next call finishes what this one began.
 * @throws ForeignFilesError unless `force`
 */
export async function writeFiles(
  folder: string,
  files: readonly Rendered[],
  options: { force?: boolean } = {},
): Promise<readonly Change[]> {
  await mkdir(folder, { recursive: true });
  return await withLock(folder, async () => {
    const changes = await planWrite(folder, files, options);
    const journal = parseJournal(await readIfThere(join(folder, JOURNAL)));
    const stage = join(folder, STAGE);
    await rm(stage, { recursive: true, force: true });
    if (changes.length > 0) {
      try {
        await replace(folder, stage, files, changes, journal);
      } finally {
        await rm(stage, { recursive: true, force: true });
      }
    }
    await rm(join(folder, JOURNAL), { force: true });
    return changes;
  });
}

async function replace(
  folder: string,
  stage: string,
  files: readonly Rendered[],
  changes: readonly Change[],
  journal: ReturnType<typeof parseJournal>,
): Promise<void> {
  const changed = new Set(changes.map(({ path }) => path));
  const written = files.filter(({ path }) => changed.has(path));
  const next = manifestOf(files);
  for (const file of written) await writeStaged(join(stage, file.path), file.text, file.executable);
  await writeStaged(join(stage, JOURNAL), formatManifest(extendJournal(journal, next)));
  await writeStaged(join(stage, MANIFEST), formatManifest(next));
  await rename(join(stage, JOURNAL), join(folder, JOURNAL));
  // First what goes: it may stand where a folder has to be. A folder that is still wanted is never removed, since a
  // container that mounts it would go on reading the old one.
  const kept = new Set(files.flatMap(({ path }) => foldersAbove(path)));
  for (const { path } of changes.filter(({ kind }) => kind === "remove"))
    await removeFile(folder, path, kept);
  for (const path of kept) await makeFolder(join(folder, path));
  for (const { path } of written) await rename(join(stage, path), join(folder, path));
  await rename(join(stage, MANIFEST), join(folder, MANIFEST));
}

async function writeStaged(path: string, text: string, executable = false): Promise<void> {
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

/** As above: a container's user must be able to look into the folder that it mounts. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
    await chmod(path, 0o755);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** Removes a file and the folders that it leaves empty, but never one that is kept. */
async function removeFile(folder: string, path: string, kept: ReadonlySet<string>): Promise<void> {
  await rm(join(folder, path), { force: true });
  for (const parent of foldersAbove(path).reverse()) {
    const left = await readdir(join(folder, parent)).catch(() => ["?"]);
    if (kept.has(parent) || left.length > 0) return;
    await rmdir(join(folder, parent));
  }
}
