import { createRequire } from "node:module";
import { isSpanContextValid, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  parseKeyPairsIntoRecord,
  setGlobalErrorHandler,
  W3CTraceContextPropagator,
} from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { PgInstrumentation } from "@opentelemetry/instrumentation-pg";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { defaultResource, detectResources, envDetector } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { pause } from "../lifecycle.ts";
import type { Logger } from "../log.ts";
import type { Tracing, TracingEnv } from "../tracing.ts";
import { traceRedis } from "./redis.ts";
import { requestInstrumentation } from "./requests.ts";

/** What a stop may wait for the backend. The stop itself has 2.5 s beyond its deadline, for this and the pools. */
const FLUSH_MS = 1_500;
const TOLD_EVERY_MS = 60_000;

/**
 * OpenTelemetry as its own environment variables say: endpoint, sampler, service and queue. The SDK bounds the queue
 * (OTEL_BSP_MAX_QUEUE_SIZE, 2048 spans) and drops what is more, so a backend that is away costs spans and no request.
 */
export function startOpenTelemetry(env: TracingEnv, log: Logger): Tracing {
  setGlobalErrorHandler(tellOfFailures(log));
  const headers = parseKeyPairsIntoRecord(env.OTEL_EXPORTER_OTLP_HEADERS);
  const provider = new NodeTracerProvider({
    resource: defaultResource().merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ headers }))],
  });
  // Not baggage: it would carry what a stranger sent to whomever we call.
  provider.register({ propagator: new W3CTraceContextPropagator() });
  instrument(env);
  const tracer = trace.getTracer("fkod");

  return {
    on: true,
    here() {
      const place = trace.getActiveSpan()?.spanContext();
      if (!place || !isSpanContextValid(place)) return undefined;
      return { traceId: place.traceId, spanId: place.spanId, sampled: (place.traceFlags & 1) === 1 };
    },
    trace(name, kind, work) {
      const options = { kind: kind === "job" ? SpanKind.CONSUMER : SpanKind.INTERNAL, root: true };
      return tracer.startActiveSpan(name, options, async (span) => {
        const failed = (error: unknown) => {
          span.recordException(error as Error);
          span.setStatus({ code: SpanStatusCode.ERROR });
        };
        try {
          return await work(failed);
        } catch (error) {
          failed(error);
          throw error;
        } finally {
          span.end();
        }
      });
    },
    async stop() {
      await Promise.race([provider.shutdown().catch(() => {}), pause(FLUSH_MS)]);
    },
  };
}

/**
 * Instrumentations that replace functions hook into require(), which an `import` does not pass. All three modules are
 * one object for both, so requiring them once is enough, before or after anybody imported them.
 */
function instrument(env: TracingEnv): void {
  const require = createRequire(import.meta.url);
  requestInstrumentation(env.METRICS_PORT);
  // Statements are sent as they are written here, with $1 for the values.
  new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true });
  // fetch(), through Node's diagnostics channels.
  new UndiciInstrumentation({ requireParentforSpans: true });
  for (const name of ["node:http", "pg"]) require(name);
  traceRedis();
}

/** Once a minute at most: a backend that is away fails every few seconds. */
function tellOfFailures(log: Logger) {
  let toldAt = Number.NEGATIVE_INFINITY;
  return (failure: unknown) => {
    if (Date.now() - toldAt < TOLD_EVERY_MS) return;
    toldAt = Date.now();
    const message = failure instanceof Error ? failure.message : String(failure);
    log.warn({ "error.message": message.slice(0, 500) }, "traces cannot be sent: they are dropped");
  };
}
