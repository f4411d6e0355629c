// Handles SIGTERM: stops listening, ends what it is doing, goes.
import { serve } from "./server.mjs";

const server = serve();
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  // A connection that is kept alive ends with its present answer.
  server.prependListener("request", (_request, response) => response.setHeader("connection", "close"));
});
