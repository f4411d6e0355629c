/** The page as a browser loads it. */
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

export async function bundle(folder: string): Promise<void> {
  await build({
    absWorkingDir: import.meta.dirname,
    entryPoints: ["page/index.tsx"],
    outdir: folder,
    bundle: true,
    // What a picture does not need, editors above all, is loaded when somebody asks for it: never.
    splitting: true,
    format: "esm",
    jsx: "automatic",
    tsconfig: "tsconfig.json",
    loader: { ".woff2": "file", ".woff": "file", ".ttf": "empty" },
    define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
    logLevel: "error",
  });
  await cp(join(import.meta.dirname, "page/index.html"), join(folder, "index.html"));
}
