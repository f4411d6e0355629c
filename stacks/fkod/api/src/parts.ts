import type { Redis } from "ioredis";
import { type Cache, createCache } from "./data/cache.ts";
import { createDatabase, type Database } from "./data/database.ts";
import { closeRedis, createRedis } from "./data/redis.ts";
import { createSessions, type Sessions } from "./data/sessions.ts";
import type { Env, ServiceEnv } from "./env.ts";
import { createGuard, createTokens, type Guard, type Tokens } from "./http/auth.ts";
import { createQueue, type Queue } from "./jobs/queue.ts";
import type { Logger } from "./log.ts";
import { createMetrics, type Metrics, watchPools } from "./metrics.ts";
import { createOpenAi, type OpenAi } from "./services/openai.ts";
import { createSentry, type Sentry } from "./services/sentry.ts";
import type { Tracing } from "./tracing.ts";

/** What the worker and the clock work with. Opens connections; `closeBase` ends them. */
export type Base = {
  log: Logger;
  metrics: Metrics;
  database: Database;
  sessionsRedis: Redis;
  queue: Queue;
  sentry: Sentry;
  tracing: Tracing;
};

/** What the API's routes work with. */
export type Parts = Base & {
  env: Env;
  cacheRedis: Redis;
  sessions: Sessions;
  courses: Cache;
  tokens: Tokens;
  guard: Guard;
  openai: OpenAi;
  /** True from SIGTERM on. */
  draining: boolean;
};

export function createBase(env: ServiceEnv, log: Logger, tracing: Tracing): Base {
  const metrics = createMetrics(env.RELEASE);
  const database = createDatabase(
    env,
    log,
    () => metrics.readFallbacks.inc(),
    (pool) => metrics.connectionErrors.inc({ pool }),
  );
  watchPools(metrics.registry, database);
  const sessionsRedis = createRedis("sessions", env.SESSIONS_REDIS_URL, env.SERVER_NAME, log);
  return {
    log,
    metrics,
    database,
    sessionsRedis,
    // Jobs live beside the sessions: the cache's Redis may throw anything away.
    queue: createQueue(sessionsRedis),
    sentry: createSentry(env, log),
    tracing,
  };
}

export function createParts(env: Env, log: Logger, tracing: Tracing): Parts {
  const base = createBase(env, log, tracing);
  const cacheRedis = createRedis("cache", env.CACHE_REDIS_URL, env.SERVER_NAME, log);
  const sessions = createSessions(base.sessionsRedis);
  const tokens = createTokens(env.JWT_SECRET, env.JWT_EXPIRY, sessions);
  return {
    ...base,
    env,
    cacheRedis,
    sessions,
    tokens,
    courses: createCache(cacheRedis, "courses", base.metrics),
    guard: createGuard(tokens, sessions),
    openai: createOpenAi(env.OPENAI_API_KEY, log),
    draining: false,
  };
}

export async function closeBase(base: Base): Promise<void> {
  await Promise.all([base.database.close(), closeRedis(base.sessionsRedis)]);
}

export async function closeParts(parts: Parts): Promise<void> {
  await Promise.all([closeBase(parts), closeRedis(parts.cacheRedis)]);
}
