/** Paths of files that are sent: below a folder, and nowhere else. */
import { Problem } from "../problem.ts";
import type { SentFile } from "./host.ts";

/** @throws Problem where a path leads out of the folder, occurs twice, or lies below a file or link that is sent too */
export function checkPaths(files: readonly SentFile[]): void {
  const seen = new Map<string, SentFile>();
  for (const file of files) {
    const path = file.path.replace(/\/$/, "");
    const parts = path.split("/");
    const bad =
      path === "" ||
      parts.some((part) => part === "" || part === "." || part === "..") ||
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
      /[\x00-\x1f\x7f]/.test(path);
    if (bad)
      throw new Problem(
        `${JSON.stringify(file.path)} cannot be sent`,
        "Expected a path below the folder, such as nginx/nginx.conf.",
      );
    if (seen.has(path)) throw new Problem(`${path} would be sent twice`);
    seen.set(path, file);
  }
  for (const path of seen.keys()) {
    const parts = path.split("/");
    for (let length = 1; length < parts.length; length++) {
      const parent = parts.slice(0, length).join("/");
      const above = seen.get(parent);
      if (above && !isFolder(above)) throw new Problem(`${path} lies below ${parent}, which is no folder`);
    }
  }
}

export function isFolder({ path }: SentFile): boolean {
  return path.endsWith("/");
}
