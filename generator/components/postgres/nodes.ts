/** The nodes: equal but for their names. Which of them leads is in their data, not here. */
import { streamOf } from "../../spec/dr.ts";
import {
  type Context,
  type File,
  type Grants,
  type Image,
  mountFolder,
  mountVolume,
  type Service,
  template,
} from "../component.ts";
import { coverData, dataDirectory, UID, VOLUME } from "./image.ts";
import { nodeNames, type Postgres, PRIMARY } from "./options.ts";
import { type Base, kB, type Settings, settingsOf } from "./settings.ts";

/** Claimed by whoever keeps backups outside the machine; the nodes then need a way out. */
export const OBJECT_STORAGE = "object storage";
/** Claimed by whoever keeps backups in a volume of this machine; the nodes then need that. */
export const REPOSITORY_VOLUME = "repository volume";
/** Folder of pgbackrest.conf, and volume of a local repository: the backup component's. */
const BACKREST = "pgbackrest";

/** Where the write-ahead log goes. */
export type Archive = { volume: boolean; remote: boolean };

export function archiveOf(context: Context): Archive | undefined {
  if (!context.present.has("backup")) return undefined;
  return { volume: context.demand(REPOSITORY_VOLUME) > 0, remote: context.demand(OBJECT_STORAGE) > 0 };
}

export function baseOf(options: Postgres, grants: Grants, context: Context): Base {
  const nodes = nodeNames(options);
  const least = (pick: (node: string) => number) => Math.min(...nodes.map(pick));
  return {
    memory: least((node) => grants.service(node).memory),
    cpus: least((node) => grants.service(node).cpus),
    disk: least((node) => grants.volume(node)),
    pools: context.demand("database connections"),
    rpo: context.spec.objectives.rpo,
    latency: context.spec.objectives.database,
  };
}

export function nodeService(
  node: string,
  image: Image,
  database: string,
  options: Postgres,
  grants: Grants,
  context: Context,
): Service {
  const archive = archiveOf(context);
  const settings = settingsOf(baseOf(options, grants, context));
  const peers = nodeNames(options).filter((other) => other !== node);
  return {
    image,
    user: `${UID}:${UID}`,
    // The first process keeps Docker's log open while the log collector comes and goes, and takes in orphans.
    init: true,
    command: ["postgres"],
    environment: {
      PGDATA: dataDirectory(options.version),
      PLIMSOLL_NODE: node,
      PLIMSOLL_PEERS: peers.join(","),
      PLIMSOLL_BOOTSTRAP: node === PRIMARY ? "true" : "false",
      PLIMSOLL_DATABASE: database,
      PLIMSOLL_ARCHIVE: archive ? "true" : "false",
      // For a follower on another host, which comes over TLS.
      ...(streamOf(context) && { PLIMSOLL_TLS: "true" }),
      ...(archive && {
        PGBACKREST_CONFIG: `/etc/${BACKREST}/pgbackrest.conf`,
        PGBACKREST_CONFIG_INCLUDE_PATH: "/run/postgresql/pgbackrest",
        // Only what goes wrong: the server logs each of its calls that failed.
        PGBACKREST_LOG_LEVEL_CONSOLE: "off",
        PGBACKREST_LOG_LEVEL_STDERR: "warn",
        // The nodes archive and fetch; only the sidecar speaks to the server.
        PGBACKREST_STANZA: "main",
      }),
    },
    secrets: [
      "postgres_app_password",
      "postgres_replication_password",
      "postgres_monitoring_password",
      "postgres_backup_password",
      ...(archive?.remote ? ["backup_pgbackrest", "backup_site"] : []),
    ],
    volumes: [
      mountVolume(node, VOLUME),
      mountFolder(node, "/etc/postgresql"),
      ...(archive ? [mountFolder(BACKREST, `/etc/${BACKREST}`)] : []),
      ...(archive?.volume ? [mountVolume(BACKREST, "/var/lib/pgbackrest")] : []),
    ],
    tmpfs: [
      `/run/postgresql:size=16m,mode=0700,uid=${UID},gid=${UID}`,
      "/tmp:size=64m,mode=1777",
      ...coverData(options.version),
    ],
    shm_size: String(settings.shm),
    networks: ["data", ...(archive?.remote ? (["egress"] as const) : [])],
    healthcheck: {
      test: ["CMD", "plimsoll-healthy"],
      // A replica's first start copies the whole database; crash recovery replays up to max_wal_size.
      start_period: "10m",
      // It may bring the roles up to date first.
      timeout: "20s",
    },
    // Fast shutdown: transactions are rolled back, a checkpoint is written. Docker's 10 s would cut it short.
    stop_signal: "SIGINT",
    stop_grace_period: "2m",
  };
}

/** Settings that only a restart takes in are not told from others: the folder restarts its node. */
export function nodeFiles(
  node: string,
  database: string,
  options: Postgres,
  settings: Settings,
  archive: Archive | undefined,
  tls: boolean,
): File[] {
  const nodes = nodeNames(options);
  const restarts = { restarts: [node] };
  return [
    template(
      `${node}/postgresql.conf`,
      "postgres/postgresql.conf.hbs",
      {
        node,
        dataDirectory: dataDirectory(options.version),
        slot: node.replaceAll("-", "_"),
        peers: nodes.filter((other) => other !== node).join(","),
        synchronous:
          options.synchronous && options.replica ? nodes.map((name) => `"${name}"`).join(", ") : "",
        archive: archive !== undefined,
        tls,
        max_connections: settings.maxConnections,
        shared_buffers: kB(settings.sharedBuffers),
        effective_cache_size: kB(settings.effectiveCacheSize),
        work_mem: kB(settings.workMem),
        maintenance_work_mem: kB(settings.maintenanceWorkMem),
        max_parallel_workers_per_gather: settings.workersPerGather,
        max_parallel_workers: settings.parallelWorkers,
        jit: settings.jit ? "on" : "off",
        max_wal_size: kB(settings.maxWalSize),
        min_wal_size: kB(settings.minWalSize),
        max_slot_wal_keep_size: kB(settings.slotWal),
        archive_timeout: settings.archiveTimeout,
        log_min_duration_statement: settings.slowStatement,
      },
      restarts,
    ),
    template(`${node}/pg_hba.conf`, "postgres/pg_hba.conf.hbs", { database, tls }, restarts),
    {
      path: `${node}/pg_ident.conf`,
      content: { text: "# No map: no line of pg_hba.conf trusts a name from outside.\n" },
      ...restarts,
    },
  ];
}
