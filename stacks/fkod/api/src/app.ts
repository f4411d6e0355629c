import express, { type Express } from "express";
import { cors } from "./http/cors.ts";
import { notFound, problems } from "./http/problem.ts";
import { watchRequests } from "./http/requests.ts";
import type { Parts } from "./parts.ts";
import { authRoutes } from "./routes/auth.ts";
import { courseRoutes } from "./routes/courses.ts";
import { edgeRoutes } from "./routes/edge.ts";
import { enrolmentRoutes } from "./routes/enrolments.ts";
import { feedbackRoutes } from "./routes/feedback.ts";
import { healthRoutes } from "./routes/health.ts";
import { mentorRoutes } from "./routes/mentors.ts";

/** The application without a socket. Routes carry their full path, which is the metrics' label too. */
export function createApp(parts: Parts): { app: Express; endStreams(): void } {
  const { env, log, metrics, sentry, tracing } = parts;
  const app = express();
  app.disable("x-powered-by");
  app.set("trust proxy", env.TRUST_PROXY);
  app.use(watchRequests(log, metrics, tracing, () => parts.draining));
  app.use(cors(env.CORS_ORIGIN));
  healthRoutes(app, parts);
  // Before the JSON parser, as uploads are read by their own route.
  const { endStreams } = edgeRoutes(app, parts);
  app.use(express.json({ limit: "100kb" }));
  authRoutes(app, parts);
  courseRoutes(app, parts);
  enrolmentRoutes(app, parts);
  mentorRoutes(app, parts);
  feedbackRoutes(app, parts);
  app.use(notFound);
  app.use(
    problems((error, request, response) => {
      const requestId = String(response.locals.requestId);
      log.error(
        { err: error as Error, "http.request.id": requestId, "url.path": request.path },
        "a request failed",
      );
      void sentry.report(error, { requestId, method: request.method });
    }),
  );
  return { app, endStreams };
}
