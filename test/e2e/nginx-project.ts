/** nginx and servers as a Compose project with published ports, driven by operator/onhost/edge.bash as a deploy does. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";
import { renderTemplate } from "../../generator/render/template.ts";
import type { Counts } from "./nginx-ask.ts";
import { buildNode, edgeFiles, NODE_IMAGE, RUN, SERVER } from "./nginx-edge.ts";

const LOAD = join(import.meta.dirname, "nginx-load.mjs");
const EDGE = join(import.meta.dirname, "../../operator/onhost/edge.bash");

export type LoadCounts = Counts & { sent: number; slowest: number };
/** This machine by loopback (of IPv6: six) or by its address; a container of nginx's network, of Docker's own, of any other. */
export type Origin = "loopback" | "six" | "host" | "edge" | "bridge" | "other";
export type Project = Awaited<ReturnType<typeof startProject>>;

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

export async function startProject(name: string, { bind = "0.0.0.0", servers = 3 } = {}) {
  const project = `${RUN}-${name}`;
  const live = mkdtempSync(join(tmpdir(), `${project}-`));
  const port = await freePort();
  const image = `${project}-nginx`;
  const { rendered, service } = edgeFiles({
    servers,
    spare: true,
    options: { rate: false, connections: 65_535, timeouts: { idle: "6s", drain: "10s" } },
  });
  mkdirSync(join(live, "nginx"));
  await execa("chmod", ["755", live]);
  const write = (files: Record<string, string>, folder = live) => {
    mkdirSync(join(folder, "nginx"), { recursive: true });
    for (const [path, text] of Object.entries(files))
      writeFileSync(join(folder, path), text, { mode: 0o644 });
  };
  const third = [...project].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 128, 7);
  const compose = (revision: string, door: object = {}) => ({
    name: project,
    services: {
      nginx: {
        image,
        hostname: "nginx",
        user: service.user,
        entrypoint: service.entrypoint,
        networks: { edge: null, app: null },
        dns_opt: service.dns_opt,
        ports: [{ target: 8080, published: String(port), host_ip: bind, protocol: "tcp" }],
        volumes: [
          { type: "bind", source: "./nginx", target: "/etc/nginx/plimsoll", read_only: true },
          { type: "volume", source: "nginx", target: "/var/lib/nginx" },
        ],
        tmpfs: service.tmpfs,
        healthcheck: { ...service.healthcheck, interval: "10s", start_period: "60s", start_interval: "1s" },
        stop_signal: service.stop_signal,
        stop_grace_period: "15s",
        restart: "unless-stopped",
        read_only: true,
        cap_drop: ["ALL"],
        mem_limit: "256m",
        labels: { "plimsoll.config": revision },
        ...door,
      },
      ...Object.fromEntries(
        [...Array.from({ length: servers }, (_, index) => `api-${index + 1}`), "api-spare"].map(
          (each, index) => [
            each,
            {
              image: NODE_IMAGE,
              init: true,
              command: ["node", "/server.mjs", each, String(each === "api-spare" ? 4999 : 5000 + index)],
              volumes: [`${SERVER}:/server.mjs:ro`],
              networks: { app: null },
              ...(each === "api-spare" && { profiles: ["deploy"] }),
            },
          ],
        ),
      ),
    },
    networks: {
      edge: { ipam: { config: [{ subnet: `10.232.${third * 2}.0/24` }] } },
      app: { internal: true, ipam: { config: [{ subnet: `10.232.${third * 2 + 1}.0/24` }] } },
    },
    volumes: { nginx: null },
  });
  const writeCompose = (revision: string, door: object = {}) =>
    writeFileSync(join(live, "compose.yaml"), stringify(compose(revision, door)));
  write(rendered);
  writeCompose("1");
  await execa("docker", ["build", "--quiet", "--tag", image, "-"], {
    input: renderTemplate("nginx/Dockerfile.debian.hbs", {}),
  });
  await buildNode();
  const up = (...words: string[]) =>
    execa("docker", ["compose", "--project-directory", live, "-f", join(live, "compose.yaml"), ...words]);
  await up("up", "-d", "--wait");

  /** A line of bash with edge.bash sourced. */
  const edge = (line: string, environment: Record<string, string> = {}) =>
    execa("bash", ["-euo", "pipefail", "-c", `source "$1"\n${line}`, "edge", EDGE], {
      env: { PROJECT: project, NGINX: "nginx", GROUP: "api", LIVE: live, ...environment },
      reject: false,
      all: true,
    });

  const other = `${project}-other`;
  await execa("docker", ["network", "create", "--subnet", `10.233.${third}.0/24`, other]);
  const gateway = `10.232.${third * 2}.1`;
  /** Load from there, until told to stop; then says what came back. */
  const load = async (from: Origin, connections = 40, wait = 20) => {
    const address = { loopback: "127.0.0.1", six: "[::1]" }[from as string] ?? gateway;
    const url = `http://${address}:${port}`;
    const words = ["node", "/load.mjs", url, String(connections), String(wait)];
    const networks = {
      loopback: "host",
      six: "host",
      host: "host",
      edge: `${project}_edge`,
      bridge: "bridge",
      other,
    };
    const child = execa(
      "docker",
      [
        "run",
        "--rm",
        "-i",
        "--network",
        networks[from],
        "--volume",
        `${LOAD}:/load.mjs:ro`,
        NODE_IMAGE,
        ...words,
      ],
      { reject: false },
    );
    let text = "";
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk) => {
        text += chunk;
        if (text.includes("going")) resolve();
      });
      child.on("exit", () => resolve());
    });
    return async (): Promise<LoadCounts> => {
      child.stdin.end();
      const { stdout, stderr } = await child;
      const line = stdout.split("\n").at(-1);
      if (!line?.startsWith("{")) throw new Error(`load from ${from}: ${stdout}\n${stderr}`);
      if (stderr) console.error(from, stderr);
      return JSON.parse(line);
    };
  };
  const stop = async () => {
    await edge("edge_handover_clean || true");
    await up("--profile", "deploy", "down", "--volumes", "--timeout", "1");
    await execa("docker", ["network", "rm", other], { reject: false });
    await execa("docker", ["image", "rm", image, NODE_IMAGE], { reject: false });
    rmSync(live, { recursive: true, force: true });
  };
  return { project, live, port, rendered, write, writeCompose, compose, up, edge, load, stop };
}
