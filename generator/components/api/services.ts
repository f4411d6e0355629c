/** The containers of the application. */
import type { Context, Image, Service } from "../component.ts";
import { isDebian } from "../component.ts";
import type { Handed } from "./hand-over.ts";
import { httpProbe, processHealth } from "./health.ts";
import { type Instance, MIGRATE, processes, servers, spareServer } from "./instances.ts";
import type { Api } from "./options.ts";
import { tracingOf } from "./tracing.ts";

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
  const tag = context.release?.tag ?? (isDebian(context) ? "debian" : "local");
  return { context: options.build.context, dockerfile, image: `${context.spec.name}-api:${tag}` };
}

/** @param heap megabytes of V8's old space for a service */
export function apiServices(
  options: Api,
  handed: Handed,
  ready: readonly string[],
  context: Context,
  heap: (service: string) => number,
): Record<string, Service> {
  const healthy: Service["depends_on"] = Object.fromEntries(
    ready.map((name) => [name, { condition: "service_healthy" as const }]),
  );
  const migrated: Service["depends_on"] = {
    ...healthy,
    ...(options.migrate && { [MIGRATE]: { condition: "service_completed_successfully" as const } }),
  };
  const base = (instance: Instance): Omit<Service, "healthcheck"> => ({
    image: imageOf(options, context),
    user: options.user,
    init: true,
    environment: environmentOf(instance, options, handed, heap(instance.service), context),
    ...handed.service,
    tmpfs: TMPFS,
    networks: ["app", "data", "egress", ...(instance.metrics === undefined ? [] : (["monitoring"] as const))],
    depends_on: instance.service === MIGRATE ? healthy : migrated,
    stop_grace_period: `${Math.ceil(options.stop)}s`,
  });
  const services: Record<string, Service> = {};
  for (const server of [...servers(options), spareServer(options)]) {
    const service = base(server);
    services[server.service] = {
      ...service,
      // A profile that nobody asks for: only a deploy starts it.
      ...(server.spare && { profiles: ["deploy"] }),
      environment: { ...service.environment, PORT: String(server.port) },
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
  return services;
}

function environmentOf(
  instance: Instance,
  options: Api,
  handed: Handed,
  heap: number,
  context: Context,
): Record<string, string> {
  const own = { ...options.environment, ...instance.process?.environment };
  return {
    NODE_ENV: "production",
    HOST: "0.0.0.0",
    RELEASE: context.release?.version ?? "local",
    ...tracingOf(instance.service, context),
    // What the user sets wins: a database of their own elsewhere.
    ...handed.environment,
    ...own,
    SERVER_NAME: instance.service,
    DB_POOL_MIN: String((instance.process ?? options).pool.min),
    DB_POOL_MAX: String((instance.process ?? options).pool.max),
    ...(instance.metrics !== undefined && { METRICS_PORT: String(instance.metrics) }),
    // The heap below the container's limit, so that a leak ends in V8's error and not in the kernel's.
    NODE_OPTIONS: [`--max-old-space-size=${heap}`, own.NODE_OPTIONS].filter(Boolean).join(" "),
  };
}
