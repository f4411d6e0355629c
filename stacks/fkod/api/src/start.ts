import type { z } from "zod";
import { createLogger, exitOnStrayErrors, type Logger } from "./log.ts";
import { EnvError, readEnv } from "./read-env.ts";
import { createSentry } from "./services/sentry.ts";
import {
  logFields,
  noTracing,
  startTracing,
  type Tracing,
  type TracingEnv,
  wantsTracing,
} from "./tracing.ts";

type Name = "api" | "worker" | "clock";
type Basic = TracingEnv & { LOG_LEVEL: string; RELEASE: string; NODE_ENV: string };

/** What server, worker and clock do first. A bad environment ends the process with 2 and all its faults. */
export async function start<S extends z.ZodType<Basic>>(
  name: Name,
  schema: S,
): Promise<{ env: z.infer<S>; log: Logger; tracing: Tracing }> {
  const env = environment(name, schema);
  const traced = wantsTracing(env);
  let tracing = noTracing;
  const log = createLogger(env, name, traced ? () => logFields(tracing.here()) : undefined);
  const sentry = createSentry(env, log);
  exitOnStrayErrors(log, (error) => sentry.report(error, { process: name }));
  const features = ["SENDGRID_API_KEY", "OPENAI_API_KEY", "SENTRY_DSN"];
  const known = env as Record<string, unknown>;
  const off = features.filter(
    (feature) => !known[feature] && !(feature === "OPENAI_API_KEY" && name !== "api"),
  );
  if (off.length > 0) log.info(`off, as not set: ${off.join(", ")}`);
  if (traced) tracing = await startTracing(env, log);
  return { env, log, tracing };
}

function environment<S extends z.ZodType<Basic>>(name: Name, schema: S): z.infer<S> {
  try {
    return readEnv(schema);
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    const log = createLogger(
      { LOG_LEVEL: "info", RELEASE: "unknown", SERVER_NAME: "unknown", NODE_ENV: "unknown" },
      name,
    );
    log.fatal({ "fkod.faults": error.faults }, error.message);
    process.exit(2);
  }
}
