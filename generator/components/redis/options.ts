/** The words of `redis` in stack.yaml. */
import { z } from "zod";
import { MiB, Size } from "../../spec/words.ts";

/** Below this a Redis with its buffers and a fork has no room for data. */
export const LEAST_MEMORY = 64 * MiB;

const Memory = Size.refine((bytes) => bytes >= LEAST_MEMORY, { error: "expected at least 64MB" });

const RedisCommand = z
  .string({ error: "expected a Redis command such as keys or client|list" })
  .regex(/^[a-z][a-z_.-]{0,30}(?:\|[a-z][a-z-]{0,30})?$/, {
    error: "expected a Redis command in small letters, such as keys or client|list",
  });
const Allow = z
  .array(RedisCommand)
  .max(64)
  .default([])
  .describe("Commands beyond the usual that the application may use: keys, sort, client|list");

const policies = [
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "volatile-lru",
  "volatile-lfu",
  "volatile-ttl",
] as const;

export const Redis = z
  .strictObject({
    sessions: z
      .strictObject({
        memory: Memory.prefault("1GB").describe(
          "The most memory it may be given; the budget decides below that",
        ),
        allow: Allow,
      })
      .prefault({})
      .describe(
        "Keeps what must not be lost: on disk, at most one second behind, and nothing is ever evicted",
      ),
    cache: z
      .strictObject({
        memory: Memory.prefault("2GB").describe(
          "The most memory it may be given; the budget decides below that",
        ),
        policy: z
          .enum(policies, { error: `expected one of ${policies.join(", ")}` })
          .default("allkeys-lru")
          .describe(
            "Which key goes when the memory is full: the least recently or the least frequently used",
          ),
        allow: Allow,
      })
      .prefault({})
      .describe("Keeps nothing: bounded, evicts, empty after a restart"),
  })
  .prefault({})
  .describe("Redis, twice: sessions that are kept, and a cache that is not");
export type Redis = z.output<typeof Redis>;
