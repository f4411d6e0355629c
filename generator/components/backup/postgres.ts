/** The sidecar of PostgreSQL: pgBackRest beside the servers, in their own image. */
import { MiB } from "../../spec/words.ts";
import {
  type Claim,
  type File,
  type Grants,
  mountFolder,
  mountVolume,
  type Backup as Offer,
  type Service,
  template,
} from "../component.ts";
import type { Backup } from "./options.ts";
import { type Bucket, POSTGRES_SECRETS, uriStyle } from "./repository.ts";
import { verifySchedule } from "./schedule.ts";

export const NAME = "backup-postgres";
export const REPOSITORY = "pgbackrest";
export const METRICS = "metrics";
/** postgres, of whose files it reads everything. */
const UID = 999;
const CONFIG = "/etc/plimsoll-backup";

export type Cluster = Extract<Offer, { cluster: unknown }>["cluster"];

export function postgresClaim(bucket: boolean): Claim {
  return {
    service: NAME,
    memory: { floor: 96 * MiB, weight: 1, ceiling: 512 * MiB },
    cpu: { weight: 256 },
    pids: 64,
    ...(!bucket && { disk: { [REPOSITORY]: { floor: 3072 * MiB, weight: 10 } } }),
    demands: bucket ? { "object storage": 1 } : {},
  };
}

export function postgresSidecar(
  cluster: Cluster,
  options: Backup,
  bucket: Bucket | undefined,
  grants: Grants,
): Service {
  const home = "/var/lib/postgresql";
  return {
    image: cluster.image,
    borrows: [cluster.trial.reserve],
    user: `${UID}:${UID}`,
    init: true,
    entrypoint: ["plimsoll-backup"],
    command: ["run"],
    environment: {
      PGPASSFILE: "/run/plimsoll/pgpass",
      PLIMSOLL_NODES: cluster.nodes.join(" "),
      PLIMSOLL_FULL_EVERY: String(options.full),
      // Bytes that the server of a restored copy may use beside what the sidecar itself needs.
      PLIMSOLL_TRIAL_MEMORY: String(grants.service(cluster.trial.reserve).memory),
      PGBACKREST_CONFIG: `/etc/${REPOSITORY}/pgbackrest.conf`,
      PGBACKREST_CONFIG_INCLUDE_PATH: "/run/plimsoll/pgbackrest",
      TZ: "UTC",
    },
    secrets: [cluster.password, ...(bucket ? [POSTGRES_SECRETS] : [])],
    volumes: [
      // Read-only: a backup changes nothing. The socket on it still takes connections.
      ...cluster.nodes.map((node) => ({ ...mountVolume(node, `/nodes/${node}`), read_only: true })),
      mountFolder(NAME, CONFIG),
      mountFolder(REPOSITORY, `/etc/${REPOSITORY}`),
      ...(bucket ? [] : [mountVolume(REPOSITORY, "/var/lib/pgbackrest")]),
      mountVolume(METRICS, "/metrics"),
      mountVolume(cluster.trial.volume, "/trial"),
    ],
    tmpfs: [
      "/run/plimsoll:size=4m,mode=0700,uid=999,gid=999",
      // Links to the primary's folders, wherever it is: see plimsoll-backup.
      `${home}:size=1m,mode=0755,uid=999,gid=999`,
      "/tmp:size=64m,mode=1777",
    ],
    networks: ["data", ...(bucket ? (["egress"] as const) : [])],
    depends_on: Object.fromEntries(
      cluster.nodes.map((node) => [node, { condition: "service_started" as const }]),
    ),
    // Healthy: the archive was proven and a backup exists. The first one may take its time.
    healthcheck: { test: ["CMD", "plimsoll-backup", "healthy"], start_period: "30m" },
    stop_grace_period: "60s",
  };
}

export function postgresFiles(
  cluster: Cluster,
  options: Backup,
  bucket: Bucket | undefined,
  cpus: number,
  stack: { name: string; environment: string; objectives: { rto: number; rpo: number } },
): File[] {
  return [
    template(
      `${REPOSITORY}/pgbackrest.conf`,
      "backup/pgbackrest.conf.hbs",
      {
        s3: bucket && { ...bucket, style: uriStyle(bucket) },
        keepDays: Math.ceil(options.keep / 86_400),
        dataDirectory: cluster.dataDirectory,
        processes: cpus >= 4 ? 2 : 1,
      },
      // Read by each call of pgBackRest: nothing has to be restarted.
    ),
    {
      path: `${NAME}/crontab`,
      content: {
        text: [
          `${options.schedule} plimsoll-backup backup`,
          `${verifySchedule(options)} plimsoll-backup verify`,
          "*/5 * * * * plimsoll-backup metrics",
          "",
        ].join("\n"),
      },
      restarts: [NAME],
    },
    {
      // Read by each verification. JSON, since what a person wrote must never be syntax of a shell or of psql.
      path: `${NAME}/checks.json`,
      content: {
        json: {
          database: cluster.database,
          owner: cluster.owner,
          checks: Object.entries(options.checks).map(([name, sql]) => ({ name, sql })),
          // For the report of the drill that a verification is.
          stack: stack.name,
          environment: stack.environment,
          objectives: stack.objectives,
        },
      },
    },
  ];
}
