import type { Redis } from "ioredis";
import type { Base } from "../parts.ts";
import type { Mailer } from "../services/sendgrid.ts";
import { createQueue, Job } from "./queue.ts";

/** Waits up to `seconds` for one job and does it. A job may run twice, after a crash; none is lost. */
export async function handle(
  worker: string,
  popping: Redis,
  seconds: number,
  { queue, metrics, log, sentry, database, mailer, tracing }: Base & { mailer: Mailer },
): Promise<void> {
  const taken = await createQueue(popping).take(worker, seconds);
  if (!taken) return;
  await tracing.trace("job", "job", async (failed) => {
    let job: Job | undefined;
    try {
      job = Job.parse(JSON.parse(taken.raw));
      await welcome(job.userId, database, mailer);
      await queue.done(worker, taken.raw);
      metrics.jobs.inc({ job: job.kind, outcome: "done" });
      log.info({ "user.id": String(job.userId), "fkod.job": job.id }, `${job.kind} done`);
    } catch (error) {
      failed(error);
      const outcome = await queue.failed(worker, taken.raw, job);
      metrics.jobs.inc({ job: job?.kind ?? "unknown", outcome });
      log.error({ err: error as Error, "fkod.job": job?.id }, `a job failed: ${outcome}`);
      if (outcome === "dead") await sentry.report(error, { job: job?.kind ?? "unknown" });
    }
  });
}

async function welcome(userId: number, database: Base["database"], mailer: Mailer): Promise<void> {
  // The replica may not have a user who registered a moment ago.
  const user = await database.read("primary", async (client) => {
    const { rows } = await client.query<{ email: string; name: string }>(
      "select email, name from users where id = $1",
      [userId],
    );
    return rows[0];
  });
  if (!user) return;
  await mailer.send({
    to: user.email,
    subject: "Welcome to F-Kod",
    text: `Hello ${user.name},\n\nyour account is ready. Pick a course, or ask for a mentor.\n\nF-Kod`,
  });
}
