/** Which program listens on a port of this machine, as far as this user may see it. */
import { readdir, readFile, readlink } from "node:fs/promises";
import type { Host } from "../host/host.ts";

/** `postgres (process 812)`; undefined where it cannot be told. */
export async function listenerOf(host: Host, port: number): Promise<string | undefined> {
  return host.platform === "linux" ? viaProc(port) : viaLsof(host, port);
}

async function viaProc(port: number): Promise<string | undefined> {
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readFile(path, "utf8").catch(() => "")),
  );
  const inodes = new Set(tables.flatMap((table) => listeningInodes(table, port)));
  if (inodes.size === 0) return undefined;
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode && inodes.has(inode)) {
        const name = (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "?")).trim();
        return `${name} (process ${pid})`;
      }
    }
  }
  return undefined;
}

/** Inodes of the sockets that listen (state 0A) on the port, from a table of proc_net_tcp(5). */
export function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table.split("\n").flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    return fields[1]?.endsWith(suffix) && fields[3] === "0A" && fields[9] ? [fields[9]] : [];
  });
}

async function viaLsof(host: Host, port: number): Promise<string | undefined> {
  const { stdout } = await host.run("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"], {
    timeout: 5_000,
  });
  const pid = /^p(\d+)$/m.exec(stdout)?.[1];
  const name = /^c(.+)$/m.exec(stdout)?.[1];
  return pid && name ? `${name} (process ${pid})` : undefined;
}
