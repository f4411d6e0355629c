import { Redis } from "ioredis";
import type { Logger } from "../log.ts";

/**
 * A Redis connection that outlives restarts of the server.
 * Sessions wait a moment for a server that comes back; the cache fails at once, as the database can answer.
 */
export function createRedis(
  role: "sessions" | "cache" | "queue",
  url: string,
  name: string,
  log: Logger,
): Redis {
  const redis = new Redis(url, {
    connectionName: `fkod-${role}-${name}`.replace(/[^\w.-]/g, "-"),
    connectTimeout: 2_000,
    keepAlive: 5_000,
    // A blocking pop is bounded by its own timeout.
    commandTimeout: role === "queue" ? undefined : role === "cache" ? 250 : 2_000,
    enableOfflineQueue: role !== "cache",
    maxRetriesPerRequest: role === "queue" ? null : 5,
    autoResendUnfulfilledCommands: role !== "cache",
    retryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
    // A replica that was promoted elsewhere: connect anew instead of failing for ever.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
  let told = "";
  // Once per kind of failure, or a Redis that is down fills the disk with logs.
  redis.on("error", (error: NodeJS.ErrnoException) => {
    const kind = error.code ?? error.message;
    if (kind === told) return;
    told = kind;
    log.warn({ err: error, "fkod.redis": role }, "Redis fails");
  });
  redis.on("ready", () => {
    if (told) log.info({ "fkod.redis": role }, "Redis is back");
    told = "";
  });
  return redis;
}

/** Ends a connection whether or not the server answers. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === "ready") await redis.quit().catch(() => {});
  redis.disconnect();
}
