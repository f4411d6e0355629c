import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { z } from "zod";

/** A job names a user and never carries their address: Redis is no place for personal data. */
export const Job = z.object({
  id: z.uuid(),
  kind: z.literal("welcome-email"),
  userId: z.number(),
  attempts: z.number().default(0),
});
export type Job = z.infer<typeof Job>;

export const WAITING = "jobs:waiting";
export const DEAD = "jobs:dead";
/** Failed jobs by the time of their next try. */
const LATER = "jobs:later";
const WORKERS = "jobs:workers";
const workingKey = (worker: string) => `jobs:working:${worker}`;
const aliveKey = (worker: string) => `jobs:alive:${worker}`;
/** Waits after the first to fourth failure; the fifth is the last. */
const RETRY_SECONDS = [10, 60, 600, 3_600];
const ALIVE_SECONDS = 30;

export type Queue = {
  add(job: Omit<Job, "id" | "attempts">): Promise<void>;
  /** Waits up to `seconds` for a job, and moves it to this worker's list so that a crash loses none. */
  take(worker: string, seconds: number): Promise<{ raw: string } | undefined>;
  done(worker: string, raw: string): Promise<void>;
  /** Sets a job aside: for a later try, or for good after its fifth failure; tells which. */
  failed(worker: string, raw: string, job: Job | undefined): Promise<"again" | "dead">;
  /** Queues the failed jobs whose time has come. */
  retryDue(): Promise<void>;
  /** Says that this worker lives. */
  alive(worker: string): Promise<void>;
  /** Gives the jobs of workers that died back to the queue; returns how many. */
  recover(): Promise<number>;
};

export function createQueue(redis: Redis): Queue {
  return {
    async add(job) {
      await redis.lpush(WAITING, JSON.stringify({ ...job, id: randomUUID(), attempts: 0 }));
    },
    async take(worker, seconds) {
      const raw = await redis.blmove(WAITING, workingKey(worker), "RIGHT", "LEFT", seconds);
      return raw === null ? undefined : { raw };
    },
    async done(worker, raw) {
      await redis.lrem(workingKey(worker), 1, raw);
    },
    async failed(worker, raw, job) {
      const wait = job && RETRY_SECONDS[job.attempts];
      const change = redis.multi().lrem(workingKey(worker), 1, raw);
      if (wait) {
        const next = JSON.stringify({ ...job, attempts: job.attempts + 1 });
        await change.zadd(LATER, Date.now() + wait * 1_000, next).exec();
        return "again";
      }
      await change.lpush(DEAD, raw).ltrim(DEAD, 0, 999).exec();
      return "dead";
    },
    async retryDue() {
      // Two workers at the same moment may queue a job twice, which a job must stand anyway.
      for (const raw of await redis.zrangebyscore(LATER, 0, Date.now(), "LIMIT", 0, 100))
        await redis.multi().zrem(LATER, raw).lpush(WAITING, raw).exec();
    },
    async alive(worker) {
      await redis.multi().sadd(WORKERS, worker).set(aliveKey(worker), "1", "EX", ALIVE_SECONDS).exec();
    },
    async recover() {
      let moved = 0;
      for (const worker of await redis.smembers(WORKERS)) {
        if (await redis.exists(aliveKey(worker))) continue;
        while (await redis.lmove(workingKey(worker), WAITING, "LEFT", "RIGHT")) moved++;
        await redis.srem(WORKERS, worker);
      }
      return moved;
    },
  };
}
