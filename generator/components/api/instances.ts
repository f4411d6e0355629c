/** Which containers the application has: servers, processes, the job that migrates. */
import type { Process } from "../../spec/core.ts";
import { MiB } from "../../spec/words.ts";
import type { Claim, Context, Scrape } from "../component.ts";
import type { Api } from "./options.ts";

export const UPSTREAM = "api";

export const SPARE = `${UPSTREAM}-spare`;

export type Instance = { service: string; memory: number; metrics?: number; process?: Process };
export type Server = Instance & { port: number; spare?: boolean };

export function servers(options: Api): Server[] {
  return Array.from({ length: options.servers }, (_, index) => ({
    service: `api-${index + 1}`,
    memory: options.memory,
    port: options.port + index,
    metrics: options.metrics_port === false ? undefined : options.metrics_port + index,
  }));
}

/** The server that a new version runs on first. Its port does not move with the number of servers. */
export function spareServer(options: Api): Server {
  return {
    service: SPARE,
    memory: options.memory,
    port: below(options.port),
    metrics: options.metrics_port === false ? undefined : below(options.metrics_port),
    spare: true,
  };
}

function below(port: number): number {
  return port > 1 ? port - 1 : 65_535;
}

export function processes(options: Api, context: Pick<Context, "spec">): Instance[] {
  return Object.entries(context.spec.processes).flatMap(([name, process]) =>
    Array.from({ length: process.count }, (_, index) => ({
      service: `${name}-${index + 1}`,
      memory: Math.max(96 * MiB, Math.round(options.memory * 0.6)),
      metrics: process.metrics_port,
      process,
    })),
  );
}

export const MIGRATE = "migrate";

export function migrationClaim(options: Api): Claim {
  return {
    service: MIGRATE,
    ends: true,
    memory: { floor: Math.max(96 * MiB, Math.round(options.memory * 0.6)), weight: 0 },
    cpu: { weight: 1024 },
    pids: 64,
    demands: { "database connections": 2 },
  };
}

export function instances(options: Api, context: Pick<Context, "spec">): Instance[] {
  return [
    ...servers(options),
    spareServer(options),
    ...processes(options, context),
    ...(options.migrate ? [{ service: MIGRATE, memory: 0 }] : []),
  ];
}

/** Servers and processes with a metrics port, each job by the name of its kind. */
export function scrapes(options: Api, context: Pick<Context, "spec">): Scrape[] {
  const jobs = new Map<string, Scrape["targets"][number][]>();
  for (const { service, metrics } of instances(options, context)) {
    if (metrics === undefined || service === SPARE) continue;
    const job = service.replace(/-\d+$/, "");
    jobs.set(job, [...(jobs.get(job) ?? []), { service, port: metrics }]);
  }
  return [...jobs].map(([job, targets]) => ({ job, targets }));
}

export function unscraped(options: Api, context: Pick<Context, "spec">): Record<string, string> {
  const why = ({ service, process }: Instance) => {
    if (service === MIGRATE) return "a job that ends";
    if (service === SPARE) return "runs during a deploy alone; measured at the edge";
    return process
      ? "processes.NAME.metrics_port is not set"
      : "api.metrics_port is not set; measured at the edge";
  };
  return Object.fromEntries(
    instances(options, context)
      .filter(({ service, metrics }) => metrics === undefined || service === SPARE)
      .map((instance) => [instance.service, why(instance)]),
  );
}
