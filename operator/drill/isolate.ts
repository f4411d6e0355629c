/** A release's Compose file for a rehearsal on another host: the whole stack, and no way out of it. */
import { posix } from "node:path";
import { parse } from "yaml";
import {
  FILES_CREDENTIALS,
  FILES_PASSWORD,
  POSTGRES_SECRETS,
  SITE,
} from "../../generator/components/backup/repository.ts";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { toYaml } from "../../generator/render/yaml.ts";
import { SIDECARS } from "../database/sidecars.ts";
import { Problem } from "../problem.ts";

/** The one service that the host's own ports lead to. */
const DOOR = "nginx";
/** Made for the time of the seeding alone, and no other network leads out. */
export const WAY_OUT = "rehearsal-bucket";
/** Not started by `up`, and there for `run`: the engine knows the profile. */
const ASIDE = "deploy";
/** They would only talk to others: authorities, the team, the repository. */
const SILENT = new Set(["certificates", "alertmanager", SIDECARS.postgres]);

type Service = {
  networks?: Record<string, unknown> | string[];
  network_mode?: string;
  pid?: string;
  privileged?: boolean;
  ports?: unknown[];
  secrets?: (string | { source: string })[];
  volumes?: (string | { source?: string })[];
  command?: string | string[];
  depends_on?: Record<string, unknown> | string[];
  profiles?: string[];
};
type Compose = {
  services: Record<string, Service>;
  networks?: Record<string, unknown>;
  volumes?: Record<string, { driver_opts?: { device?: string } } | null>;
};

export type Isolated = {
  /** In place of the release's compose.yaml. */
  compose: string;
  /** Laid over it while volumes are filled: the way to the bucket, and its keys. */
  seed: string;
  /** Services that are not started, and why. */
  left: { service: string; why: string }[];
};

/**
 * What `docker compose up` makes of the result writes into no repository and reaches nobody: every network is internal
 * but the door's, which is not masqueraded; PostgreSQL does not archive, and has no keys.
 * @throws Problem where it is no Compose file of ours
 */
export function isolated(text: string, plan: Pick<PlanJson, "backups">): Isolated {
  const file = parse(text) as Compose;
  if (!file?.services?.[DOOR])
    throw new Problem(
      "the release has no nginx: there is no door to ask",
      "A drill ends at the stack's own door. Hold it by hand: docs/runbooks/disaster.md",
    );
  const left = Object.entries(file.services).flatMap(([service, words]) => {
    const why = SILENT.has(service) ? "it talks to others alone" : hostsOwn(words, file.volumes ?? {});
    return why === undefined ? [] : [{ service, why }];
  });
  const gone = new Set(left.map(({ service }) => service));
  const nodes = plan.backups.flatMap((offer) => ("cluster" in offer ? offer.cluster.nodes : []));
  const services = Object.fromEntries(
    Object.entries(file.services)
      .filter(([name]) => !gone.has(name))
      .map(([name, words]) => [name, cutOff(name, words, gone, nodes)]),
  );
  const doors = namesOf(file.services[DOOR].networks).filter((name) => !isInternal(file.networks?.[name]));
  const networks = Object.fromEntries(
    Object.entries(file.networks ?? {}).map(([name, words]) => [name, shut(words, doors.includes(name))]),
  );
  for (const [name, words] of Object.entries(services))
    if (name !== DOOR) leaveDoor(words, doors, Object.keys(networks));
  return {
    compose: toYaml({ ...file, services, networks }, HEAD),
    seed: toYaml({ services: seeding(services, nodes[0]), networks: { [WAY_OUT]: {} } }),
    left,
  };
}

const HEAD =
  "Written by plimsoll for a disaster drill: the stack without a way out. It goes when the drill ends.";
const MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade";

/** One of the stack's own in any case. The door's: published ports work, and what is begun inside gets no answer. */
function shut(words: unknown, door: boolean): object {
  const { external: _, name: __, ...own } = (words ?? {}) as Record<string, unknown>;
  return door
    ? { ...own, driver_opts: { ...(own.driver_opts as object | undefined), [MASQUERADE]: "false" } }
    : { ...own, internal: true };
}

/** A network of the host's, Docker itself, or the host's own rights are no way that can be shut. */
function hostsOwn(
  { network_mode, pid, privileged, volumes = [] }: Service,
  named: NonNullable<Compose["volumes"]>,
): string | undefined {
  if (network_mode !== undefined && !/^(none|service:.+)$/.test(network_mode))
    return `its network is ${network_mode}, which cannot be shut`;
  if (privileged) return "it is privileged, and may do on the host whatever it likes";
  if (pid === "host") return "it is among the host's processes";
  for (const one of volumes) {
    const written = typeof one === "string" ? one.split(":")[0] : one.source;
    // A volume by name may be a folder of the host's.
    const source = named[written ?? ""]?.driver_opts?.device ?? written;
    if (source?.endsWith("docker.sock")) return "it has Docker's socket";
    if (source?.startsWith("/") && leadsToDocker(source))
      return `it has the host's ${source}, and Docker's socket with it`;
  }
  return undefined;
}

/** What lies above a socket, or in the folder of all of them. */
function leadsToDocker(source: string): boolean {
  const path = posix.resolve(source);
  return path === "/" || path === "/var" || /^(\/var)?\/run(\/|$)/.test(path);
}

function isInternal(network: unknown): boolean {
  return (network as { internal?: boolean } | null | undefined)?.internal === true;
}

function namesOf(list: Record<string, unknown> | readonly string[] | undefined): string[] {
  return Array.isArray(list) ? [...list] : Object.keys(list ?? {});
}

function cutOff(name: string, words: Service, gone: ReadonlySet<string>, nodes: readonly string[]): Service {
  const { ports, depends_on, ...rest } = words;
  const service: Service = { ...rest };
  // To the host itself and nobody else: a rehearsal has the application's real data.
  if (name === DOOR && ports)
    service.ports = ports.filter((port) => typeof port === "object").map(toLoopback);
  const waits = Array.isArray(depends_on)
    ? depends_on.filter((other) => !gone.has(other) && other !== SIDECARS.files)
    : Object.fromEntries(
        Object.entries(depends_on ?? {}).filter(([other]) => !gone.has(other) && other !== SIDECARS.files),
      );
  if (namesOf(waits).length > 0) service.depends_on = waits;
  if (name === SIDECARS.files) service.profiles = [ASIDE];
  if (name === SIDECARS.files || nodes.includes(name)) {
    const secrets = (words.secrets ?? []).filter((secret) => !KEYS.has(sourceOf(secret)));
    if (secrets.length > 0) service.secrets = secrets;
    else delete service.secrets;
  }
  // The last words count. A subscription would go on where the real one reads.
  const quiet = ["archive_mode=off", "max_logical_replication_workers=0"];
  if (nodes[0] === name) service.command = told(words.command, quiet);
  else if (nodes.includes(name)) service.command = told(words.command, [...quiet, "restore_command="]);
  return service;
}

const KEYS = new Set([POSTGRES_SECRETS, FILES_CREDENTIALS, FILES_PASSWORD, SITE]);

function sourceOf(secret: string | { source: string }): string {
  return typeof secret === "string" ? secret : secret.source;
}

function toLoopback(port: unknown): unknown {
  return { ...(port as object), host_ip: "127.0.0.1" };
}

function told(command: string | readonly string[] | undefined, settings: readonly string[]): string[] {
  const words = typeof command === "string" ? command.split(/\s+/) : [...(command ?? ["postgres"])];
  return [...words, ...settings.flatMap((setting) => ["-c", setting])];
}

function leaveDoor(service: Service, doors: readonly string[], all: readonly string[]): void {
  if (service.network_mode !== undefined) return;
  const stays = namesOf(service.networks).filter((name) => !doors.includes(name));
  const other = all.find((name) => !doors.includes(name));
  if (stays.length > 0)
    service.networks = Array.isArray(service.networks)
      ? stays
      : Object.fromEntries(stays.map((name) => [name, (service.networks as Record<string, unknown>)[name]]));
  else if (other !== undefined) service.networks = { [other]: null };
  else service.network_mode = "none";
  if (service.network_mode === "none") delete service.networks;
}

function seeding(services: Readonly<Record<string, Service>>, node: string | undefined) {
  const opened = (keys: readonly string[]) => ({
    networks: { [WAY_OUT]: null },
    secrets: keys.map((source) => ({ source, target: `/run/secrets/${source}` })),
  });
  return {
    ...(node !== undefined && services[node] && { [node]: opened([POSTGRES_SECRETS]) }),
    ...(services[SIDECARS.files] && { [SIDECARS.files]: opened([FILES_PASSWORD, FILES_CREDENTIALS]) }),
  };
}
