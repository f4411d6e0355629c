/** A real nginx from Debian's packages with real servers behind it, for tests and measurements of the edge alone. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type {
  Context,
  Contribution,
  Grants,
  Offers,
  Page,
  Route,
} from "../../generator/components/component.ts";
import { Nginx, nginx } from "../../generator/components/nginx.ts";
import { readOwn } from "../../generator/package.ts";
import { renderTemplate } from "../../generator/render/template.ts";
import { MiB } from "../../generator/spec/words.ts";

/** Of this run alone: two at once, or what an earlier one left, must not meet. */
export const RUN = `e2e-nginx-${process.pid}`;
export const NODE_IMAGE = `${RUN}-node`;
export const SERVER = join(import.meta.dirname, "nginx-server.mjs");

export type EdgeOptions = {
  name: string;
  servers?: number;
  /** With api-spare on port 4999 in the group, which does not run until it is started. */
  spare?: boolean;
  environment?: Context["environment"];
  options?: unknown;
  routes?: readonly Route[];
  pages?: readonly Page[];
  cpus?: number;
  /** The last word on nginx.conf: measurements compare with a plainer one. */
  change?(conf: string): string;
};

/** What GET and PATCH /control/GROUP answer. */
export type GroupState = {
  maintenance: boolean;
  affinity: string;
  turns: number;
  servers: Record<
    string,
    { address: string; weight: number; in_flight: number; release: string | null; suspected: boolean }
  >;
};

export type Edge = Awaited<ReturnType<typeof startEdge>>;

async function docker(...words: string[]): Promise<string> {
  return (await execa("docker", words)).stdout.trim();
}

async function quietly(...words: string[]): Promise<void> {
  await execa("docker", words, { reject: false });
}

export function routesOf(servers: number, spare = false): Route[] {
  const all: Route["servers"] = [
    ...Array.from({ length: servers }, (_, index) => ({ service: `api-${index + 1}`, port: 5000 + index })),
    ...(spare ? [{ service: "api-spare", port: 4999, spare }] : []),
  ];
  return [{ path: "/", upstream: "api", servers: all, health: "/health" }];
}

/** nginx's files as the generator makes them. */
export function edgeFiles({
  servers = 3,
  spare = false,
  environment = "local",
  options = {},
  routes,
  pages = [],
  cpus = 2,
}: Partial<EdgeOptions>) {
  const words = Nginx.parse(options);
  const context = {
    spec: { name: "edge", domain: "api.example.com" },
    environment,
    machine: { slug: "custom", cpus: 4, memory: 8 * 1024 * MiB, disk: 60 * 1024 * MiB },
    images: "debian",
    present: new Set(["nginx", "api"]),
    demand: () => 0,
  } as unknown as Context;
  const grants: Grants = {
    service: () => ({ memory: 256 * MiB, cpus, cpuShares: 2048, pids: 64 }),
    volume: () => 256 * MiB,
  };
  const contribution = nginx.contribute(words, grants, context);
  const offers = { routes: routes ?? routesOf(servers, spare), pages } as unknown as Offers;
  const files = [
    ...(contribution.files ?? []),
    ...(nginx.collect?.(words, grants, offers, context).files ?? []),
  ];
  const service = contribution.services?.nginx as NonNullable<Contribution["services"]>[string];
  const rendered: Record<string, string> = {};
  for (const { path, content } of files) {
    if ("template" in content) rendered[path] = renderTemplate(content.template, content.data);
    else if ("copy" in content) rendered[path] = readOwn(content.copy);
  }
  return { rendered, service };
}

async function build(tag: string, dockerfile: string): Promise<void> {
  await execa("docker", ["build", "--quiet", "--tag", tag, "-"], { input: dockerfile });
}

export function buildNode(): Promise<void> {
  return build(
    NODE_IMAGE,
    "FROM debian:forky-slim\nRUN apt-get -o Acquire::Check-Valid-Until=false update && apt-get install --yes --no-install-recommends nodejs && rm -rf /var/lib/apt/lists/*\n",
  );
}

/** Starts servers api-1 … on ports 5000 …, and nginx in front of them as Compose would: read-only, no capabilities. */
export async function startEdge(wanted: EdgeOptions) {
  const { name, servers = 3, environment = "local" } = wanted;
  const { rendered, service } = edgeFiles(wanted);
  const folder = mkdtempSync(join(tmpdir(), `${RUN}-`));
  mkdirSync(join(folder, "nginx"));
  const write = (files: Record<string, string>) => {
    for (const [path, text] of Object.entries(files)) {
      const conf = path.endsWith("nginx.conf");
      writeFileSync(join(folder, path), conf && wanted.change ? wanted.change(text) : text, { mode: 0o644 });
    }
  };
  write(rendered);
  await execa("chmod", ["755", folder]);
  const image = `${RUN}-${name}`;
  await build(image, renderTemplate("nginx/Dockerfile.debian.hbs", {}));
  await buildNode();
  const network = `${RUN}-${name}`;
  const door = `${RUN}-${name}-nginx`;
  const server = (index: number) => `${RUN}-${name}-api-${index}`;
  const volume = `${RUN}-${name}-state`;
  const stopServer = (index: number) => quietly("rm", "--force", "--volumes", server(index));
  const startServer = async (index: number, alias = `api-${index}`, port = 4999 + index) => {
    await docker(
      ...["run", "--detach", "--name", server(index), "--network", network, "--network-alias", alias],
      ...[
        "--volume",
        `${SERVER}:/server.mjs:ro`,
        "--init",
        NODE_IMAGE,
        "node",
        "/server.mjs",
        alias,
        String(port),
      ],
    );
  };
  const startNginx = async () => {
    const mounts = (service.tmpfs ?? []).flatMap((mount) => ["--tmpfs", mount]);
    await docker(
      ...["run", "--detach", "--name", door, "--network", network, "--user", service.user, "--read-only"],
      ...[
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--memory",
        "256m",
        "--pids-limit",
        "64",
      ],
      ...(service.dns_opt ?? []).flatMap((option) => ["--dns-opt", option]),
      ...["--stop-signal", "SIGQUIT", ...mounts, "--volume", `${folder}/nginx:/etc/nginx/plimsoll:ro`],
      ...[
        "--volume",
        `${volume}:/var/lib/nginx`,
        "--publish",
        "127.0.0.1::8080",
        "--publish",
        "127.0.0.1::8443",
      ],
      ...["--entrypoint", "/bin/sh"],
      ...(environment === "local" ? [] : ["--volume", `${volume}-certificates:/var/lib/certificates`]),
      ...[image, "/etc/nginx/plimsoll/start.sh"],
    );
  };
  const stop = async () => {
    for (let index = 1; index <= 9; index++) await stopServer(index);
    await quietly("rm", "--force", "--volumes", door);
    await quietly("network", "rm", network);
    await quietly("volume", "rm", volume, `${volume}-certificates`);
    await quietly("image", "rm", image, NODE_IMAGE);
    rmSync(folder, { recursive: true, force: true });
  };
  // A subnet of its own: Docker's pools are few, and other tests run beside this one.
  await docker(
    "network",
    "create",
    "--subnet",
    `10.231.${[...network].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 256, 7)}.0/24`,
    network,
  );
  for (let index = 1; index <= servers; index++) await startServer(index);
  await startNginx();
  const address = async (container = door) =>
    docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container);
  const healthy = async () => {
    for (let attempt = 0; attempt < 100; attempt++) {
      const { exitCode } = await execa(
        "docker",
        ["exec", door, "curl", "-fsS", "http://127.0.0.1:8081/nginx-health"],
        {
          reject: false,
        },
      );
      if (exitCode === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`nginx is not healthy: ${(await execa("docker", ["logs", door], { all: true })).all}`);
  };
  await healthy();
  const control = async (path = "", change?: unknown): Promise<{ status: number; body: GroupState }> => {
    const words = change === undefined ? [] : ["--request", "PATCH", "--data", JSON.stringify(change)];
    const url = `http://127.0.0.1:8081/control${path}`;
    const text = await docker("exec", door, "curl", "-sS", "-w", "\n%{http_code}", ...words, url);
    const [status] = text.split("\n").slice(-1);
    return { status: Number(status), body: JSON.parse(text.split("\n").slice(0, -1).join("\n")) };
  };
  const published = async (port: number) =>
    Number((await docker("port", door, String(port))).split(":").pop());
  return {
    folder,
    door,
    network,
    url: `http://${await address()}:8080`,
    host: await address(),
    published,
    server,
    address,
    startServer,
    stopServer,
    startNginx,
    healthy,
    control,
    metrics: async () => (await fetch(`http://${await address()}:9145/metrics`)).text(),
    logs: async () => (await execa("docker", ["logs", door], { all: true })).all ?? "",
    docker,
    rewrite: write,
    stop,
  };
}
