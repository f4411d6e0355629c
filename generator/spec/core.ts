/** The words of stack.yaml that belong to no component. The components' own parts join them in components/index.ts. */
import { z } from "zod";
import { MachineWord } from "./machine.ts";
import {
  Command,
  Domain,
  Duration,
  EnvironmentName,
  EnvironmentValue,
  Name,
  Port,
  Share,
  UrlPath,
} from "./words.ts";

export const environmentNames = ["local", "staging", "production"] as const;
export type EnvironmentKind = (typeof environmentNames)[number];

/** What the stack promises. Measured, alerted on, and the base of several settings (RPO decides archive_timeout). */
export const Objectives = z.strictObject({
  uptime: Share.prefault("99.9%").describe("Share of the time the API answers"),
  p95: Duration.prefault("200ms").describe("95% of requests are answered within this"),
  errors: Share.prefault("0.1%").describe("Share of requests that may fail (5xx)"),
  database: Duration.prefault("100ms").describe("A statement's latency, primary and replica"),
  cache_hits: Share.prefault("80%").describe("Share of cache reads that hit"),
  rpo: Duration.prefault("1h").describe("How much data may be lost in a disaster"),
  rto: Duration.prefault("1h").describe("How long a disaster may keep the service down"),
});
export type Objectives = z.output<typeof Objectives>;

/** What makes a release roll itself back. */
export const Rollback = z.strictObject({
  errors: Share.prefault("5%").describe("Share of failed requests"),
  p95: Duration.prefault("1s").describe("95th percentile of latency"),
  database_failures: z.boolean().default(true).describe("Failed database connections roll back"),
  memory: Share.prefault("90%").describe("Share of the memory limit in use"),
  cpu: Share.prefault("90%").describe("Share of the CPU limit in use"),
});
export type Rollback = z.output<typeof Rollback>;

export const Canary = z.strictObject({
  share: Share.prefault("10%").describe("Share of the traffic that the new version gets first"),
  for: Duration.prefault("10m").describe("How long it is watched before it takes everything"),
});
export type Canary = z.output<typeof Canary>;

/** Database connections of one container, with these defaults. */
export function connectionPool({ min, max }: { min: number; max: number }) {
  return z
    .strictObject({
      min: z.int().min(0).max(1000).default(min).describe("DB_POOL_MIN"),
      max: z.int().min(1).max(1000).default(max).describe("DB_POOL_MAX; max_connections follows from it"),
    })
    .prefault({});
}

/** A process of the API's own image beside the servers, as a Procfile has them. */
export const Process = z.strictObject({
  command: Command.describe("What it runs"),
  health: z
    .union(
      [
        z.strictObject({
          port: Port.describe("Port it answers on"),
          path: UrlPath.describe("Path that answers 200"),
        }),
        Command,
      ],
      {
        error: "expected a command, or { port, path } to be asked over HTTP",
      },
    )
    .optional()
    .describe(
      "How Docker asks whether it is well: a command that exits 0, or { port, path } that answers 200",
    ),
  metrics_port: Port.optional().describe("Port of its Prometheus metrics, as METRICS_PORT"),
  count: z.int().min(0).max(50).default(1).describe("How many of it run"),
  environment: z
    .record(EnvironmentName, EnvironmentValue)
    .default({})
    .describe("Added to the API's environment"),
  pool: connectionPool({ min: 1, max: 5 }).describe("Database connections of one of it"),
});
export type Process = z.output<typeof Process>;

export const coreShape = {
  name: Name.describe("The stack's name; containers, volumes and networks carry it"),
  domain: Domain.describe("The host name that the API answers on"),
  machine: MachineWord,
  images: z
    .enum(["official", "debian"], { error: "expected official or debian" })
    .default("official")
    .describe(
      "official: the projects' own images. debian: built from Debian packages alone, no registry needed",
    ),
  project: Name.optional().describe("Compose project name; NAME-ENVIRONMENT if absent"),
  processes: z
    .record(Name, Process)
    .default({})
    .describe("Workers and clocks: other processes of the API's image"),
  objectives: Objectives.prefault({}).describe("What the stack promises"),
  rollback: Rollback.prefault({}).describe(
    "What will make a release roll itself back: alerts compare with it now, deploys are to come",
  ),
  canary: Canary.prefault({}).describe(
    "How a deploy will try a new version on a part of the traffic: recorded, nothing reads it yet",
  ),
};

/** The part of the spec every component may read. */
export const Core = z.object(coreShape);
export type Core = z.output<typeof Core>;
