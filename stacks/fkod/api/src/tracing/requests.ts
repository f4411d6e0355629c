import type { IncomingMessage } from "node:http";
import type { Attributes } from "@opentelemetry/api";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";

/** Probes come every few seconds from everywhere, and would be most of what is sent. */
const PROBES = new Set(["/health", "/ready"]);

/** What a backend, which is somebody else's, need not know: who asked, and for what in the query. */
const PRIVATE: Attributes = {
  "client.address": undefined,
  "network.peer.address": undefined,
  "network.peer.port": undefined,
  "url.query": undefined,
};

/** A span for each request, named by its route. Hooks in when `node:http` is required next. */
export function requestInstrumentation(metricsPort: number): HttpInstrumentation {
  return new HttpInstrumentation({
    // Ours go by fetch().
    disableOutgoingRequestInstrumentation: true,
    ignoreIncomingRequestHook: (request) =>
      request.socket.localPort === metricsPort || PROBES.has(request.url?.split("?")[0] ?? ""),
    startIncomingSpanHook: () => PRIVATE,
    // From a span to all log lines of its request, nginx's too.
    headersToSpanAttributes: { server: { requestHeaders: ["x-request-id"] } },
    applyCustomAttributesOnSpan(span, request) {
      const { route, method } = request as IncomingMessage & { route?: { path?: unknown } };
      if (typeof route?.path !== "string") return;
      span.updateName(`${method} ${route.path}`).setAttribute("http.route", route.path);
    },
  });
}
