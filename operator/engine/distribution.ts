/** What kind of system a host is, from os-release(5). */
import type { Host } from "../host/host.ts";

export type Distribution = {
  /** `debian`, `ubuntu`, `fedora`; `darwin` and `win32` where there is no os-release. */
  id: string;
  /** What it descends from: `debian`, `rhel`. */
  like: readonly string[];
  /** `bookworm`, `noble`; empty where it has none. */
  codename: string;
  /** `Debian GNU/Linux 12 (bookworm)`. */
  title: string;
};

export function parseOsRelease(text: string): Distribution {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^([A-Z_0-9]+)=(?:"([^"]*)"|'([^']*)'|(.*))$/.exec(line.trim());
    if (match) fields.set(match[1] as string, match[2] ?? match[3] ?? match[4] ?? "");
  }
  const id = fields.get("ID") ?? "linux";
  return {
    id,
    like: (fields.get("ID_LIKE") ?? "").split(/\s+/).filter(Boolean),
    // Testing and sid have no VERSION_CODENAME in every release: the title has it in brackets or after a slash.
    codename:
      fields.get("VERSION_CODENAME") ?? /(\w+)(?:\)|\/sid)$/.exec(fields.get("PRETTY_NAME") ?? "")?.[1] ?? "",
    title: fields.get("PRETTY_NAME") ?? id,
  };
}

export async function distributionOf(host: Host): Promise<Distribution> {
  if (host.platform !== "linux") {
    const title =
      host.platform === "darwin" ? "macOS" : host.platform === "win32" ? "Windows" : host.platform;
    return { id: host.platform, like: [], codename: "", title };
  }
  // os-release(5): /etc first, /usr/lib where that is absent.
  const text = (await host.read("/etc/os-release")) ?? (await host.read("/usr/lib/os-release"));
  return parseOsRelease(text ?? "ID=linux");
}
