import { createHash } from "node:crypto";
import type { Express, Response } from "express";
import { Problem } from "../http/problem.ts";
import type { Parts } from "../parts.ts";

/** Routes that show how a load balancer treats streams, big bodies and several servers. Returns what ends the streams. */
export function edgeRoutes(app: Express, parts: Parts): { endStreams(): void } {
  const { env } = parts;
  const streams = new Set<Response>();

  app.get("/api/v1/whoami", (_request, response) => {
    response.set("Cache-Control", "no-store").json({
      server: env.SERVER_NAME,
      release: env.RELEASE,
      pid: process.pid,
      uptime: Math.round(process.uptime()),
    });
  });

  app.get("/api/v1/events", (request, response) => {
    if (parts.draining)
      throw new Problem(503, "This server is stopping", undefined, {}, { "Retry-After": "1" });
    response.locals.stream = true;
    response.writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
      // nginx would otherwise keep ticks until its buffer is full.
      "X-Accel-Buffering": "no",
    });
    response.write("retry: 1000\n\n");
    let tick = Number(request.get("last-event-id")) || 0;
    const timer = setInterval(() => {
      tick++;
      const data = JSON.stringify({ tick, server: env.SERVER_NAME, at: new Date().toISOString() });
      response.write(`id: ${tick}\nevent: tick\ndata: ${data}\n\n`);
    }, 1_000);
    streams.add(response);
    response.once("close", () => {
      clearInterval(timer);
      streams.delete(response);
    });
  });

  app.post("/api/v1/uploads", async (request, response) => {
    response.locals.stream = true;
    const hash = createHash("sha256");
    let bytes = 0;
    // One chunk at a time: a gigabyte passes through in a few kilobytes of memory.
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > env.UPLOAD_MAX_BYTES)
        throw new Problem(
          413,
          "The body is too large",
          `At most ${env.UPLOAD_MAX_BYTES} bytes`,
          {},
          { Connection: "close" },
        );
      hash.update(chunk);
    }
    response.json({ bytes, sha256: hash.digest("hex"), server: env.SERVER_NAME });
  });

  return {
    endStreams() {
      // A listener connects again by itself, to another server.
      for (const response of streams) response.end("event: bye\ndata: {}\n\n");
    },
  };
}
