import type { Logger } from "./log.ts";

/** Where in a trace the running code is. `sampled`: it is sent, so that a link to it leads somewhere. */
export type Place = { traceId: string; spanId: string; sampled: boolean };

/** Traces; of OpenTelemetry where they are on, of nothing where they are off. */
export type Tracing = {
  readonly on: boolean;
  here(): Place | undefined;
  /** Runs work that no request began (a job, a task of the clock) as a trace of its own. It fails by throwing or by `failed`. */
  trace<T>(
    name: string,
    kind: "job" | "task",
    work: (failed: (error: unknown) => void) => Promise<T>,
  ): Promise<T>;
  /** Sends what is still to be sent, or gives it up after a moment: never rejects. */
  stop(): Promise<void>;
};

export const noTracing: Tracing = {
  on: false,
  here: () => undefined,
  trace: (_name, _kind, work) => work(() => {}),
  stop: async () => {},
};

export type TracingEnv = {
  OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  OTEL_EXPORTER_OTLP_HEADERS?: string | undefined;
  METRICS_PORT: number;
  SERVER_NAME: string;
};

export function wantsTracing(env: object): boolean {
  // Of a process that has the variables and shall not trace, in OpenTelemetry's own words.
  const { OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER } = process.env;
  return (
    Boolean((env as TracingEnv).OTEL_EXPORTER_OTLP_ENDPOINT) &&
    OTEL_SDK_DISABLED?.toLowerCase() !== "true" &&
    OTEL_TRACES_EXPORTER !== "none"
  );
}

/** OpenTelemetry is loaded here, and nowhere else: a server without it pays neither its memory nor its start. */
export async function startTracing(env: TracingEnv, log: Logger): Promise<Tracing> {
  const { startOpenTelemetry } = await import("./tracing/open-telemetry.ts");
  return startOpenTelemetry(env, log);
}

/** As ECS has it: a line names its trace, and the request (the "transaction") that it belongs to. */
export function logFields(place: Place | undefined): Record<string, string> {
  return place ? { "trace.id": place.traceId, "transaction.id": place.spanId } : {};
}
