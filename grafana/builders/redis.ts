/** Redis: sessions, which must never be evicted, and the cache, which must hit. */
import { board } from "../library/board.ts";
import { hitShare, promised } from "../library/metrics.ts";
import { bars, lines, number, strips } from "../library/panels.ts";
import { objective, query } from "../library/words.ts";

const OWN = 'instance=~"$redis"';

function rate(metric: string, by = "instance"): string {
  return `sum by (${by}) (rate(${metric}{${OWN}}[$__rate_interval]))`;
}

/** As the objective counts: to Redis a look whether a key exists is a read too, and most find none. */
const asAsked =
  'sum(rate(cache_requests_total{result="hit"}[$__rate_interval])) / (sum(rate(cache_requests_total{result=~"hit|miss"}[$__rate_interval])) > 0)';

const full = `redis_memory_used_bytes{${OWN}} / (redis_memory_max_bytes{${OWN}} > 0)`;

export function redis() {
  return board({
    stem: "redis",
    title: "Redis",
    description: "Sessions are kept on disk and never evicted; the cache is bounded and should hit.",
    pickers: [{ name: "redis", label: "Redis", metric: "redis_up", values: "instance" }],
    sections: {
      Now: [
        number({
          title: "Up",
          description:
            "Instances that answer. Without sessions nobody is signed in; without the cache all is slower.",
          unit: "none",
          limits: { warnBelow: 2, below: 1 },
          queries: [query("sum(redis_up) or vector(0)", "up")],
        }),
        number({
          title: "Sessions full",
          description:
            "Memory used of maxmemory. At 100% new sessions are refused: raise redis.sessions.memory.",
          unit: "percentunit",
          limits: { warnAbove: 0.8, above: 0.95 },
          queries: [
            query(
              'max(redis_memory_used_bytes{instance="redis-sessions"} / (redis_memory_max_bytes > 0))',
              "used",
            ),
          ],
        }),
        number({
          title: "Cache hits",
          description:
            "Share of reads of the cache that found their key, as the application counts them, or else Redis.",
          unit: "percentunit",
          decimals: 1,
          none: "no reads",
          queries: [query(`${asAsked} or on () ${hitShare('instance="redis-cache"')}`, "hits")],
        }),
        number({
          title: "Sessions evicted",
          description: "Since the instance started. There must be none: each is a user signed out.",
          unit: "none",
          limits: { above: 1 },
          queries: [query('max(redis_evicted_keys_total{instance="redis-sessions"})', "evicted")],
        }),
        number({
          title: "Clients",
          description: "Connections of clients.",
          unit: "none",
          queries: [query(`sum(redis_connected_clients{${OWN}})`, "clients")],
        }),
        number({
          title: "Rejected",
          description: "Connections refused in the last hour, as maxclients was reached.",
          unit: "none",
          limits: { above: 1 },
          queries: [query(`sum(increase(redis_rejected_connections_total{${OWN}}[1h]))`, "rejected")],
        }),
      ],
      Work: [
        lines({
          title: "Commands",
          description: "Commands a second.",
          unit: "ops",
          queries: [query(rate("redis_commands_processed_total"), "{{instance}}")],
        }),
        lines({
          title: "Hits",
          description:
            "Share of reads that found their key. The promise is for the cache, as the application counts it where it does.",
          unit: "percentunit",
          max: 1,
          queries: [
            query(asAsked, "application"),
            query(hitShare(OWN), "{{instance}}"),
            objective(promised.cacheHits, "promised"),
          ],
        }),
        lines({
          title: "A command takes",
          description: "Mean time of the five slowest commands. All others wait while one runs.",
          unit: "s",
          width: 24,
          queries: [
            query(
              `topk(5, ${rate("redis_commands_duration_seconds_total", "instance, cmd")} / (${rate("redis_commands_total", "instance, cmd")} > 0))`,
              "{{instance}} {{cmd}}",
            ),
          ],
        }),
      ],
      Memory: [
        lines({
          title: "Memory",
          description: "Used by data and buffers, and the most each may use.",
          unit: "bytes",
          width: 8,
          queries: [
            query(`redis_memory_used_bytes{${OWN}}`, "{{instance}}"),
            objective(`redis_memory_max_bytes{${OWN}}`, "{{instance}} maxmemory"),
          ],
        }),
        bars({
          title: "Full",
          description: "Memory used of maxmemory. A full cache is normal; full sessions are an outage.",
          unit: "percentunit",
          min: 0,
          max: 1,
          limits: { warnAbove: 0.8, above: 0.95 },
          queries: [query(full, "{{instance}}")],
        }),
        lines({
          title: "Resident against used",
          description:
            "Above 1.5 for long the memory is fragmented; below 1 the machine swaps. Little data says nothing of it.",
          unit: "none",
          width: 8,
          limits: { above: 1.5 },
          none: "less than 64 MB is used",
          queries: [
            // Redis's own code and buffers, a dozen megabytes, are counted as fragments of what it holds.
            query(
              `redis_mem_fragmentation_ratio{${OWN}} and on (instance) redis_memory_used_bytes > 64 * 1024 * 1024`,
              "{{instance}}",
            ),
          ],
        }),
      ],
      Keys: [
        lines({
          title: "Keys",
          description: "Keys held, in all databases.",
          unit: "none",
          width: 8,
          queries: [query(`sum by (instance) (redis_db_keys{${OWN}})`, "{{instance}}")],
        }),
        lines({
          title: "Evicted and expired",
          description: "Keys a second thrown out for want of memory, and gone as their time was up.",
          unit: "ops",
          width: 8,
          queries: [
            query(rate("redis_evicted_keys_total"), "{{instance}} evicted"),
            query(rate("redis_expired_keys_total"), "{{instance}} expired"),
          ],
        }),
        strips({
          title: "Kept on disk",
          description:
            "Whether the last write of the append-only file succeeded, or the disk is full or failing.",
          width: 8,
          good: "written",
          bad: "failed",
          queries: [query('redis_aof_last_write_status{instance="redis-sessions"}', "{{instance}}")],
        }),
      ],
    },
  });
}
