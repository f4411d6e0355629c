import { randomUUID } from "node:crypto";
import type { Logger } from "../log.ts";

export type Sentry = { report(error: unknown, tags?: Record<string, string>): Promise<void> };

type Options = { SENTRY_DSN?: string | undefined; RELEASE: string; SERVER_NAME: string; NODE_ENV: string };

/** Error events as Sentry's envelope protocol takes them (develop.sentry.dev/sdk/data-model/envelopes). */
export function createSentry(env: Options, log: Logger): Sentry {
  if (!env.SENTRY_DSN) return { report: async () => {} };
  const dsn = new URL(env.SENTRY_DSN);
  const project = dsn.pathname.split("/").pop();
  const endpoint = `${dsn.origin}${dsn.pathname.slice(0, -(project?.length ?? 0))}api/${project}/envelope/`;
  let sentThisMinute = 0;
  setInterval(() => {
    sentThisMinute = 0;
  }, 60_000).unref();

  return {
    async report(error, tags = {}) {
      // A database that is down makes an error with every request.
      if (++sentThisMinute > 60) return;
      const { name = "Error", message = String(error), stack } = error as Error;
      const event = {
        event_id: randomUUID().replaceAll("-", ""),
        timestamp: Date.now() / 1_000,
        platform: "node",
        level: "error",
        release: env.RELEASE,
        environment: env.NODE_ENV,
        server_name: env.SERVER_NAME,
        tags,
        exception: { values: [{ type: name, value: message }] },
        extra: { stack },
      };
      const lines = [
        { event_id: event.event_id, sent_at: new Date().toISOString() },
        { type: "event" },
        event,
      ];
      try {
        const answer = await fetch(endpoint, {
          method: "POST",
          headers: {
            "Content-Type": "application/x-sentry-envelope",
            "X-Sentry-Auth": `Sentry sentry_version=7, sentry_client=fkod/1.0, sentry_key=${dsn.username}`,
          },
          body: lines.map((line) => JSON.stringify(line)).join("\n"),
          signal: AbortSignal.timeout(2_000),
        });
        if (!answer.ok) log.warn({ "http.response.status_code": answer.status }, "Sentry refused an event");
      } catch (failure) {
        log.warn({ err: failure as Error }, "Sentry cannot be reached");
      }
    },
  };
}
