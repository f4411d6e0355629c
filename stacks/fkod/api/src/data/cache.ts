import type { Redis } from "ioredis";
import type { Metrics } from "../metrics.ts";
import type { ReadFrom } from "./database.ts";

export type Cache = {
  /** The cached value of this variant, or the one `load` makes. A cache that fails only costs time. */
  through<T>(variant: string, load: (from: ReadFrom) => Promise<T>): Promise<T>;
  /** Forgets all variants. */
  clear(): Promise<void>;
};

const LIFE_SECONDS = 60;
/** After a change the cache is filled from the primary, as the replica may not have the change yet. */
const FRESH_SECONDS = 5;

/** One hash for one kind of list: all variants are forgotten with one DEL. */
export function createCache(redis: Redis, name: string, metrics: Metrics): Cache {
  const list = `cache:${name}`;
  const fresh = `cache:${name}:changed`;
  const loading = new Map<string, Promise<unknown>>();

  async function look(variant: string): Promise<{ value?: string; from: ReadFrom }> {
    try {
      const [value, changed] = (await redis.pipeline().hget(list, variant).exists(fresh).exec()) ?? [];
      if (value?.[0] || changed?.[0]) return { from: "replica" };
      const text = value?.[1] as string | null | undefined;
      return { ...(text ? { value: text } : {}), from: changed?.[1] ? "primary" : "replica" };
    } catch {
      return { from: "replica" };
    }
  }

  async function fill(variant: string, value: unknown): Promise<void> {
    await redis
      .pipeline()
      .hset(list, variant, JSON.stringify(value))
      .expire(list, LIFE_SECONDS, "NX")
      .exec()
      .catch(() => {});
  }

  return {
    async through<T>(variant: string, load: (from: ReadFrom) => Promise<T>) {
      const { value, from } = await look(variant);
      if (value !== undefined) {
        metrics.cacheRequests.inc({ cache: name, result: "hit" });
        return JSON.parse(value) as T;
      }
      metrics.cacheRequests.inc({ cache: name, result: "miss" });
      // A hundred requests for a list that has just expired make one query, not a hundred.
      const key = `${from} ${variant}`;
      const running = loading.get(key) as Promise<T> | undefined;
      if (running) return running;
      const started = load(from).then(async (made) => {
        await fill(variant, made);
        return made;
      });
      loading.set(key, started);
      return started.finally(() => loading.delete(key));
    },
    async clear() {
      await redis
        .pipeline()
        .set(fresh, "1", "EX", FRESH_SECONDS)
        .del(list)
        .exec()
        .catch(() => {});
    },
  };
}
