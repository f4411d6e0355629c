/** The application: its servers, and the other processes of the same image. */
import { GiB, MiB } from "../spec/words.ts";
import { checkApi } from "./api/check.ts";
import { handOver } from "./api/hand-over.ts";
import { httpProbe, processHealth } from "./api/health.ts";
import {
  type Instance,
  instances,
  MIGRATE,
  migrationClaim,
  processes,
  servers,
  UPSTREAM,
  unscraped,
} from "./api/instances.ts";
import { Api } from "./api/options.ts";
import {
  type Claim,
  type Context,
  defineComponent,
  type Image,
  isDebian,
  type Secret,
  type Service,
  type Text,
} from "./component.ts";

/** The scratch space of a read-only container. */
const TMPFS = ["/tmp:size=64m,mode=1777"];

function imageOf(options: Api, context: Context): Image {
  if (options.build === undefined) {
    // Both kinds are the user's own image: there is no Debian equal of it.
    const image = options.image as string;
    return { official: image, debian: image };
  }
  const dockerfile = isDebian(context)
    ? (options.build.debian ?? options.build.dockerfile)
    : options.build.dockerfile;
  const tag = isDebian(context) ? "debian" : "local";
  return { context: options.build.context, dockerfile, image: `${context.spec.name}-api:${tag}` };
}

export const api = defineComponent({
  name: "api",
  at: ["api"],
  options: Api,
  check: checkApi,

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
      ...(options.migrate ? [migrationClaim(options)] : []),
      {
        service: "a second server during a deploy",
        reserve: "a new server starts beside the old ones before one of them stops",
        memory: { floor: options.memory, weight: 0 },
        cpu: { weight: 0 },
        pids: 0,
      },
    ];
  },

  contribute(options, _grants, context) {
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
      logs: Object.fromEntries(
        instances(options, context).map(({ service }) => [service, "ecs-json" as const]),
      ),
      unscraped: unscraped(options, context),
      commands: Object.fromEntries(
        Object.entries(options.migrate ?? {}).map(([name, command]) => [`migrate ${name}`, command]),
      ),
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
    const ready: Service["depends_on"] = Object.fromEntries(
      offers.ready.map((name) => [name, { condition: "service_healthy" as const }]),
    );
    const migrated: Service["depends_on"] = {
      ...ready,
      [MIGRATE]: { condition: "service_completed_successfully" },
    };
    const base = (instance: Instance): Omit<Service, "healthcheck"> => ({
      image: imageOf(options, context),
      user: options.user,
      init: true,
      environment: environment(instance),
      ...handed.service,
      tmpfs: TMPFS,
      networks: [
        "app",
        "data",
        "egress",
        ...(options.metrics_port === false ? [] : (["monitoring"] as const)),
      ],
      depends_on: instance.service === MIGRATE || !options.migrate ? ready : migrated,
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
    if (options.migrate) {
      services[MIGRATE] = {
        ...base({ service: MIGRATE, memory: 0 }),
        command: options.migrate.up,
        oneShot: true,
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

function frontendFile(options: Api) {
  const line = ([name, value]: [string, string]) =>
    `${name}=${/^[\w.:/@+-]*$/.test(value) ? value : JSON.stringify(value)}\n`;
  return {
    path: "frontend/.env.production",
    content: { text: Object.entries(options.frontend).map(line).join("") },
  };
}
