/** What a generate would do to a folder: file by file, without touching it. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Rendered } from "../render/files.ts";
import { sha256 } from "../render/hash.ts";
import { JOURNAL, MANIFEST, type Manifest, parseManifest } from "./manifest.ts";

export type Change = {
  path: string;
  kind: "add" | "change" | "remove";
  component: string;
  before?: string;
  after?: string;
};

export type Comparison = {
  changes: readonly Change[];
  /** Files that are not as the last generate left them, or that it never wrote: a generate refuses to replace them. */
  foreign: readonly { path: string; why: string }[];
};

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

export async function compare(folder: string, files: readonly Rendered[]): Promise<Comparison> {
  const manifest = parseManifest(await readIfThere(join(folder, MANIFEST)));
  const journal = parseManifest(await readIfThere(join(folder, JOURNAL)));
  const changes: Change[] = [];
  const foreign: { path: string; why: string }[] = [];
  const knownHashes = (path: string) =>
    [manifest, journal].flatMap((known: Manifest) => known.files[path]?.sha256 ?? []);
  const guard = (path: string, text: string) => {
    const known = knownHashes(path);
    if (known.length === 0) foreign.push({ path, why: "exists, and no generate wrote it" });
    else if (!known.includes(sha256(text))) foreign.push({ path, why: "was edited by hand" });
  };
  const wanted = new Map(files.map((file) => [file.path, file]));
  for (const file of files) {
    const target = join(folder, file.path);
    const before = await readIfThere(target);
    if (before === file.text && (await isExecutable(target)) === file.executable) continue;
    if (before !== undefined && before !== file.text) guard(file.path, before);
    changes.push({
      path: file.path,
      kind: before === undefined ? "add" : "change",
      component: file.component,
      before,
      after: file.text,
    });
  }
  const gone = { ...journal.files, ...manifest.files };
  for (const [path, { component }] of Object.entries(gone)) {
    if (wanted.has(path)) continue;
    const before = await readIfThere(join(folder, path));
    if (before === undefined) continue;
    guard(path, before);
    changes.push({ path, kind: "remove", component, before });
  }
  return { changes, foreign };
}

async function isExecutable(path: string): Promise<boolean> {
  return ((await stat(path)).mode & 0o100) !== 0;
}
