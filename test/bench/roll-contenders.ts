/** Those who roll three servers, each with a stack of its own that is open for the time of its rounds. */
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { renderTemplate } from "../../generator/render/template.ts";
import { freePorts, type RunningStack, startStack } from "../e2e/engine.ts";
import { openSite } from "../e2e/onhost-site.ts";

export type Stage = {
  url: string;
  host: string;
  /** All three servers anew; resolves when the tool says it is done. */
  roll(round: number): Promise<unknown>;
  close(): Promise<unknown>;
};
export type Contender = {
  key: string;
  name: string;
  /** @returns why it cannot be measured, where it cannot */
  open(app: string): Promise<Stage | string>;
};

const STACK = resolve("test/deploy/stack");

async function ourFiles(app: string, roll: (stack: RunningStack) => Promise<unknown>): Promise<Stage> {
  const stack = await startStack({
    name: "roll",
    from: STACK,
    overrides: { "api.command": `node ${app}.mjs` },
  });
  return {
    url: `http://127.0.0.1:${stack.ports.nginx}`,
    host: stack.plan.domain,
    roll: () => roll(stack),
    close: () => stack.stop(),
  };
}

async function up(stack: RunningStack, ...words: string[]): Promise<void> {
  const { exitCode, stderr } = await stack.compose("up", "-d", "--no-deps", "--force-recreate", ...words);
  if (exitCode !== 0) throw new Error(stderr);
}

const servers = ["api-1", "api-2", "api-3"];

export const compose: Contender = {
  key: "compose",
  name: "docker compose up -d --force-recreate",
  open: (app) => ourFiles(app, (stack) => up(stack, ...servers)),
};

export const oneAtATime: Contender = {
  key: "one",
  name: "the same, one at a time with --wait",
  open: (app) =>
    ourFiles(app, async (stack) => {
      for (const server of servers) await up(stack, "--wait", server);
    }),
};

/**
 * At its best: one service scaled to three behind an nginx that asks Docker's names again each second and retries.
 * Each of these words is one that it loses dozens or hundreds without: --wait-after-healthy, until nginx has asked again,
 * since else it knows only servers that are gone; fail_timeout=1s, since a server is named before it listens and would be
 * left out for 10 s; max_fails=1 and a connect timeout below the resolver's second, since an address that is gone does not
 * refuse but is silent, and nginx ends a request with 502 where the list of servers has changed while it was waiting.
 */
export const rollout: Contender = {
  key: "rollout",
  name: "docker-rollout",
  async open(app) {
    const script = process.env.DOCKER_ROLLOUT;
    if (!script) return "not measured: DOCKER_ROLLOUT names no copy of it";
    const project = `e2e-rollout-${randomBytes(3).toString("hex")}`;
    const folder = await mkdtemp(join(tmpdir(), `${project}-`));
    const [port] = (await freePorts(1)) as [number];
    await chmod(folder, 0o755);
    await writeFile(join(folder, "nginx.conf"), NGINX);
    await writeFile(join(folder, "Dockerfile.nginx"), renderTemplate("nginx/Dockerfile.debian.hbs", {}));
    await writeFile(join(folder, "compose.yaml"), composeFile(app, port));
    const base = ["compose", "-p", project, "-f", join(folder, "compose.yaml")];
    const close = async () => {
      await execa("docker", [...base, "down", "--timeout", "1", "--volumes", "--rmi", "local"], {
        reject: false,
      });
      await rm(folder, { recursive: true, force: true });
    };
    try {
      await execa("docker", [...base, "up", "-d", "--wait", "--build"]);
    } catch (error) {
      await close();
      throw error;
    }
    const words = [
      "rollout",
      "--wait-after-healthy",
      "2",
      "-f",
      join(folder, "compose.yaml"),
      "-p",
      project,
      "api",
    ];
    return {
      url: `http://127.0.0.1:${port}`,
      host: "rolling.example.com",
      roll: () => execa("sh", [script, ...words]),
      close,
    };
  },
};

const NGINX = `worker_processes 2;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  resolver 127.0.0.11 valid=1s ipv6=off;
  upstream api {
    zone api 64k;
    server api:5000 resolve max_fails=1 fail_timeout=1s;
    keepalive 16;
  }
  server {
    listen 8080;
    location / {
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout 200ms;
      proxy_pass http://api;
    }
  }
}
`;

function composeFile(app: string, port: number): string {
  const ready = "fetch('http://127.0.0.1:5000/ready').then((r)=>process.exit(r.ok?0:1),()=>process.exit(1))";
  const service = {
    build: { context: join(STACK, "app"), dockerfile: "Dockerfile.debian" },
    command: ["node", `${app}.mjs`],
    init: true,
    environment: { PORT: "5000" },
    stop_grace_period: "10s",
    scale: 3,
    healthcheck: {
      test: ["CMD", "node", "-e", ready],
      interval: "1s",
      start_interval: "1s",
      start_period: "30s",
    },
  };
  const nginx = {
    build: { context: ".", dockerfile: "Dockerfile.nginx" },
    entrypoint: ["nginx", "-c", "/etc/nginx/own/nginx.conf", "-g", "daemon off;"],
    volumes: ["./:/etc/nginx/own:ro"],
    ports: [`127.0.0.1:${port}:8080`],
    depends_on: { api: { condition: "service_healthy" } },
  };
  return JSON.stringify({ services: { api: service, nginx } });
}

/** The engine that runs on the host, as `plimsoll deploy` starts it there, with a new release each time. */
export const ours: Contender = {
  key: "ours",
  name: "plimsoll's engine on the host",
  async open(app) {
    const site = await openSite("roll", { "api.command": `node ${app}.mjs` }, STACK);
    const deploy = async (round: string) => {
      const { exitCode, output, version } = await site.deploy({
        words: { "api.environment": { ROUND: round } },
        settings: { SMOKE: "('/health 200')" },
      });
      if (exitCode !== 0) throw new Error(`${output}\n${await site.reasonOf(version)}`);
    };
    try {
      await deploy("first");
      return {
        url: `http://127.0.0.1:${await site.port()}`,
        host: "rolling.example.com",
        roll: (round) => deploy(String(round)),
        close: site.close,
      };
    } catch (error) {
      await site.close();
      throw error;
    }
  },
};
