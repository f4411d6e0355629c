/** redis.conf of both instances, and the sizes that follow from the grant. */
import { MiB } from "../../spec/words.ts";

export type Conf = { purpose: string; sections: { because: string; lines: string[] }[] };

/**
 * Bytes for data. The rest of the memory holds what maxmemory does not count: pages copied while a fork rewrites the
 * append-only file, replies waiting for slow clients, fragmentation.
 * `disk`: the append-only file grows to twice its base before it is rewritten, and the new base stands beside it.
 */
export function sessionsMaxmemory(memory: number, disk: number): number {
  return wholeMiB(Math.min(memory * 0.6, disk / 4));
}

/** Bytes for data. A cache never forks: only buffers and fragmentation need room. */
export function cacheMaxmemory(memory: number): number {
  return wholeMiB(memory * 0.75);
}

function wholeMiB(bytes: number): number {
  return Math.floor(bytes / MiB) * MiB;
}

function common(acl: string) {
  return [
    {
      because: "Reached over an internal network only, by users with a password: the default user is off.",
      lines: ["port 6379", "bind * -::*", "protected-mode no", `aclfile /run/secrets/${acl}`],
    },
    {
      because: "No door for code: neither modules nor DEBUG, and settings that name files cannot be changed.",
      lines: ["enable-module-command no", "enable-debug-command no", "enable-protected-configs no"],
    },
    {
      because: "Clients: dead ones are noticed within a minute, and all their buffers together are bounded.",
      lines: ["maxclients 2000", "tcp-keepalive 60", "timeout 0", "maxmemory-clients 30%"],
    },
    {
      because: "Logged to stdout. What takes over 10 ms is in SLOWLOG, over 100 ms in LATENCY.",
      lines: [
        'logfile ""',
        "loglevel notice",
        "always-show-logo no",
        "slowlog-log-slower-than 10000",
        "slowlog-max-len 256",
        "latency-monitor-threshold 100",
        "latency-tracking yes",
      ],
    },
    {
      because: "Large values are freed by a thread beside the one that answers.",
      lines: ["lazyfree-lazy-expire yes", "lazyfree-lazy-server-del yes", "lazyfree-lazy-user-del yes"],
    },
  ];
}

export function sessionsConf(maxmemory: number, acl: string): Conf {
  return {
    purpose: "Sessions: kept on disk, at most one second behind; full means an error, never a lost session.",
    sections: [
      ...common(acl),
      {
        because: "60% of the container's memory, or a quarter of its disk.",
        lines: memoryLines(maxmemory, "noeviction"),
      },
      {
        because:
          "An append-only file, written to disk every second. A torn last line after a crash is cut off.",
        lines: [
          "dir /data",
          'save ""',
          "appendonly yes",
          "appendfsync everysec",
          "aof-use-rdb-preamble yes",
          "aof-load-truncated yes",
          "auto-aof-rewrite-percentage 100",
          `auto-aof-rewrite-min-size ${Math.max(8, Math.min(64, Math.floor(maxmemory / MiB / 4)))}mb`,
          "aof-rewrite-incremental-fsync yes",
        ],
      },
    ],
  };
}

export function cacheConf(maxmemory: number, policy: string, acl: string): Conf {
  return {
    purpose: "Cache: bounded, evicts, and keeps nothing over a restart.",
    sections: [
      ...common(acl),
      {
        because: "75% of the container's memory.",
        lines: [...memoryLines(maxmemory, policy), "maxmemory-samples 10", "lazyfree-lazy-eviction yes"],
      },
      { because: "Nothing is written to disk.", lines: ["dir /data", 'save ""', "appendonly no"] },
    ],
  };
}

function memoryLines(maxmemory: number, policy: string): string[] {
  return [`maxmemory ${maxmemory / MiB}mb`, `maxmemory-policy ${policy}`];
}
