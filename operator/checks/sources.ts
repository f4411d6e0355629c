/** Reading the application's sources on this machine. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { CheckContext } from "./context.ts";

/** More is no source. */
const LARGEST = 1024 ** 2;

/** Undefined where it cannot be read, is large, or is no text. */
export async function sourceText(file: string): Promise<string | undefined> {
  const handle = await open(file).catch(() => undefined);
  try {
    const about = await handle?.stat();
    if (!handle || !about?.isFile() || about.size > LARGEST) return undefined;
    const text = await handle.readFile("utf8");
    return text.includes("\0") ? undefined : text;
  } finally {
    await handle?.close();
  }
}

/** JSON with comments and trailing commas, as TypeScript reads its own. */
export function looseJson(text: string): unknown {
  const bare = text.replace(/"(?:\\.|[^"\\])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (part) =>
    part.startsWith('"') ? part : " ",
  );
  return JSON.parse(
    bare.replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, (_, kept: string | undefined) => kept ?? ""),
  );
}

export type Tracked = { root: string; files: string[] };

/** Files that git tracks, of the whole repository; undefined where there is none. */
export function trackedFiles(context: CheckContext): Promise<Tracked | undefined> {
  return context.once("tracked", async () => {
    const cwd = context.stackFolder;
    const top = await context.run("git", ["rev-parse", "--show-toplevel"], { cwd });
    if (top.exitCode !== 0) return undefined;
    const root = top.stdout.trim();
    const { exitCode, stdout } = await context.run("git", ["ls-files", "-z"], { cwd: root });
    return exitCode === 0 ? { root, files: stdout.split("\0").filter(Boolean) } : undefined;
  });
}

/** Paths of the application's own sources, from git. */
export async function applicationSources(context: CheckContext): Promise<string[]> {
  const tracked = await trackedFiles(context);
  const { folder } = context;
  if (!tracked || folder === undefined) return [];
  return tracked.files
    .map((path) => join(tracked.root, path))
    .filter((path) => path.startsWith(`${folder}/`) && /\.(ts|js|mjs|cjs|tsx|jsx)$/.test(path));
}
