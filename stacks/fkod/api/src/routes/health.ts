import type { Express } from "express";
import { within } from "../data/database.ts";
import type { Parts } from "../parts.ts";

const TIMEOUT_MS = 1_500;

type Check = { ok: boolean; ms: number; error?: string };

export function healthRoutes(app: Express, parts: Parts): void {
  const { env } = parts;
  const self = { release: env.RELEASE, server: env.SERVER_NAME };
  const ready = shared(() => checkAll(parts));

  app.get("/health", (_request, response) => {
    response.set("Cache-Control", "no-store").json({ status: "ok", ...self });
  });

  app.get("/ready", async (_request, response) => {
    const checks = parts.draining ? {} : await ready();
    const failed = Object.keys(checks).filter((name) => !checks[name]?.ok);
    // While draining nothing is asked of the database: this server wants no more requests whatever it answers.
    const unready = parts.draining || failed.some((name) => (env.READY_REQUIRES as string[]).includes(name));
    const status = parts.draining ? "draining" : unready ? "failed" : failed.length > 0 ? "degraded" : "ok";
    response
      .status(unready ? 503 : 200)
      .set("Cache-Control", "no-store")
      .json({ status, ...self, failed, checks });
  });
}

async function checkAll({ database, sessionsRedis, cacheRedis }: Parts): Promise<Record<string, Check>> {
  const checks: Record<string, () => Promise<unknown>> = {
    primary: () => database.ping("primary", TIMEOUT_MS),
    replica: () => database.ping("replica", TIMEOUT_MS),
    sessions: () => within(TIMEOUT_MS, () => sessionsRedis.ping()),
    cache: () => within(TIMEOUT_MS, () => cacheRedis.ping()),
  };
  const entries = Object.entries(checks).map(async ([name, run]): Promise<[string, Check]> => {
    const started = Date.now();
    try {
      await run();
      return [name, { ok: true, ms: Date.now() - started }];
    } catch (error) {
      return [name, { ok: false, ms: Date.now() - started, error: reason(error) }];
    }
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** A code where there is one: messages of drivers carry addresses, and this answer is public. */
function reason(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code ?? message ?? "failed";
}

/** Many who ask at the same time share one answer, so that probes cannot pile up on a slow database. */
function shared<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= run().finally(() => {
      running = undefined;
    });
    return running;
  };
}
