import { hostname } from "node:os";
import { z } from "zod";

const url = (schemes: string[], example: string) =>
  z
    .string({ error: `is missing; expected a URL like ${example}` })
    .refine((value) => URL.canParse(value) && schemes.includes(new URL(value).protocol), {
      // The value is never repeated: it carries a password.
      error: `is not a ${schemes.join(" or ")} URL; expected one like ${example}`,
    });
const postgresUrl = url(["postgresql:", "postgres:"], "postgresql://app:PASSWORD@db-primary:5432/fkod_db");
const redisUrl = url(["redis:", "rediss:"], "redis://app:PASSWORD@redis-sessions:6379");
const whole = (least: number, most: number) =>
  z.coerce
    .number({ error: "is not a number" })
    .int({ error: "is not a whole number" })
    .min(least, { error: `is below ${least}` })
    .max(most, { error: `is above ${most}` });
const number = (least: number, most: number, otherwise: number) => whole(least, most).default(otherwise);
const optional = z.string().optional();

/** What every process needs that talks to PostgreSQL. */
export const DatabaseEnv = z.object({
  NODE_ENV: z.enum(["development", "test", "production"]).default("production"),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
  RELEASE: z.string().default("dev"),
  SERVER_NAME: z.string().default(() => hostname()),
  DATABASE_URL: postgresUrl,
  DATABASE_READ_URL: postgresUrl.optional(),
  DB_POOL_MIN: number(0, 500, 5),
  DB_POOL_MAX: number(1, 500, 20),
});
export type DatabaseEnv = z.infer<typeof DatabaseEnv>;

const ServiceShape = DatabaseEnv.extend({
  HOST: z.string().default("0.0.0.0"),
  PORT: number(1, 64_535, 5000),
  METRICS_PORT: whole(1, 65_535).optional(),
  REDIS_URL: redisUrl.optional(),
  SESSIONS_REDIS_URL: redisUrl.optional(),
  SHUTDOWN_DELAY_MS: number(0, 60_000, 0),
  SHUTDOWN_DEADLINE_MS: number(100, 600_000, 25_000),
  SENDGRID_API_KEY: optional,
  SENDGRID_FROM_EMAIL: z.email({ error: "is not an email address" }).default("noreply@fkod.com"),
  // The other variables of OpenTelemetry are read by itself.
  OTEL_EXPORTER_OTLP_ENDPOINT: url(["https:", "http:"], "https://otlp.example.com").optional(),
  OTEL_EXPORTER_OTLP_HEADERS: optional,
  SENTRY_DSN: url(["https:", "http:"], "https://KEY@o1.ingest.sentry.io/2").optional(),
});

const ApiShape = ServiceShape.extend({
  CACHE_REDIS_URL: redisUrl.optional(),
  JWT_SECRET: z
    .string({ error: "is missing; expected at least 32 random characters, as `openssl rand -hex 32` makes" })
    .min(32, { error: "is shorter than 32 characters; `openssl rand -hex 32` makes a good one" }),
  JWT_EXPIRY: z
    .string()
    .regex(/^[1-9]\d{0,5}[smhd]$/, { error: "is not a duration like 15m, 12h or 7d" })
    .default("7d"),
  CORS_ORIGIN: z.string().default(""),
  TRUST_PROXY: z.string().default("loopback, linklocal, uniquelocal"),
  BCRYPT_COST: number(4, 15, 10),
  UPLOAD_MAX_BYTES: number(1, 2 ** 40, 2 ** 30),
  READY_REQUIRES: z
    .string()
    .default("primary,replica,sessions,cache")
    .transform((list) => list.split(",").map((name) => name.trim()))
    .pipe(
      z.array(
        z.enum(["primary", "replica", "sessions", "cache"], {
          error: "has an unknown name; expected some of primary,replica,sessions,cache",
        }),
      ),
    ),
  OPENAI_API_KEY: optional,
});

type Pools = { DB_POOL_MIN: number; DB_POOL_MAX: number };
// `when`: told together with all other faults, not in a second round.
const poolOrder = z.refine<Pools>((env) => !(env.DB_POOL_MIN > env.DB_POOL_MAX), {
  path: ["DB_POOL_MIN"],
  error: "is above DB_POOL_MAX",
  when: () => true,
});
const redisFor = (name: "SESSIONS_REDIS_URL" | "CACHE_REDIS_URL") =>
  z.refine<{ REDIS_URL?: string | undefined }>(
    (env) => env.REDIS_URL || (env as Record<string, unknown>)[name],
    {
      path: [name],
      error: "is missing, and so is REDIS_URL to fall back to",
      when: () => true,
    },
  );

/** What the worker and the clock need. */
export const ServiceEnv = ServiceShape.check(poolOrder, redisFor("SESSIONS_REDIS_URL")).transform(
  withDefaults,
);
export type ServiceEnv = z.infer<typeof ServiceEnv>;

/** What the API needs. */
export const Env = ApiShape.check(
  poolOrder,
  redisFor("SESSIONS_REDIS_URL"),
  redisFor("CACHE_REDIS_URL"),
).transform((env) => ({
  ...withDefaults(env),
  CACHE_REDIS_URL: (env.CACHE_REDIS_URL ?? env.REDIS_URL) as string,
}));
export type Env = z.infer<typeof Env>;

/** Every variable any of the processes reads, and so may read from NAME_FILE. */
export const names: ReadonlySet<string> = new Set([...Object.keys(ApiShape.shape), "SEED_PASSWORD"]);

function withDefaults<E extends z.infer<typeof ServiceShape>>(env: E) {
  return {
    ...env,
    METRICS_PORT: env.METRICS_PORT ?? env.PORT + 1000,
    DATABASE_READ_URL: env.DATABASE_READ_URL ?? env.DATABASE_URL,
    SESSIONS_REDIS_URL: (env.SESSIONS_REDIS_URL ?? env.REDIS_URL) as string,
  };
}
