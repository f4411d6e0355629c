import pg from "pg";
import { pause } from "../lifecycle.ts";
import type { Logger } from "../log.ts";
import { createPool, isConnectionError, type Queryable } from "./pool.ts";

/** Where a read may go: a user who has just written reads from the primary. */
export type ReadFrom = "replica" | "primary";

/** The primary and the replica. Things with a lifetime: `close()` ends both pools. */
export type Database = {
  write<T>(work: (client: Queryable) => Promise<T>): Promise<T>;
  transaction<T>(work: (client: Queryable) => Promise<T>): Promise<T>;
  read<T>(from: ReadFrom, work: (client: Queryable) => Promise<T>): Promise<T>;
  ping(which: "primary" | "replica", timeoutMs: number): Promise<void>;
  counts(): Record<string, { total: number; idle: number; waiting: number }>;
  warm(): Promise<void>;
  close(): Promise<void>;
};

// Counts and ids stay far below 2^53, and JSON has no bigint.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** A primary that restarts is back within this time; nginx waits longer for an answer. */
const RECONNECT_FOR_MS = 4_000;

export function createDatabase(
  env: {
    DATABASE_URL: string;
    DATABASE_READ_URL?: string | undefined;
    DB_POOL_MIN: number;
    DB_POOL_MAX: number;
    SERVER_NAME: string;
  },
  log: Logger,
  onFallback: () => void = () => {},
  onConnectionFailure: (pool: string) => void = () => {},
): Database {
  const limits = {
    min: env.DB_POOL_MIN,
    max: env.DB_POOL_MAX,
    application: `fkod ${env.SERVER_NAME}`,
    reconnectForMs: RECONNECT_FOR_MS,
  };
  const primary = createPool("primary", env.DATABASE_URL, limits, log, onConnectionFailure);
  const readUrl = env.DATABASE_READ_URL ?? env.DATABASE_URL;
  const replica =
    readUrl === env.DATABASE_URL
      ? primary
      : createPool("replica", readUrl, { ...limits, reconnectForMs: 0 }, log, onConnectionFailure);
  // Until then reads do not try the replica; 0 while it answers.
  let avoidReplicaUntil = 0;
  const pools = replica === primary ? { primary } : { primary, replica };
  // Probes have a connection of their own: a busy pool is no reason to take a server out of the balance.
  const probe = { min: 0, max: 1, application: `fkod ${env.SERVER_NAME} probe`, reconnectForMs: 0 };
  const probes = {
    primary: createPool("primary probe", env.DATABASE_URL, probe, log, onConnectionFailure),
    replica: createPool("replica probe", readUrl, probe, log, onConnectionFailure),
  };

  return {
    write: (work) => primary.use(work),
    transaction: (work) => primary.use((client) => inTransaction(client, work)),
    async read(from, work) {
      const started = Date.now();
      let pool = from === "primary" || started < avoidReplicaUntil ? primary : replica;
      // After a failure one read a second tries the replica; the others follow when it answered.
      if (pool !== primary && avoidReplicaUntil > 0) avoidReplicaUntil = started + 1_000;
      for (let attempt = 1; ; attempt++) {
        try {
          const result = await pool.use(work);
          if (pool !== primary) avoidReplicaUntil = 0;
          return result;
        } catch (error) {
          // A read has no effect, so it may run again: the next connection may be a dead one too.
          if (!isConnectionError(error) && !isReplayConflict(error)) throw error;
          if (pool !== primary) {
            // Losing the replica costs speed, not answers.
            onFallback();
            avoidReplicaUntil = Date.now() + 1_000;
            pool = primary;
          } else {
            if (attempt > 2 || Date.now() - started >= RECONNECT_FOR_MS / 2) throw error;
            // A server that dies takes its other connections along within moments.
            await pause(50 * attempt);
          }
        }
      }
    },
    async ping(which, timeoutMs) {
      const expected = which === "primary";
      await within(timeoutMs, async () => {
        const answer = await probes[which].use((client) =>
          client.query<{ standby: boolean }>("select pg_is_in_recovery() as standby"),
        );
        // A primary that became a standby answers reads well and refuses every write.
        if (expected && answer.rows[0]?.standby) throw new Error("the primary's address leads to a standby");
      });
    },
    counts: () => Object.fromEntries(Object.entries(pools).map(([name, pool]) => [name, pool.counts()])),
    async warm() {
      await Promise.all(Object.values(pools).map((pool) => pool.warm()));
    },
    async close() {
      await Promise.all([...Object.values(pools), ...Object.values(probes)].map((pool) => pool.close()));
    },
  };
}

async function inTransaction<T>(client: Queryable, work: (client: Queryable) => Promise<T>): Promise<T> {
  await client.query("begin");
  try {
    const result = await work(client);
    await client.query("commit");
    return result;
  } catch (error) {
    // Where the connection is gone the rollback fails too, and the first error is the one to tell.
    await client.query("rollback").catch(() => {});
    throw error;
  }
}

/** Rejects after `timeoutMs`; the work itself goes on and its late failure is swallowed. */
export async function within<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const running = work();
  running.catch(() => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** 40001 on a standby: the query was cancelled because of a conflict with recovery. */
function isReplayConflict(error: unknown): boolean {
  return (error as { code?: string }).code === "40001";
}
