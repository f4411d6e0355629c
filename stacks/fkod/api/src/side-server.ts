import { createServer, type Server } from "node:http";
import type { Registry } from "prom-client";
import { metricsPage } from "./metrics-page.ts";

/**
 * /metrics and /health on a port of their own, which no proxy knows. `healthy` is asked at each probe.
 * @param exemplars /metrics has them, for those who take OpenMetrics
 */
export function createSideServer(
  registry: Registry,
  healthy: () => boolean,
  about: Record<string, string>,
  exemplars = false,
): Server {
  return createServer((request, response) => {
    const path = request.url?.split("?")[0];
    if (request.method !== "GET") return void response.writeHead(405, { Allow: "GET" }).end();
    if (path === "/health") {
      const ok = healthy();
      response.writeHead(ok ? 200 : 503, { "Content-Type": "application/json" });
      return void response.end(JSON.stringify({ status: ok ? "ok" : "stuck", ...about }));
    }
    if (path !== "/metrics") return void response.writeHead(404).end();
    metricsPage(registry, exemplars ? request.headers.accept : undefined).then(
      ({ type, text }) => response.writeHead(200, { "Content-Type": type, Vary: "Accept" }).end(text),
      () => response.writeHead(500).end(),
    );
  });
}

export function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
