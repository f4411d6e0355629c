import { createServer } from "node:http";
import { createApp } from "./app.ts";
import { Env } from "./env.ts";
import { drain, pause, stopOnSignals } from "./lifecycle.ts";
import { closeParts, createParts } from "./parts.ts";
import { websocketEcho } from "./routes/websocket.ts";
import { createSideServer, listen } from "./side-server.ts";
import { start } from "./start.ts";

const { env, log, tracing } = await start("api", Env);
const parts = createParts(env, log, tracing);
const { app, endStreams } = createApp(parts);
const server = createServer(app);
const { closeAll } = websocketEcho(server, parts);
const side = createSideServer(
  parts.metrics.registry,
  () => true,
  { release: env.RELEASE, server: env.SERVER_NAME },
  tracing.on,
);

// Above nginx's own 60 s, or nginx sends a request on a connection that we are just closing: a 502.
server.keepAliveTimeout = 75_000;
server.headersTimeout = 80_000;

// A little more: closing pools and Redis after the deadline takes a moment too.
stopOnSignals(log, env.SHUTDOWN_DELAY_MS + env.SHUTDOWN_DEADLINE_MS + 2_500, async () => {
  parts.draining = true;
  // Gives a balancer that asks /ready the time to notice before connections are refused.
  await pause(env.SHUTDOWN_DELAY_MS);
  endStreams();
  closeAll();
  if (!(await drain(server, env.SHUTDOWN_DEADLINE_MS))) log.warn("requests were cut off at the deadline");
  await Promise.all([closeParts(parts), tracing.stop()]);
  side.close();
  side.closeAllConnections();
});

// Not awaited: a server that waits for its database at start cannot say what is wrong at /ready.
void parts.database.warm();
await listen(side, env.METRICS_PORT, env.HOST);
await listen(server, env.PORT, env.HOST);
log.info(`listening on ${env.HOST}:${env.PORT}, metrics on ${env.METRICS_PORT}`);
