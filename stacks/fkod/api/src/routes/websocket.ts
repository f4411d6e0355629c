import type { Server } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";
import type { Parts } from "../parts.ts";

/** An echo at /api/v1/ws. Returns what closes all sockets, with 1001 "going away". */
export function websocketEcho(server: Server, parts: Parts): { closeAll(): void } {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 });
  const answered = new WeakSet<WebSocket>();

  server.on("upgrade", (request, socket, head) => {
    const path = request.url?.split("?")[0];
    const refusal =
      path !== "/api/v1/ws" ? "404 Not Found" : parts.draining ? "503 Service Unavailable" : undefined;
    if (refusal) {
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit("connection", client));
  });

  sockets.on("connection", (client: WebSocket) => {
    answered.add(client);
    client.on("pong", () => answered.add(client));
    client.on("message", (data, isBinary) => client.send(data, { binary: isBinary }));
    // Bad frames end the connection; that is all there is to do about them.
    client.on("error", () => {});
    client.send(JSON.stringify({ server: parts.env.SERVER_NAME }));
  });

  // Pings keep proxies from closing a silent connection, and find peers that are gone.
  const pings = setInterval(() => {
    for (const client of sockets.clients) {
      if (!answered.delete(client)) client.terminate();
      else client.ping();
    }
  }, 30_000);
  pings.unref();

  return {
    closeAll() {
      clearInterval(pings);
      for (const client of sockets.clients) {
        client.close(1001, "the server is stopping");
        setTimeout(() => client.terminate(), 2_000).unref();
      }
    },
  };
}
