/** Ports that the stack wants and somebody else has, before anything starts. */
import { createServer } from "node:net";
import type Docker from "dockerode";
import { isLocalEndpoint } from "../host/socket.ts";
import { Problem } from "../problem.ts";
import { PROJECT_LABEL } from "./containers.ts";
import { listenerOf } from "./listener.ts";
import type { Project } from "./project.ts";

export type Wanted = {
  service: string;
  host: string;
  port: number /** Inside the container. */;
  target: number;
};

export type Taken = Wanted & { by: string };

export function wantedPorts(plan: Project["plan"]): Wanted[] {
  return Object.entries(plan.services).flatMap(([service, { ports }]) =>
    ports.map((port) => ({
      service,
      host: port.host_ip ?? "0.0.0.0",
      port: port.published,
      target: port.target,
    })),
  );
}

/** @throws Problem that names every port that is taken, by whom, and the word of stack.yaml that changes it. */
export async function requirePorts(project: Project): Promise<void> {
  const wanted = wantedPorts(project.plan);
  const containers = await project.engine.docker.listContainers();
  const taken: Taken[] = [];
  for (const entry of wanted) {
    const owner = publisherOf(containers, entry);
    if (owner?.Labels[PROJECT_LABEL] === project.name) continue;
    if (owner) taken.push({ ...entry, by: containerName(owner) });
    // The ports of an engine elsewhere cannot be tried from here; it will say so itself.
    else if (isLocalEndpoint(project.engine.endpoint) && (await isTaken(entry))) {
      taken.push({ ...entry, by: (await listenerOf(project.host, entry.port)) ?? "another program" });
    }
  }
  if (taken.length > 0) throw portsTaken(taken);
}

function portsTaken(taken: readonly Taken[]): Problem {
  const lines = taken.map(
    ({ service, port, by }) => `port ${port}, which ${service} publishes, is used by ${by}`,
  );
  const words = taken.map(
    (entry) => `${wordFor(entry)}: ${suggest(entry.port)}     (instead of ${entry.port})`,
  );
  return new Problem(
    lines.join("\n"),
    ["End that program, or choose other ports in stack.yaml:", ...words].join("\n"),
  );
}

/** Where stack.yaml says it (under `environments.<name>` for one environment). By service, or service and target. */
export const PORT_WORDS: Readonly<Record<string, string>> = {
  nginx: "nginx.http",
  "nginx:8443": "nginx.https",
  prometheus: "monitoring.prometheus.port",
  alertmanager: "monitoring.alertmanager.port",
  grafana: "monitoring.grafana.port",
  kibana: "logging.kibana.port",
};

export function wordFor({ service, target }: Pick<Wanted, "service" | "target">): string {
  return PORT_WORDS[`${service}:${target}`] ?? PORT_WORDS[service] ?? `${service}.port`;
}

function suggest(port: number): number {
  return port < 1024 ? port + 8000 : port + 10_000 < 65_536 ? port + 10_000 : port - 10_000;
}

function publisherOf(containers: readonly Docker.ContainerInfo[], { host, port }: Wanted) {
  return containers.find(({ Ports }) =>
    Ports.some(
      (entry) => entry.PublicPort === port && entry.Type === "tcp" && overlaps(entry.IP ?? "0.0.0.0", host),
    ),
  );
}

function overlaps(one: string, other: string): boolean {
  const everywhere = (address: string) => address === "0.0.0.0" || address === "::" || address === "";
  return one === other || everywhere(one) || everywhere(other);
}

function containerName({ Names, Labels }: Docker.ContainerInfo): string {
  const name = Names[0]?.replace(/^\//, "") ?? "a container";
  const project = Labels[PROJECT_LABEL];
  return project ? `the container ${name} (project ${project})` : `the container ${name}`;
}

/** True where listening there fails because somebody listens already. */
export async function isTaken({ host, port }: Pick<Wanted, "host" | "port">): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // EACCES (a port below 1024) says nothing: the engine is root.
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "EADDRINUSE"));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(false)));
  });
}
