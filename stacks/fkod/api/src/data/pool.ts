import pg from "pg";
import { pause } from "../lifecycle.ts";
import type { Logger } from "../log.ts";

/** What a query needs; a pool's client, and in tests anything that answers. */
export type Queryable = {
  query<R extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<pg.QueryResult<R>>;
};

export type Pool = {
  use<T>(work: (client: Queryable) => Promise<T>): Promise<T>;
  warm(): Promise<void>;
  counts(): { total: number; idle: number; waiting: number };
  close(): Promise<void>;
};

type Limits = {
  min: number;
  max: number;
  application: string;
  /** How long a query waits for a server that restarts: a connection that never opened has sent nothing. */
  reconnectForMs: number;
};

/** The server cancels a query at 5 s; at 6 s without a word the connection itself is taken for dead. */
const STATEMENT_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 6_000;
/** For a place in the pool, and for opening a connection: a dead host must cost one short attempt, not a long one. */
const POOL_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 1_000;

/** @param onFailure called for every connection that was wanted and did not come about */
export function createPool(
  name: string,
  url: string,
  limits: Limits,
  log: Logger,
  onFailure: (pool: string) => void = () => {},
): Pool {
  let pool = open();
  let recycledAt = 0;
  let closing = false;
  /** While new connections fail; resolves when one succeeded or it was tried long enough. */
  let outage: Promise<void> | undefined;

  function open(): pg.Pool {
    const made = new pg.Pool({
      connectionString: url,
      application_name: limits.application,
      min: limits.min,
      max: limits.max,
      connectionTimeoutMillis: POOL_TIMEOUT_MS,
      Client: QuickClient,
      idleTimeoutMillis: 30_000,
      // Old connections go, so that a name that moved is looked up again.
      maxLifetimeSeconds: 600,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
    });
    // Without a listener the loss of an idle connection ends the process.
    made.on("error", (error) => log.warn({ err: error, "fkod.pool": name }, "an idle connection was lost"));
    // An error between two queries of one client is told by the second query, not by a crash.
    made.on("connect", (client) => client.on("error", () => {}));
    return made;
  }

  /** Throws away all connections: after a failover each of them would cost one request its answer. */
  function recycle(reason: string): void {
    if (closing || Date.now() - recycledAt < 1_000) return;
    recycledAt = Date.now();
    log.warn({ "fkod.pool": name }, `the pool starts anew: ${reason}`);
    const old = pool;
    pool = open();
    void old.end().catch(() => {});
  }

  async function connect(): Promise<pg.PoolClient> {
    const giveUpAt = Date.now() + limits.reconnectForMs;
    for (;;) {
      if (outage) await Promise.race([outage, pause(giveUpAt - Date.now())]);
      try {
        return await pool.connect();
      } catch (error) {
        if (isConnectionError(error)) onFailure(name);
        const hopeless = closing || !isConnectionError(error) || isExhausted(pool);
        if (hopeless || Date.now() >= giveUpAt) throw error;
        outage ??= untilBack().finally(() => {
          outage = undefined;
        });
      }
    }
  }

  /**
   * One attempt at a time for all who wait. Looking up a name that is gone takes one of Node's four threads for a
   * good part of a second: twenty at once kept a server waiting for seconds after the name was back.
   */
  async function untilBack(): Promise<void> {
    const giveUpAt = Date.now() + limits.reconnectForMs;
    while (!closing && Date.now() < giveUpAt) {
      await pause(100);
      try {
        (await pool.connect()).release();
        return;
      } catch (error) {
        onFailure(name);
        log.debug({ err: error as Error, "fkod.pool": name }, "no connection, tried again in a moment");
      }
    }
  }

  return {
    async use(work) {
      const client = await connect();
      let broken: Error | undefined;
      try {
        return await work(client);
      } catch (error) {
        const code = (error as { code?: string }).code;
        if (isConnectionError(error)) broken = error as Error;
        if (code === "25006") {
          broken = error as Error;
          recycle("the server is read-only");
        } else if ((error as Error).message === "Query read timeout") recycle("the server stopped answering");
        throw error;
      } finally {
        client.release(broken);
      }
    },
    async warm() {
      const clients = await Promise.allSettled(Array.from({ length: limits.min }, () => pool.connect()));
      for (const client of clients) if (client.status === "fulfilled") client.value.release();
    },
    counts: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    async close() {
      closing = true;
      await pool.end();
    },
  };
}

/** pg-pool has one setting for both timeouts; its clients get the shorter one here. */
class QuickClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super({ ...config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  }
}

/** All connections are in use and alive: waiting longer only lengthens the queue. */
function isExhausted(pool: pg.Pool): boolean {
  return pool.totalCount >= pool.options.max && pool.idleCount === 0 && pool.waitingCount > 0;
}

const CODES = new Set([
  ...[
    "ECONNREFUSED",
    "ECONNRESET",
    "EPIPE",
    "ETIMEDOUT",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOTFOUND",
    "EAI_AGAIN",
  ],
  // Admin shutdown, crash shutdown, cannot connect now, connection failures, too many connections.
  ...["57P01", "57P02", "57P03", "08000", "08001", "08003", "08004", "08006", "53300"],
]);
const MESSAGES =
  /Connection terminated|timeout expired|timeout exceeded when trying to connect|Query read timeout|not queryable|Client was closed/;

/** True where the connection failed, and not the query. Sources: pg's and pg-pool's messages, SQLSTATE. */
export function isConnectionError(error: unknown): boolean {
  const { code, message = "" } = error as { code?: string; message?: string };
  if (error instanceof AggregateError) return error.errors.some(isConnectionError);
  return (code !== undefined && CODES.has(code)) || MESSAGES.test(message);
}
