import { ecsFormat } from "@elastic/ecs-pino-format";
import { type Logger, pino } from "pino";

export type { Logger } from "pino";

/** ECS lines on stdout. Synchronous, so that the line before an exit is not lost. */
export function createLogger(
  env: { LOG_LEVEL: string; RELEASE: string; SERVER_NAME: string; NODE_ENV: string },
  process: "api" | "worker" | "clock" | "migrate" | "seed",
  /** Asked at each line for what it is to have beside its own fields. */
  more?: () => Record<string, string>,
): Logger {
  return pino(
    {
      ...ecsFormat({
        serviceName: `fkod-${process}`,
        serviceVersion: env.RELEASE,
        serviceEnvironment: env.NODE_ENV,
        serviceNodeName: env.SERVER_NAME,
        apmIntegration: false,
      }),
      ...(more && { mixin: more }),
      level: env.LOG_LEVEL,
      // We log chosen fields only; this is for the day that somebody logs a whole object.
      redact: {
        paths: ["password", "token", "authorization", "*.password", "*.token", "*.authorization"],
        censor: "[redacted]",
      },
    },
    pino.destination({ dest: 1, sync: true }),
  );
}

/** Logs and exits 1: after either event the process is in a state nobody has thought about. */
export function exitOnStrayErrors(log: Logger, report?: (error: unknown) => Promise<void>): void {
  const end = (message: string) => (error: unknown) => {
    log.fatal({ err: error instanceof Error ? error : new Error(String(error)) }, message);
    const exit = () => process.exit(1);
    setTimeout(exit, 2_000).unref();
    void (report?.(error) ?? Promise.resolve()).then(exit, exit);
  };
  process.on("unhandledRejection", end("unhandled rejection"));
  process.on("uncaughtException", end("uncaught exception"));
}
