import { randomUUID } from "node:crypto";
import type { NextFunction, Request, Response } from "express";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { logFields, type Place, type Tracing } from "../tracing.ts";

/** Ids from outside go into logs: only short, plain ones are taken over. */
const PLAIN_ID = /^[\w.:-]{1,128}$/;

/** Gives each request its id, its one log line and its place in the histogram. */
export function watchRequests(log: Logger, metrics: Metrics, tracing: Tracing, isDraining: () => boolean) {
  return (request: Request, response: Response, next: NextFunction) => {
    const started = process.hrtime.bigint();
    const given = request.get("x-request-id");
    const requestId = given && PLAIN_ID.test(given) ? given : randomUUID();
    const place = tracing.here();
    response.locals.requestId = requestId;
    response.set("X-Request-ID", requestId);
    // The balancer must not keep a connection that we are about to close.
    if (isDraining()) response.set("Connection", "close");
    metrics.requestsInFlight.inc();

    response.once("close", () => {
      metrics.requestsInFlight.dec();
      const nanoseconds = process.hrtime.bigint() - started;
      const complete = response.writableFinished;
      // 499, as nginx writes it, for a client that left before the answer was out.
      const status = complete ? response.statusCode : 499;
      const route = routeOf(request);
      // A stream's length is its listener's choice and would drown the percentiles.
      if (!response.locals.stream)
        metrics.requestSeconds.observe({
          labels: { method: request.method, route, status: String(status) },
          value: Number(nanoseconds) / 1e9,
          // Of a trace that is not sent nobody would find anything.
          ...(place?.sampled && { exemplarLabels: exemplar(place) }),
        });
      log[levelOf(request.path, status)](
        {
          "http.request.id": requestId,
          "http.request.method": request.method,
          "http.response.status_code": status,
          "url.path": request.path,
          "http.route": route,
          "event.duration": Number(nanoseconds),
          "client.ip": request.ip,
          ...logFields(place),
          ...(response.locals.userId ? { "user.id": String(response.locals.userId) } : {}),
        },
        `${request.method} ${request.path} ${status}`,
      );
    });
    next();
  };
}

/** The pattern and never the path, or each id would make a series of its own. */
function routeOf(request: Request): string {
  const path: unknown = request.route?.path;
  return typeof path === "string" ? path : "unmatched";
}

function levelOf(path: string, status: number): "debug" | "info" | "warn" {
  if (status >= 500) return "warn";
  // Probes come every few seconds from everywhere.
  return path === "/health" || path === "/ready" ? "debug" : "info";
}

/** The types of prom-client allow it the metric's own labels alone, which is not so. */
function exemplar({ traceId }: Place): Record<string, string> {
  return { trace_id: traceId };
}
