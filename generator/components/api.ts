/** The application: its servers, and the other processes of the same image. */
import { z } from "zod";
import { type Process } from "../spec/core.ts";
import {
  Command,
  Duration,
  EnvironmentName,
  EnvironmentValue,
  GiB,
  ImageName,
  InnerPath,
  MiB,
  Port,
  Size,
  UrlPath,
} from "../spec/words.ts";
import {
  type Claim,
  type Context,
  defineComponent,
  type Image,
  isDebian,
  type OptionFault,
  type Secret,
  type Service,
  type Text,
} from "./component.ts";

const BuildFolder = z.strictObject({
  context: InnerPath.describe("Folder with the Dockerfile, inside the stack's folder"),
  dockerfile: InnerPath.default("Dockerfile").describe("The Dockerfile within it"),
  debian: InnerPath.optional().describe("The Dockerfile for images: debian, from debian:forky-slim"),
});

const SecretOrigin = z.enum(["generate", "supply"], {
  error: "expected generate (made once, random) or supply (a person gives it)",
});

const Migrations = z.strictObject({
  up: Command.describe("Brings the database's schema up to the image's"),
  status: Command.optional().describe("Says which migrations are applied"),
  down: Command.optional().describe("Takes the newest migration back"),
});

export const Api = z.strictObject({
  image: ImageName.optional().describe("The application's image; this or build"),
  build: z
    .union([InnerPath.transform((context) => BuildFolder.parse({ context })), BuildFolder], {
      error: "expected a folder such as ./api, or { context, dockerfile, debian }",
    })
    .optional()
    .describe("The folder the application is built from; this or image"),
  command: Command.optional().describe("What a server runs; the image's own command if absent"),
  servers: z
    .int({ error: "expected a whole number of servers" })
    .min(1)
    .max(300)
    .default(3)
    .describe("How many servers stand behind nginx"),
  port: Port.default(5000).describe("Port of the first server, as PORT; each next one is one higher"),
  metrics_port: Port.or(z.literal(false))
    .default(false)
    .describe("Port of Prometheus metrics of the first server, as METRICS_PORT; false where there are none"),
  health: UrlPath.default("/health").describe("Answers 200 while the server lives"),
  ready: UrlPath.optional().describe("Answers 200 when the server can take requests; health if absent"),
  user: z
    .string()
    .regex(/^[1-9]\d{0,9}:[1-9]\d{0,9}$/, { error: "expected a numeric user and group such as 1000:1000, not root" })
    .default("1000:1000")
    .describe("Numeric user and group that the image runs as"),
  memory: Size.prefault("160MB").describe("The least memory a server needs"),
  pool: z
    .strictObject({
      min: z.int().min(0).max(1000).default(5).describe("DB_POOL_MIN"),
      max: z.int().min(1).max(1000).default(20).describe("DB_POOL_MAX; max_connections follows from it"),
    })
    .prefault({})
    .describe("Database connections of one server"),
  stop: Duration.prefault("30s").describe("How long a server may take to finish what it is doing"),
  migrate: Migrations.optional().describe("Commands that run once in a release's image before it takes traffic"),
  environment: z.record(EnvironmentName, EnvironmentValue).default({}).describe("Environment of every process"),
  secrets: z
    .record(EnvironmentName, SecretOrigin)
    .default({})
    .describe("Environment that is secret: generate makes it once, supply asks a person for it"),
  secrets_as: z
    .enum(["environment", "files"], { error: "expected environment or files" })
    .default("environment")
    .describe("environment: an env file. files: NAME_FILE points to /run/secrets/NAME"),
  frontend: z
    .record(EnvironmentName, EnvironmentValue)
    .default({})
    .describe("Written as .env.production for the front end on its CDN; public"),
});
export type Api = z.output<typeof Api>;

const UPSTREAM = "api";
/** The scratch space of a read-only container. */
const TMPFS = ["/tmp:size=64m,mode=1777"];

type Instance = { service: string; memory: number; process?: Process };

function servers(options: Api): (Instance & { port: number; metrics?: number })[] {
  return Array.from({ length: options.servers }, (_, index) => ({
    service: `api-${index + 1}`,
    memory: options.memory,
    port: options.port + index,
    metrics: options.metrics_port === false ? undefined : options.metrics_port + index,
  }));
}

function processes(options: Api, context: Pick<Context, "spec">): Instance[] {
  return Object.entries(context.spec.processes).flatMap(([name, process]) =>
    Array.from({ length: process.count }, (_, index) => ({
      service: `${name}-${index + 1}`,
      memory: Math.max(96 * MiB, Math.round(options.memory * 0.6)),
      process,
    })),
  );
}

function imageOf(options: Api, context: Context): Image {
  if (options.build === undefined) {
    // Both kinds are the user's own image: there is no Debian equal of it.
    const image = options.image as string;
    return { official: image, debian: image };
  }
  const dockerfile = isDebian(context) ? (options.build.debian ?? options.build.dockerfile) : options.build.dockerfile;
  const tag = isDebian(context) ? "debian" : "local";
  return { context: options.build.context, dockerfile, image: `${context.spec.name}-api:${tag}` };
}

function check(options: Api, context: Pick<Context, "spec">): OptionFault[] {
  const faults: OptionFault[] = [];
  if ((options.image === undefined) === (options.build === undefined)) {
    faults.push({
      path: [],
      message: options.image === undefined ? "has neither image nor build" : "has both image and build",
      remedy: "Give one of them: image: ghcr.io/me/api:1.4.0, or build: ./api",
    });
  }
  const last = options.port + options.servers - 1;
  if (last > 65_535) faults.push({ path: ["port"], message: `the last of ${options.servers} servers would need port ${last}` });
  if (options.metrics_port !== false) {
    const lastMetrics = options.metrics_port + options.servers - 1;
    if (options.metrics_port <= last && lastMetrics >= options.port) {
      faults.push({
        path: ["metrics_port"],
        message: `${options.metrics_port} to ${lastMetrics} clash with the servers' ports ${options.port} to ${last}`,
        remedy: `Choose one above ${last}.`,
      });
    }
  }
  if (options.pool.min > options.pool.max) {
    faults.push({ path: ["pool", "min"], message: `is ${options.pool.min}, above max (${options.pool.max})` });
  }
  for (const name of Object.keys(options.secrets)) {
    if (Object.hasOwn(options.environment, name)) {
      faults.push({ path: ["environment", name], message: "is also among the secrets", remedy: "Keep one of them." });
    }
  }
  for (const name of Object.keys(options.environment)) {
    if (RESERVED.has(name)) {
      faults.push({ path: ["environment", name], message: "is set by plimsoll for each server", remedy: RESERVED.get(name) });
    }
  }
  const taken = new Set(servers(options).map(({ service }) => service));
  for (const name of Object.keys(context.spec.processes)) {
    if (name === UPSTREAM || HOUSE.has(name) || taken.has(`${name}-1`)) {
      faults.push({ path: ["..", "processes", name], message: "is a name that the stack uses itself" });
    }
  }
  return faults;
}

const RESERVED = new Map([
  ["PORT", "Set api.port: the servers count up from it."],
  ["METRICS_PORT", "Set api.metrics_port."],
  ["SERVER_NAME", "It is the service's name: api-1."],
  ["DB_POOL_MIN", "Set api.pool.min."],
  ["DB_POOL_MAX", "Set api.pool.max: max_connections of PostgreSQL follows from it."],
]);
/** Names that would make a service or a host name that exists already. */
const HOUSE = new Set(["postgres", "redis", "nginx", "backup", "prometheus", "grafana", "elasticsearch"]);

export const api = defineComponent({
  name: "api",
  at: ["api"],
  options: Api,
  check: (options, context) => check(options, context),

  claim(options, context): Claim[] {
    const claim = ({ service, memory }: Instance, weight: number): Claim => ({
      service,
      memory: { floor: memory, weight, ceiling: 2 * GiB },
      cpu: { weight: 1024 },
      pids: 128,
      demands: { "database connections": options.pool.max },
    });
    return [
      ...servers(options).map((server) => claim(server, 3)),
      ...processes(options, context).map((process) => claim(process, 1)),
      {
        service: "a second server during a deploy",
        reserve: "a new server starts beside the old ones before one of them stops",
        memory: { floor: options.memory, weight: 0 },
        cpu: { weight: 0 },
        pids: 0,
      },
    ];
  },

  contribute(options) {
    const all = servers(options);
    return {
      routes: [
        {
          path: "/",
          upstream: UPSTREAM,
          servers: all.map(({ service, port }) => ({ service, port })),
          health: options.health,
        },
      ],
      scrapes:
        options.metrics_port === false
          ? []
          : [
              {
                job: "api",
                targets: all.map(({ service, metrics }) => ({ service, port: metrics as number })),
              },
            ],
      dashboards: ["api"],
      rules: ["api"],
    };
  },

  collect(options, grants, offers, context) {
    const provided = { ...offers.provides };
    const secretTexts: Record<string, Text> = {};
    const plain: Record<string, string> = {};
    for (const [name, value] of Object.entries(provided)) {
      // What the user sets wins: a database of their own elsewhere.
      if (Object.hasOwn(options.environment, name) || Object.hasOwn(options.secrets, name)) continue;
      if (typeof value === "string") plain[name] = value;
      else secretTexts[name] = value;
    }
    const own: Secret[] = Object.entries(options.secrets).map(([name, origin]) =>
      origin === "generate"
        ? { name: `api_${name.toLowerCase()}`, random: 48 }
        : { name: `api_${name.toLowerCase()}`, supplied: `${name} of the application` },
    );
    for (const name of Object.keys(options.secrets)) {
      secretTexts[name] = [{ secret: `api_${name.toLowerCase()}` }];
    }
    const handed = handOver(options, secretTexts);

    const nodeMemory = (service: string) => Math.floor((grants.service(service).memory * 0.75) / MiB);
    const environment = (instance: Instance): Record<string, string> => ({
      NODE_ENV: "production",
      HOST: "0.0.0.0",
      RELEASE: "local",
      ...plain,
      ...options.environment,
      ...instance.process?.environment,
      ...handed.environment,
      SERVER_NAME: instance.service,
      DB_POOL_MIN: String(options.pool.min),
      DB_POOL_MAX: String(options.pool.max),
      // The heap below the container's limit, so that a leak ends in V8's error and not in the kernel's.
      NODE_OPTIONS: `--max-old-space-size=${nodeMemory(instance.service)}`,
    });
    const base = (instance: Instance): Omit<Service, "healthcheck"> => ({
      image: imageOf(options, context),
      user: options.user,
      init: true,
      environment: environment(instance),
      ...handed.service,
      tmpfs: TMPFS,
      networks: ["app", "data", "egress", ...(options.metrics_port === false ? [] : (["monitoring"] as const))],
      depends_on: Object.fromEntries(offers.ready.map((name) => [name, { condition: "service_healthy" as const }])),
      stop_grace_period: `${Math.ceil(options.stop)}s`,
    });
    const services: Record<string, Service> = {};
    for (const server of servers(options)) {
      const service = base(server);
      services[server.service] = {
        ...service,
        environment: {
          ...service.environment,
          PORT: String(server.port),
          ...(server.metrics !== undefined && { METRICS_PORT: String(server.metrics) }),
        },
        ...(options.command && { command: options.command }),
        healthcheck: { test: ["CMD-SHELL", httpProbe(server.port, options.ready ?? options.health)] },
      };
    }
    for (const instance of processes(options, context)) {
      services[instance.service] = {
        ...base(instance),
        command: instance.process?.command,
        ...processHealth(instance.process?.health),
      };
    }
    return {
      services,
      secrets: [...own, ...handed.secrets],
      files: Object.keys(options.frontend).length > 0 ? [frontendFile(options)] : [],
      settings: [
        ...servers(options).map(({ service }) => ({
          service,
          setting: "--max-old-space-size",
          value: `${nodeMemory(service)} MB`,
          because: "75% of its memory",
        })),
      ],
    };
  },
});

/** Secrets as one env file, or as files with NAME_FILE beside them. */
function handOver(options: Api, texts: Record<string, Text>) {
  const names = Object.keys(texts);
  if (options.secrets_as === "environment") {
    const lines = names.flatMap((name) => [`${name}=`, ...([texts[name]].flat() as Exclude<Text, string>[number][]), "\n"]);
    return {
      environment: {},
      service: names.length > 0 ? { env_file: ["api.env"] } : {},
      secrets: names.length > 0 ? [{ name: "api.env", text: lines } satisfies Secret] : [],
    };
  }
  return {
    environment: Object.fromEntries(names.map((name) => [`${name}_FILE`, `/run/secrets/${name}`])),
    service: { secrets: names },
    secrets: names.map((name): Secret => ({ name, text: texts[name] as Text })),
  };
}

/** Asks with whatever the user's image has: starting Node for every question would cost more than the answer. */
function httpProbe(port: number, path: string): string {
  const url = `http://127.0.0.1:${port}${path}`;
  return [
    `if command -v curl >/dev/null; then exec curl -fsS -m 4 -o /dev/null ${url}; fi`,
    `if command -v wget >/dev/null; then exec wget -q -T 4 -O /dev/null ${url}; fi`,
    `if command -v bash >/dev/null; then exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port} && printf "GET ${path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n" >&3 && read -t 4 -r line <&3 && [[ $line == *" 200 "* ]]'; fi`,
    `exec node -e 'fetch("${url}").then(r=>process.exit(r.ok?0:1),()=>process.exit(1))'`,
  ].join("; ");
}

function processHealth(command: string | readonly string[] | undefined): Pick<Service, "healthcheck" | "exceptions"> {
  if (command === undefined) {
    return { exceptions: { healthcheck: "processes.NAME.health is not set: it counts as well while it runs" } };
  }
  return {
    healthcheck: { test: typeof command === "string" ? ["CMD-SHELL", command] : ["CMD", ...command] },
  };
}

function frontendFile(options: Api) {
  const line = ([name, value]: [string, string]) => `${name}=${/^[\w.:/@+-]*$/.test(value) ? value : JSON.stringify(value)}\n`;
  return {
    path: "frontend/.env.production",
    content: { text: Object.entries(options.frontend).map(line).join("") },
  };
}
