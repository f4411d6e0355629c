/** What PostgreSQL is told, from what the budget granted and the objectives ask. */
import { GiB, MiB } from "../../spec/words.ts";
import type { Setting } from "../component.ts";

export type Base = {
  /** Bytes of the smaller node: a replica must allow at least what its primary allows. */
  memory: number;
  /** Cores. */
  cpus: number;
  /** Bytes of the smaller data volume. */
  disk: number;
  /** What all pools of the application may open together. */
  pools: number;
  /** Seconds. */
  rpo: number;
  /** Seconds. */
  latency: number;
};

/** Connections beside the pools: 3 for the superuser, 5 for monitoring and backup, the rest for the proxy's checks. */
export const RESERVED_CONNECTIONS = 12;
const LEAST_POOLS = 20;
const STEP = 100;

export type Settings = ReturnType<typeof settingsOf>;

export function settingsOf(base: Base) {
  // In steps, and with room: max_connections needs a restart, and one more server should need none.
  const pools = Math.ceil((Math.max(LEAST_POOLS, base.pools) * 1.5) / STEP) * STEP;
  const maxConnections = pools + RESERVED_CONNECTIONS;
  const sharedBuffers = Math.floor(base.memory / 4 / MiB) * MiB;
  // A quarter of the memory for sorts and hashes, if half of the pools sort at once.
  const workMem = clamp(base.memory / 4 / Math.max(10, pools / 2), 1 * MiB, 64 * MiB);
  return {
    pools,
    maxConnections,
    sharedBuffers,
    effectiveCacheSize: Math.floor((base.memory * 0.7) / MiB) * MiB,
    workMem: Math.floor(workMem / 1024) * 1024,
    maintenanceWorkMem: clamp(Math.floor(base.memory / 16 / MiB) * MiB, 16 * MiB, 1 * GiB),
    workersPerGather: base.cpus >= 4 ? 2 : 1,
    parallelWorkers: Math.max(2, Math.floor(base.cpus)),
    jit: base.memory >= 4 * GiB,
    maxWalSize: clamp(Math.floor(base.disk / 12 / MiB) * MiB, 128 * MiB, 4 * GiB),
    minWalSize: 80 * MiB,
    slotWal: clamp(Math.floor(base.disk / 8 / MiB) * MiB, 128 * MiB, 16 * GiB),
    archiveTimeout: clamp(Math.floor(base.rpo / 12), 10, 300),
    shm: clamp(Math.floor(base.memory / 4 / MiB) * MiB, 64 * MiB, 1 * GiB),
    slowStatement: Math.max(1, Math.round(base.latency * 1000)),
  };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** Bytes as postgresql.conf writes them. */
export function kB(bytes: number): string {
  return bytes % MiB === 0 ? `${bytes / MiB}MB` : `${Math.floor(bytes / 1024)}kB`;
}

export function explain(node: string, base: Base, settings: Settings, archive: boolean): Setting[] {
  const memory = `its memory of ${Math.floor(base.memory / MiB)} MB`;
  const disk = `its disk of ${Math.floor(base.disk / MiB)} MB`;
  const lines: [string, string, string][] = [
    ["shared_buffers", kB(settings.sharedBuffers), `a quarter of ${memory}`],
    ["effective_cache_size", kB(settings.effectiveCacheSize), `70% of ${memory}: the page cache counts`],
    [
      "work_mem",
      kB(settings.workMem),
      `a quarter of ${memory}, for half of ${settings.pools} connections at once`,
    ],
    ["maintenance_work_mem", kB(settings.maintenanceWorkMem), `a sixteenth of ${memory}`],
    [
      "max_connections",
      String(settings.maxConnections),
      `the application's pools may open ${base.pools}; half as many more for servers to come, in steps of ${STEP}; ${RESERVED_CONNECTIONS} more for superuser, monitoring, backup and the proxy's checks`,
    ],
    ["shm_size", kB(settings.shm), `a quarter of ${memory}: Docker's 64 MB fail parallel queries`],
    ["max_wal_size", kB(settings.maxWalSize), `a twelfth of ${disk}`],
    [
      "max_slot_wal_keep_size",
      kB(settings.slotWal),
      `an eighth of ${disk}: a replica that stays away does not fill it`,
    ],
    ["jit", settings.jit ? "on" : "off", `compiling costs memory: on from 4 GB, and ${memory}`],
    [
      "max_parallel_workers_per_gather",
      String(settings.workersPerGather),
      `${base.cpus} cores; 2 from 4 cores on`,
    ],
    [
      "log_min_duration_statement",
      `${settings.slowStatement}ms`,
      "objectives.database: what is slower is logged",
    ],
  ];
  if (archive) {
    lines.push([
      "archive_timeout",
      `${settings.archiveTimeout}s`,
      `objectives.rpo of ${base.rpo} s divided by 12, at most 300`,
    ]);
  }
  return lines.map(([setting, value, because]) => ({ service: node, setting, value, because }));
}
