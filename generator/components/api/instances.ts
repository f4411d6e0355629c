/** Which containers the application has: servers, processes, the job that migrates. */
import type { Process } from "../../spec/core.ts";
import { MiB } from "../../spec/words.ts";
import type { Claim, Context } from "../component.ts";
import type { Api } from "./options.ts";

export const UPSTREAM = "api";

export type Instance = { service: string; memory: number; process?: Process };

export function servers(options: Api): (Instance & { port: number; metrics?: number })[] {
  return Array.from({ length: options.servers }, (_, index) => ({
    service: `api-${index + 1}`,
    memory: options.memory,
    port: options.port + index,
    metrics: options.metrics_port === false ? undefined : options.metrics_port + index,
  }));
}

export function processes(options: Api, context: Pick<Context, "spec">): Instance[] {
  return Object.entries(context.spec.processes).flatMap(([name, process]) =>
    Array.from({ length: process.count }, (_, index) => ({
      service: `${name}-${index + 1}`,
      memory: Math.max(96 * MiB, Math.round(options.memory * 0.6)),
      process,
    })),
  );
}

export const MIGRATE = "migrate";

export function migrationClaim(options: Api): Claim {
  return {
    service: MIGRATE,
    memory: { floor: Math.max(96 * MiB, Math.round(options.memory * 0.6)), weight: 0 },
    cpu: { weight: 1024 },
    pids: 64,
    demands: { "database connections": 2 },
  };
}

export function instances(options: Api, context: Pick<Context, "spec">): { service: string }[] {
  return [
    ...servers(options),
    ...processes(options, context),
    ...(options.migrate ? [{ service: MIGRATE }] : []),
  ];
}

export function unscraped(options: Api, context: Pick<Context, "spec">): Record<string, string> {
  const scraped = new Set(
    options.metrics_port === false ? [] : servers(options).map(({ service }) => service),
  );
  return Object.fromEntries(
    instances(options, context)
      .filter(({ service }) => !scraped.has(service))
      .map(({ service }) => [
        service,
        service === MIGRATE
          ? "a job that ends"
          : service.startsWith(`${UPSTREAM}-`)
            ? "api.metrics_port is not set; measured at the edge"
            : "a process without a port",
      ]),
  );
}
