import { createHash } from "node:crypto";

/** SHA-256 in hex. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** One hash over files, independent of their order. */
export function hashFiles(files: readonly { path: string; text: string; executable: boolean }[]): string {
  const lines = files.map((file) => `${file.path}\0${file.executable ? "x" : "-"}\0${sha256(file.text)}`);
  return sha256(lines.sort().join("\n"));
}
