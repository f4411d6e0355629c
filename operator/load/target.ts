/** Where a load goes: the environment's edge on its host, whatever DNS says of the domain. */
import { join } from "node:path";
import { destinationArgs, parseDestination } from "../host/destination.ts";
import type { Host } from "../host/host.ts";
import type { Running } from "../operate/running.ts";
import { Problem } from "../problem.ts";
import { frontDoor } from "../up/first.ts";

export type Target = {
  scheme: "http" | "https";
  /** What is connected to. */
  address: string;
  port: number;
  /** The Host header, and the name that the certificate is asked for. */
  domain: string;
  /** What the figures hold beside the edge's own time. */
  note?: string;
};

const ANY = new Set(["", "0.0.0.0", "::"]);

/** @param here this machine, which knows what ssh_config makes of a host's name */
export async function targetOf({ site, project }: Running, here: Host): Promise<Target> {
  const { plan } = project;
  const door = frontDoor(plan);
  if (!door) {
    throw new Problem(
      `${site.environment} publishes no port: there is no edge to ask`,
      `Generate it with nginx, deploy, and ask again: plimsoll ps ${site.environment}`,
    );
  }
  const bind =
    plan.services.nginx?.ports.find(({ published }) => published === door.port)?.host_ip ?? "0.0.0.0";
  const common = { ...door, domain: plan.domain };
  const loopback = bind === "::1" || bind.startsWith("127.");
  if (site.host.kind === "local") return { ...common, address: ANY.has(bind) ? "127.0.0.1" : bind };
  if (loopback) {
    const { port } = await site.host.tunnel(door.port);
    const note = `${bind} of ${site.host.name} is reached through its SSH connection, whose time is in the figures`;
    return { ...common, address: "127.0.0.1", port, note };
  }
  return { ...common, address: ANY.has(bind) ? await addressOf(site.host.name, here) : bind };
}

/** What ssh connects to for this name: ssh_config may call it something else. @throws Problem where ssh does not say */
export async function addressOf(name: string, here: Host): Promise<string> {
  const file = process.env.PLIMSOLL_SSH_CONFIG;
  const args = [...(file ? ["-F", file] : []), "-G", ...destinationArgs(parseDestination(name))];
  const { exitCode, stdout, stderr } = await here.run("ssh", args, { timeout: 10_000 });
  const address = /^hostname (\S+)$/m.exec(stdout)?.[1];
  if (exitCode === 0 && address) return address;
  throw new Problem(
    `ssh does not say the address of ${name}: ${stderr.trim() || `exit code ${exitCode}`}`,
    `See what it makes of the name: ssh ${args.join(" ")}`,
  );
}

/** For messages. */
export function urlOf({ scheme, address, port }: Target, path = "/"): string {
  const standard = port === (scheme === "https" ? 443 : 80);
  const host = address.includes(":") ? `[${address}]` : address;
  return `${scheme}://${host}${standard ? "" : `:${port}`}${path}`;
}

export function loadFile(state: string): string {
  return join(state, "checks", "load.json");
}
