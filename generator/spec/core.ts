/** The words of stack.yaml that belong to no component. The components' own parts join them in components/index.ts. */
import { z } from "zod";
import { BusinessTarget } from "./business.ts";
import { MachineWord } from "./machine.ts";
import { Tracing } from "./tracing.ts";
import {
  Between,
  Command,
  Destination,
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
  // templates/postgres/probe/probe.sh waits 5 s; a node may well be frozen for a part of five minutes.
  database: Duration.refine((seconds) => seconds <= 2, {
    error: "expected at most 2s: a node that never answers is known to take 5s",
  })
    .prefault("100ms")
    .describe("A statement's latency, primary and replica: at most 2s"),
  cache_hits: Share.prefault("80%").describe("Share of cache reads that hit"),
  rpo: Duration.prefault("1h").describe("How much data may be lost in a disaster"),
  rto: Duration.prefault("1h").describe("How long a disaster may keep the service down"),
});
export type Objectives = z.output<typeof Objectives>;

/** At least this often; false where nobody shall be reminded. */
const Every = z
  .literal(false)
  .or(Duration.refine((seconds) => seconds >= 86_400, { error: "expected at least 1d" }));

/** How often, at least, each kind of drill is held: one that is overdue is an alert. */
export const Drills = z.strictObject({
  restore: Every.prefault("30d").describe(
    "The newest backup is restored and timed; the daily verification of backups is such a drill",
  ),
  failover: Every.optional().describe(
    "The replica takes over, and the old primary comes back; 90d in production where there is a replica, and false elsewhere, if absent",
  ),
  disaster: Every.prefault(false).describe(
    "The stack comes up on another, empty host, from its backups alone and cut off from the world",
  ),
});
export type Drills = z.output<typeof Drills>;

/** What makes a release roll itself back. */
export const Rollback = z.strictObject({
  errors: Share.prefault("5%").describe("Share of failed requests"),
  p95: Duration.prefault("1s").describe("95th percentile of latency"),
  database_failures: z.boolean().default(true).describe("Failed database connections roll back"),
  memory: Share.prefault("90%").describe("Share of the memory limit in use"),
  cpu: Share.prefault("90%").describe(
    "Share of the CPU in use: of the limit, or of one core where the limit is higher, since a Node server has one loop",
  ),
  window: Between(1, 3600).prefault("15s").describe("How long one of them must hold before it counts"),
  samples: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(20)
    .describe("Requests to the new version within the window before errors and latency are judged"),
});
export type Rollback = z.output<typeof Rollback>;

export const Canary = z.strictObject({
  share: Share.prefault("10%").describe("Share of the traffic that the new version gets first"),
  for: Duration.prefault("10m").describe("How long it is watched before it takes everything"),
});
export type Canary = z.output<typeof Canary>;

/** How a new release takes the place of the old one. */
export const Deploy = z.strictObject({
  drain: Between(1, 3600)
    .prefault("30s")
    .describe(
      "How long a server that is to be replaced may go on with open requests, WebSockets and streams",
    ),
  watch: Between(0, 3600)
    .prefault("30s")
    .describe("How long a release is watched after it took everything; 0s for not at all"),
  keep: z.int().min(2).max(50).default(5).describe("How many releases a host keeps for going back"),
  smoke: z
    .array(UrlPath)
    .max(50)
    .default([])
    .describe(
      "Paths that must answer below 400 beside the health's, on the new version before it takes traffic",
    ),
});
export type Deploy = z.output<typeof Deploy>;

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

/** Where the stack comes up when its host is lost, and how the world finds it there. */
export const Dr = z.strictObject({
  host: Destination.optional().describe(
    "The host that takes over, as ssh takes it; named with --host when it happens, if absent",
  ),
  follow: z
    .enum(["repository", "stream"], { error: "expected repository or stream, or no such word" })
    .optional()
    .describe(
      "A copy of the database is kept warm on dr.host (plimsoll dr init). repository: out of the bucket. stream: over TLS from here, and out of the bucket where that is cut. Nothing is kept warm if absent",
    ),
  port: Port.default(6432).describe("For follow: stream, the port of this host that the copy connects to"),
  // Of IPv4: what comes by IPv6 comes through Docker's own proxy, which hides from where.
  address: z
    .ipv4({ error: "expected an address such as 203.0.113.8" })
    .optional()
    .describe("For follow: stream, the one address that may connect there; that of dr.host if absent"),
  dns: z
    .strictObject({
      digitalocean: Domain.describe(
        "Zone at DigitalOcean that has the record of `domain`: example.com for api.example.com",
      ),
      ttl: Between(30, 86_400)
        .prefault("60s")
        .describe("How long others may keep the record: so long do visitors go to the old host"),
    })
    .optional()
    .describe("The record of `domain` is set by API (DIGITALOCEAN_TOKEN); shown to be set by hand if absent"),
});
export type Dr = z.output<typeof Dr>;

export const coreShape = {
  name: Name.describe("The stack's name; containers, volumes and networks carry it"),
  domain: Domain.describe("The host name that the API answers on"),
  machine: MachineWord,
  host: Destination.optional().describe(
    "Where it runs, as ssh takes it: deploy@203.0.113.7, or a name of your ssh_config; this machine if absent",
  ),
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
  business: z
    .record(Name, BusinessTarget)
    .default({})
    .describe(
      "What the business is to reach, from the application's own counters: a dashboard, and in production alerts",
    ),
  tracing: Tracing.optional().describe(
    "Traces of the application, by OpenTelemetry, to a backend of your choice; none if absent, and on a laptop none unless environments.local has its own",
  ),
  drills: Drills.prefault({}).describe(
    "How often, at least, a disaster is rehearsed: plimsoll drill. One that is overdue is an alert; false: of that kind none is due",
  ),
  deploy: Deploy.prefault({}).describe("How a new release takes the place of the old one"),
  rollback: Rollback.prefault({}).describe("What makes a release roll itself back"),
  dr: Dr.optional().describe("The disaster site: where `plimsoll dr activate` brings the stack up"),
  canary: Canary.prefault({}).describe("How a new version is tried on a part of the traffic first"),
};

/** The part of the spec every component may read. */
export const Core = z.object(coreShape);
export type Core = z.output<typeof Core>;
