/** The application's build context: which files, their hash, and what a host lacks of them. */
import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import dockerignore from "@balena/dockerignore";
import type { SentFile } from "../host/host.ts";
import { Problem } from "../problem.ts";

/** Its types say `export default`, and it is CommonJS. */
const ignore = dockerignore as unknown as typeof dockerignore.default;

export type Context = {
  /** Below the stack's folder: `api`. */
  path: string;
  /** Absolute, on this machine. */
  folder: string;
  dockerfile: string;
  /** Path to hash, sorted. The hash covers mode and kind too. */
  files: ReadonlyMap<string, string>;
  /** Of everything: the image's tag, so that what is there need not be built again. */
  tag: string;
};

/** @param path as stack.yaml has it. @throws Problem where the folder or its Dockerfile does not exist */
export async function readContext(stackFolder: string, path: string, dockerfile: string): Promise<Context> {
  const clean = path.replace(/^\.\/+/, "").replace(/\/+$/, "");
  const folder = join(stackFolder, clean);
  const rules =
    (await text(join(folder, `${dockerfile}.dockerignore`))) ?? (await text(join(folder, ".dockerignore")));
  const ignored = ignore({ ignorecase: false }).add(rules ?? "");
  const kept = (name: string) =>
    name === dockerfile ||
    name === ".dockerignore" ||
    name === `${dockerfile}.dockerignore` ||
    !ignored.ignores(name);
  const files = new Map<string, string>();
  for (const name of await filesBelow(folder, "", rules !== undefined && !rules.includes("!"), kept)) {
    files.set(name, await hashOf(join(folder, name)));
  }
  if (!files.has(dockerfile))
    throw new Problem(`${join(path, dockerfile)} does not exist`, "api.build of stack.yaml names it.", 2);
  const all = createHash("sha256").update(`${dockerfile}\n`);
  for (const [name, hash] of files) all.update(`${hash} ${name}\n`);
  return { path: clean, folder, dockerfile, files, tag: all.digest("hex").slice(0, 12) };
}

/** What changed, and what is gone, against the files that a host has. */
export async function contextChanges(
  context: Context,
  there: ReadonlyMap<string, string>,
): Promise<{ files: SentFile[]; gone: string[]; manifest: string }> {
  const changed = [...context.files].filter(([name, hash]) => there.get(name) !== hash).map(([name]) => name);
  return {
    files: await Promise.all(changed.map((name) => sentFile(name, join(context.folder, name)))),
    gone: [...there.keys()].filter((name) => !context.files.has(name)),
    manifest: [...context.files].map(([name, hash]) => `${hash} ${name}\n`).join(""),
  };
}

async function sentFile(path: string, from: string): Promise<SentFile> {
  const stat = await lstat(from);
  if (stat.isSymbolicLink()) return { path, content: { link: await readlink(from) } };
  return { path, mode: stat.mode & 0o111 ? 0o755 : 0o644, content: { from } };
}

/** @param prune whether a folder that is ignored may be passed over: not where a rule brings something in it back */
async function filesBelow(
  folder: string,
  below: string,
  prune: boolean,
  kept: (name: string) => boolean,
): Promise<string[]> {
  const entries = await readdir(join(folder, below), { withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      throw new Problem(`the build context ${join(folder, below)} cannot be read (${error.code})`);
    },
  );
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!prune || kept(name)) found.push(...(await filesBelow(folder, name, prune, kept)));
    } else if ((entry.isFile() || entry.isSymbolicLink()) && kept(name)) found.push(name);
  }
  return found;
}

async function hashOf(path: string): Promise<string> {
  const stat = await lstat(path);
  const hash = createHash("sha256");
  if (stat.isSymbolicLink()) hash.update(`link ${await readlink(path)}`);
  else hash.update(stat.mode & 0o111 ? "run " : "file ").update(await readFile(path));
  return hash.digest("hex");
}

function text(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}
