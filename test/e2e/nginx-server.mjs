// A server for tests of the edge: says who it is, streams, takes uploads, upgrades, sleeps and dies when asked.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const [name, port] = process.argv.slice(2);
let seen = 0;

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://server");
  seen++;
  response.setHeader("content-type", "application/json");
  response.setHeader("x-server", name);
  if (url.pathname === "/headers") return response.end(JSON.stringify(request.headers));
  if (url.pathname === "/seen") return response.end(String(seen));
  if (url.pathname === "/status") {
    response.statusCode = Number(url.searchParams.get("code"));
    return response.end("{}");
  }
  if (url.pathname === "/cors") {
    response.setHeader("access-control-allow-origin", "*");
    return response.end("{}");
  }
  if (url.pathname === "/sleep")
    return setTimeout(() => response.end("{}"), Number(url.searchParams.get("ms")));
  if (url.pathname === "/elsewhere") {
    response.setHeader("x-accel-redirect", "/");
    return response.end();
  }
  if (url.pathname === "/die") return request.socket.destroy();
  if (url.pathname === "/large") return response.end(Buffer.alloc(Number(url.searchParams.get("bytes")), 97));
  if (url.pathname === "/events") {
    response.setHeader("content-type", "text/event-stream");
    let count = 0;
    const timer = setInterval(() => {
      response.write(`data: ${++count}\n\n`);
      if (count === 5) {
        clearInterval(timer);
        response.end();
      }
    }, 200);
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    let bytes = 0;
    request.on("data", (chunk) => {
      bytes += chunk.length;
    });
    request.on("end", () => response.end(JSON.stringify({ server: name, bytes })));
    return;
  }
  response.end(`{"ok":true,"server":"${name}"}`);
});
server.on("upgrade", (request, socket) => {
  const key = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`,
  );
  socket.on("data", (chunk) => socket.write(chunk));
  socket.on("error", () => {});
});
server.listen(Number(port));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
