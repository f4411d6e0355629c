/** What a generate would do to a folder: file by file, without touching it. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Rendered } from "../render/files.ts";
import { sha256 } from "../render/hash.ts";
import { formatManifest, JOURNAL, MANIFEST, manifestOf, parseJournal, parseManifest } from "./manifest.ts";
import { obstacles } from "./obstacles.ts";

export type Change = {
  path: string;
  kind: "add" | "change" | "remove";
  component: string;
  before?: string;
  after?: string;
};

export type Refusal = { path: string; why: string };

export type Comparison = {
  changes: readonly Change[];
  /** Files that are not as the last generate left them, or that it never wrote: a generate refuses to replace them. */
  foreign: readonly Refusal[];
  /** What not even a person's word replaces: links, and folders where a file has to be. */
  blocked: readonly Refusal[];
};

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return undefined;
    throw error;
  }
}

export async function compare(folder: string, files: readonly Rendered[]): Promise<Comparison> {
  const manifestText = await readIfThere(join(folder, MANIFEST));
  const manifest = parseManifest(manifestText);
  const journal = parseJournal(await readIfThere(join(folder, JOURNAL)));
  const changes: Change[] = [];
  const foreign: Refusal[] = [];
  const guard = (path: string, text: string) => {
    const known = [manifest, journal].flatMap((list) => list.files[path]?.sha256 ?? []);
    if (known.length === 0) foreign.push({ path, why: "exists, and no generate wrote it" });
    else if (!known.includes(sha256(text))) foreign.push({ path, why: "was edited by hand" });
  };
  const wanted = new Set(files.map(({ path }) => path));
  const there = await Promise.all(files.map(({ path }) => lookAt(join(folder, path))));
  for (const [index, file] of files.entries()) {
    const { text: before, executable } = there[index] as Found;
    if (before === file.text && executable === file.executable) continue;
    if (before !== undefined && before !== file.text) guard(file.path, before);
    changes.push({
      path: file.path,
      kind: before === undefined ? "add" : "change",
      component: file.component,
      before,
      after: file.text,
    });
  }
  const gone = Object.entries({ ...journal.files, ...manifest.files }).filter(([path]) => !wanted.has(path));
  for (const [path, { component }] of gone) {
    const before = await readIfThere(join(folder, path));
    if (before === undefined) continue;
    guard(path, before);
    changes.push({ path, kind: "remove", component, before });
  }
  const after = formatManifest(manifestOf(files));
  // It follows from the files, and is named only where it alone is out of date.
  if (changes.length === 0 && manifestText !== after) {
    const kind = manifestText === undefined ? "add" : "change";
    changes.push({ path: MANIFEST, kind, component: "plimsoll", before: manifestText, after });
  }
  return { changes, foreign, blocked: await obstacles(folder, wanted, new Set(gone.map(([path]) => path))) };
}

type Found = { text?: string; executable?: boolean };

async function lookAt(path: string): Promise<Found> {
  const text = await readIfThere(path);
  return text === undefined ? {} : { text, executable: ((await stat(path)).mode & 0o100) !== 0 };
}
