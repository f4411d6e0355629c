/** A tar in memory as files. */
import { extract } from "tar-stream";
import type { SentFile } from "../host/host.ts";

/** @throws where it is cut short, or a path leads out of its folder */
export async function untar(bytes: Uint8Array): Promise<SentFile[]> {
  const files: SentFile[] = [];
  const unpack = extract();
  unpack.end(Buffer.from(bytes));
  for await (const entry of unpack) {
    const { name, type, mode = 0o644, linkname } = entry.header;
    const path = safe(name);
    const parts: Uint8Array[] = [];
    for await (const part of entry) parts.push(part as Uint8Array);
    if (path === "") continue;
    if (type === "directory") files.push({ path: `${path}/`, mode: mode & 0o7777 });
    else if (type === "file") files.push({ path, mode: mode & 0o7777, content: Buffer.concat(parts) });
    else if (type === "symlink") files.push({ path, content: { link: linkname ?? "" } });
    else throw new Error(`${name} is a ${type}`);
  }
  return files;
}

function safe(name: string): string {
  const path = name.replace(/^(?:\.\/)+/, "").replace(/\/+$/, "");
  if (name.startsWith("/") || path.split("/").includes(".."))
    throw new Error(`${name} leads out of its folder`);
  return path === "." ? "" : path;
}
