/** For tests of what is written: a folder of their own for each test, and rendered files. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import type { Rendered } from "../render/files.ts";

export function eachInItsFolder(): { path: string } {
  const folder = { path: "" };
  beforeEach(async () => {
    folder.path = await mkdtemp(join(tmpdir(), "plimsoll-write-"));
  });
  afterEach(() => rm(folder.path, { recursive: true, force: true }));
  return folder;
}

export function file(path: string, text: string, executable = false): Rendered {
  return { path, text, executable, component: "test", restarts: [] };
}

/** Paths of all files below a folder, sorted. */
export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
