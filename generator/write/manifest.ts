/** manifest.json: every generated file with its SHA-256 and its component. Only what is in it is ever deleted. */
import { z } from "zod";
import type { Rendered } from "../render/files.ts";
import { sha256 } from "../render/hash.ts";

export const MANIFEST = "manifest.json";
/** Put in place before the first file is touched: what generates that were cut short may have left behind. */
export const JOURNAL = "manifest.next.json";

/** A path that stays in the folder: a manifest comes out of git, and what it names may be deleted. */
const InnerFile = z.string().regex(/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))/);
const Manifest = z.object({
  version: z.literal(1),
  files: z.record(
    InnerFile,
    z.object({ sha256: z.string(), component: z.string(), executable: z.boolean().optional() }),
  ),
});
export type Manifest = z.output<typeof Manifest>;

/** Every content that a file may have: one for each generate since the last that ended. */
const Journal = z.object({
  version: z.literal(1),
  files: z.record(InnerFile, z.object({ sha256: z.array(z.string()), component: z.string() })),
});
export type Journal = z.output<typeof Journal>;

export function manifestOf(files: readonly Rendered[]): Manifest {
  return {
    version: 1,
    files: Object.fromEntries(
      files.map((file) => [
        file.path,
        {
          sha256: sha256(file.text),
          component: file.component,
          ...(file.executable && { executable: true }),
        },
      ]),
    ),
  };
}

/** A manifest that cannot be read counts as none: then every file there is somebody else's, and is not touched. */
export function parseManifest(text: string | undefined): Manifest {
  return parse(Manifest, text) ?? { version: 1, files: {} };
}

export function parseJournal(text: string | undefined): Journal {
  return parse(Journal, text) ?? { version: 1, files: {} };
}

/** The journal of a generate that begins where others were cut short. */
export function extendJournal(before: Journal, next: Manifest): Journal {
  const files = { ...before.files };
  for (const [path, { sha256: hash, component }] of Object.entries(next.files)) {
    files[path] = { sha256: [...new Set([...(files[path]?.sha256 ?? []), hash])], component };
  }
  return { version: 1, files };
}

export function formatManifest(manifest: Manifest | Journal): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function parse<Value>(schema: z.ZodType<Value>, text = ""): Value | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
