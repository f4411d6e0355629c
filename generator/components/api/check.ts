/** What the schema of `api` cannot say: words that contradict each other. */
import type { Context, OptionFault } from "../component.ts";
import { quoteFor } from "./frontend.ts";
import { servers, UPSTREAM } from "./instances.ts";
import type { Api } from "./options.ts";

export function checkApi(options: Api, context: Pick<Context, "spec">): OptionFault[] {
  const faults: OptionFault[] = [];
  if ((options.image === undefined) === (options.build === undefined)) {
    faults.push({
      path: [],
      message: options.image === undefined ? "has neither image nor build" : "has both image and build",
      remedy: "Give one of them: image: ghcr.io/me/api:1.4.0, or build: ./api",
    });
  }
  const [folder] = options.build?.context.split("/") ?? [];
  if (folder !== undefined && OURS.has(folder)) {
    faults.push({
      path: ["build"],
      message:
        folder === "."
          ? "is the stack's own folder: its secrets and generated files would be sent along"
          : `is a folder that plimsoll keeps its own things in (${folder})`,
      remedy: "Put the application into a folder of its own: build: ./api",
    });
  }
  const last = options.port + options.servers - 1;
  if (last > 65_535)
    faults.push({
      path: ["port"],
      message: `the last of ${options.servers} servers would need port ${last}`,
    });
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
  faults.push(...poolFaults(options.pool, ["pool"]));
  for (const name of Object.keys(options.secrets)) {
    if (Object.hasOwn(options.environment, name)) {
      faults.push({
        path: ["environment", name],
        message: "is also among the secrets",
        remedy: "Keep one of them.",
      });
    }
  }
  for (const name of Object.keys(options.environment)) faults.push(...reserved(name, ["environment", name]));
  for (const [name, value] of Object.entries(options.frontend)) {
    if (quoteFor(value) === undefined) {
      faults.push({
        path: ["frontend", name],
        message: "holds every kind of quotes: no .env file can hold it",
      });
    }
  }
  const taken = new Set(servers(options).map(({ service }) => service));
  for (const [name, { pool, environment }] of Object.entries(context.spec.processes)) {
    const path = ["..", "processes", name];
    faults.push(...poolFaults(pool, [...path, "pool"]));
    for (const variable of Object.keys(environment)) {
      // A process may listen where it likes.
      if (variable !== "PORT") faults.push(...reserved(variable, [...path, "environment", variable]));
    }
    if (name === UPSTREAM || HOUSE.has(name) || taken.has(`${name}-1`)) {
      faults.push({ path, message: "is a name that the stack uses itself" });
    }
  }
  return faults;
}

function poolFaults({ min, max }: Api["pool"], path: readonly string[]): OptionFault[] {
  return min > max ? [{ path: [...path, "min"], message: `is ${min}, above max (${max})` }] : [];
}

function reserved(name: string, path: readonly string[]): OptionFault[] {
  const remedy = RESERVED.get(name);
  return remedy === undefined ? [] : [{ path, message: "is set by plimsoll for each server", remedy }];
}

/** Of a stack on a laptop or on a host: what is built from lies beside them. */
const OURS = new Set([".", "generated", "secrets", "state"]);

const RESERVED = new Map([
  ["PORT", "Set api.port: the servers count up from it."],
  ["METRICS_PORT", "Set api.metrics_port."],
  ["SERVER_NAME", "It is the service's name: api-1."],
  ["DB_POOL_MIN", "Set api.pool.min."],
  ["DB_POOL_MAX", "Set api.pool.max: max_connections of PostgreSQL follows from it."],
]);
/** Names that would make a service or a host name that exists already. */
const HOUSE = new Set([
  "migrate",
  "postgres",
  "redis",
  "nginx",
  "backup",
  "prometheus",
  "grafana",
  "elasticsearch",
]);
