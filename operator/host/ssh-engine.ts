/** The host's engine for dockerode, over the connection that is there. */
import { Agent } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import Docker, { type DockerOptions } from "dockerode";
import { Problem } from "../problem.ts";
import type { Host, Tunnel } from "./host.ts";
import { freePort, portTaken } from "./port.ts";
import type { Connection } from "./ssh-connection.ts";

export type Forwards = {
  docker(endpoint: string): Docker;
  tunnel(remotePort: number, localPort?: number): Promise<Tunnel>;
  close(): Promise<void>;
};

export function openForwards(connection: Connection, script: Host["script"]): Forwards {
  const clients = new Map<string, { docker: Docker; agent: Agent }>();
  const forwarded: string[][] = [];

  function docker(endpoint: string): Docker {
    const known = clients.get(endpoint);
    if (known) return known.docker;
    let place: Promise<string | number> | undefined;
    const number = clients.size;
    const agent = new WaitingAgent(async () => {
      const lost = connection.lost();
      if (lost) throw lost;
      // Forwarded at the first request; tried again at the next where it could not be.
      place ??= forwardEngine(endpoint, number).catch((error) => {
        place = undefined;
        throw error;
      });
      return place;
    });
    // Everything is said, so that no DOCKER_HOST of this machine is meant.
    const options = {
      agent,
      socketPath: join(connection.folder, "d"),
      protocol: "http" as const,
      host: undefined,
      port: undefined,
      ca: undefined,
      cert: undefined,
      key: undefined,
    };
    const docker = new Docker(options as DockerOptions);
    clients.set(endpoint, { docker, agent });
    return docker;
  }

  async function forwardEngine(endpoint: string, number: number): Promise<string | number> {
    const path = /^unix:\/\/(\/.+)$/.exec(endpoint)?.[1];
    if (path) {
      await requireSocket(path);
      const local = join(connection.folder, `d${number}`);
      await forward("-L", `${local}:${path}`);
      return local;
    }
    const port = /^(?:tcp|http):\/\/(?:127\.0\.0\.1|localhost):(\d+)\/?$/.exec(endpoint)?.[1];
    if (port) return (await tunnel(Number(port))).port;
    throw new Problem(
      `the engine at ${endpoint} cannot be reached through ${connection.destination.text}`,
      "Expected a socket of that host (unix:///var/run/docker.sock) or a port of its 127.0.0.1: unset DOCKER_HOST there.",
    );
  }

  /** ssh would only say that the socket hung up. */
  async function requireSocket(path: string): Promise<void> {
    if (path === "/var/run/docker.sock" && connection.facts.socket === "open") return;
    const { exitCode } = await script('[ -S "$1" ] || exit 2; [ -r "$1" ] && [ -w "$1" ] || exit 3', [path]);
    if (exitCode === 2) throw Object.assign(new Error(`${path}: no such socket`), { code: "ENOENT" });
    if (exitCode === 3) throw Object.assign(new Error(`${path}: permission denied`), { code: "EACCES" });
  }

  async function forward(...args: string[]): Promise<void> {
    const { ok, said } = await connection.tell("forward", args);
    if (!ok) throw connection.lost() ?? new Problem(`ssh cannot forward ${args.at(-1)}: ${said.trim()}`);
    forwarded.push(args);
  }

  async function tunnel(remotePort: number, localPort?: number): Promise<Tunnel> {
    const port = localPort ?? (await freePort());
    const words = ["-L", `127.0.0.1:${port}:127.0.0.1:${remotePort}`];
    const { ok, said } = await connection.tell("forward", words);
    if (!ok) throw connection.lost() ?? portTaken(port, said.trim().split("\n")[0] ?? "");
    forwarded.push(words);
    return {
      port,
      async close() {
        if (!connection.lost()) await connection.tell("cancel", words);
      },
    };
  }

  return {
    docker,
    tunnel,
    async close() {
      for (const { agent } of clients.values()) agent.destroy();
      // A connection of our own takes them along when it ends.
      if (!connection.kept || connection.lost()) return;
      await Promise.all(forwarded.map((words) => connection.tell("cancel", words)));
    },
  };
}

type Done = (error: Error | null, stream: Duplex) => void;

/** Connects once it knows where to: to a path, or to a port of this machine. Connections are kept and used again. */
class WaitingAgent extends Agent {
  readonly #place: () => Promise<string | number>;

  constructor(place: () => Promise<string | number>) {
    super({ keepAlive: true });
    this.#place = place;
  }

  override createConnection(_options: unknown, done?: Done): undefined {
    this.#place().then(
      (place) => done?.(null, typeof place === "number" ? connect(place, "127.0.0.1") : connect(place)),
      (error: Error) => done?.(error, undefined as never),
    );
    // Nothing yet: the agent waits for the call.
    return undefined;
  }
}
