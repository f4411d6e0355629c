import { createServer, type Server } from "node:http";
import type { Registry } from "prom-client";

/** /metrics and /health on a port of their own, which no proxy knows. `healthy` is asked at each probe. */
export function createSideServer(
  registry: Registry,
  healthy: () => boolean,
  about: Record<string, string>,
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
    registry.metrics().then(
      (text) => response.writeHead(200, { "Content-Type": registry.contentType }).end(text),
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
