import { Redis } from "ioredis";
import { afterAll, describe, expect, test } from "vitest";
import { createQueue, DEAD, Job, WAITING } from "./queue.ts";

const url = process.env.TEST_REDIS_URL ?? "";
if (!url) console.warn("SKIPPED: the queue's test needs TEST_REDIS_URL");

describe.runIf(url !== "")("the queue", () => {
  // A prefix of its own keeps the test out of anything else in this Redis.
  const redis = new Redis(url, { keyPrefix: `test-${process.pid}-${Date.now()}:`, lazyConnect: true });
  const queue = createQueue(redis);
  afterAll(async () => {
    await redis.del(WAITING, DEAD, "jobs:later", "jobs:workers", "jobs:working:a", "jobs:working:b");
    redis.disconnect();
  });

  test("hands out a job once, oldest first", async () => {
    await queue.add({ kind: "welcome-email", userId: 1 });
    await queue.add({ kind: "welcome-email", userId: 2 });
    const first = await queue.take("a", 1);
    expect(Job.parse(JSON.parse(first?.raw ?? ""))).toMatchObject({ userId: 1, attempts: 0 });
    await queue.done("a", first?.raw ?? "");
    const second = await queue.take("a", 1);
    await queue.done("a", second?.raw ?? "");
    expect(await queue.take("a", 0.1)).toBeUndefined();
  });

  test("tries a failed job later, and gives up after the fifth time", async () => {
    await queue.add({ kind: "welcome-email", userId: 3 });
    let raw = (await queue.take("a", 1))?.raw ?? "";
    const job = Job.parse(JSON.parse(raw));
    expect(await queue.failed("a", raw, job)).toBe("again");
    await queue.retryDue();
    expect(await redis.llen(WAITING)).toBe(0);
    raw = JSON.stringify({ ...job, attempts: 4 });
    expect(await queue.failed("a", raw, { ...job, attempts: 4 })).toBe("dead");
    expect(await queue.failed("a", "{not a job", undefined)).toBe("dead");
    expect(await redis.llen(DEAD)).toBe(2);
  });

  test("gives the jobs of a worker that died to the others", async () => {
    await queue.add({ kind: "welcome-email", userId: 4 });
    await redis.sadd("jobs:workers", "b");
    const { raw } = (await queue.take("b", 1)) ?? { raw: "" };
    expect(await queue.recover()).toBe(1);
    expect((await queue.take("a", 1))?.raw).toBe(raw);
    await queue.done("a", raw);
  });
});
