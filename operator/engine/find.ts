/** Which Docker engine this is about, and whether it can be used. */
import type Docker from "dockerode";
import type { Host } from "../host/host.ts";
import {
  COMPOSE_MINIMUM,
  ENGINE_MINIMUM,
  formatVersion,
  isAtLeast,
  parseVersion,
  type Version,
} from "./version.ts";

export type Engine = {
  kind: "ready";
  /** `unix:///var/run/docker.sock`. */
  endpoint: string;
  version: string;
  compose: Version;
  /** Where it keeps images and volumes, on its own machine. */
  root: string;
  docker: Docker;
};

export type EngineState =
  | Engine
  /** It answers, but cannot run what we write. */
  | { kind: "old engine"; endpoint: string; version: string }
  /** It answers, but Compose is missing or too old. */
  | { kind: "no compose"; endpoint: string; version: string; compose?: Version }
  /** There is one, and this user may not talk to it. */
  | { kind: "forbidden"; endpoint: string }
  /** Nothing answers. `installed`: dockerd is there and only has to be started. */
  | { kind: "silent"; endpoint: string; installed: boolean; why: string };

export const DEFAULT_ENDPOINT = "unix:///var/run/docker.sock";

/** As the CLI decides it: DOCKER_HOST, then the context, then the default socket. */
export async function endpointOf(host: Host): Promise<string> {
  const named = host.environment.DOCKER_HOST;
  if (named) return named.includes("://") ? named : `tcp://${named}`;
  const context = await host.run("docker", ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], {
    timeout: 10_000,
  });
  const endpoint = context.stdout.trim();
  return context.exitCode === 0 && endpoint.includes("://") ? endpoint : DEFAULT_ENDPOINT;
}

export async function findEngine(host: Host): Promise<EngineState> {
  const endpoint = await endpointOf(host);
  const docker = host.docker(endpoint);
  try {
    await within(5_000, docker.ping());
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EACCES" || code === "EPERM") return { kind: "forbidden", endpoint };
    return { kind: "silent", endpoint, installed: await isInstalled(host), why: reason(code, message) };
  }
  const [{ ServerVersion, DockerRootDir }, found] = await Promise.all([
    docker.info() as Promise<{ ServerVersion: string; DockerRootDir: string }>,
    host.run("docker", ["compose", "version"], { timeout: 10_000 }),
  ]);
  const version = parseVersion(ServerVersion);
  // A version that is none (a build of one's own) gets the benefit of the doubt.
  if (version && !isAtLeast(version, ENGINE_MINIMUM))
    return { kind: "old engine", endpoint, version: ServerVersion };
  const compose = found.exitCode === 0 ? parseVersion(found.stdout) : undefined;
  if (!compose || !isAtLeast(compose, COMPOSE_MINIMUM)) {
    return { kind: "no compose", endpoint, version: ServerVersion, compose };
  }
  return { kind: "ready", endpoint, version: ServerVersion, compose, root: DockerRootDir, docker };
}

/** One sentence about what was found. */
export function describeEngine(state: EngineState): string {
  switch (state.kind) {
    case "ready":
      return `Docker ${state.version} with Compose ${formatVersion(state.compose)} answers at ${state.endpoint}`;
    case "old engine":
      return `Docker ${state.version} answers at ${state.endpoint}; ${formatVersion(ENGINE_MINIMUM)} or newer is needed`;
    case "no compose": {
      const found = state.compose ? `its Compose is ${formatVersion(state.compose)}` : "it has no Compose";
      return `Docker ${state.version} answers at ${state.endpoint}, but ${found}; ${formatVersion(COMPOSE_MINIMUM)} or newer is needed`;
    }
    case "forbidden":
      return `there is a Docker engine at ${state.endpoint}, but this user may not use it`;
    case "silent":
      return `no Docker engine answers at ${state.endpoint}: ${state.why}`;
  }
}

async function isInstalled(host: Host): Promise<boolean> {
  if (host.platform !== "linux") return false;
  const places = ["/usr/sbin/dockerd", "/usr/bin/dockerd", "/usr/local/bin/dockerd"];
  return (await Promise.all(places.map((path) => host.exists(path)))).includes(true);
}

function reason(code: string | undefined, message: string): string {
  if (code === "ENOENT") return "there is no such socket";
  if (code === "ECONNREFUSED") return "nothing listens there";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "that name does not resolve";
  return message;
}

/** Rejects where the promise takes longer. */
export async function within<Value>(milliseconds: number, promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds / 1000} s`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
