/** manifest.json: every generated file with its SHA-256 and its component. Only what is in it is ever deleted. */
import { z } from "zod";
import type { Rendered } from "../render/files.ts";
import { sha256 } from "../render/hash.ts";

export const MANIFEST = "manifest.json";
/** Written before the first file is touched: what a generate that was cut short may have left behind. */
export const JOURNAL = "manifest.next.json";

const Entry = z.object({ sha256: z.string(), component: z.string(), executable: z.boolean().optional() });
export const Manifest = z.object({ version: z.literal(1), files: z.record(z.string(), Entry) });
export type Manifest = z.output<typeof Manifest>;

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
  try {
    return Manifest.parse(JSON.parse(text ?? ""));
  } catch {
    return { version: 1, files: {} };
  }
}

export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
