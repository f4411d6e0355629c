/** Redis, twice from one mould: sessions that are kept on disk and never evicted, and a cache that is neither. */
import { GiB, MiB } from "../spec/words.ts";
import {
  type Claim,
  type Context,
  type Contribution,
  defineComponent,
  type Image,
  mountFolder,
  mountVolume,
  type Service,
  template,
} from "./component.ts";
import { aclFile } from "./redis/acl.ts";
import { type Conf, cacheConf, cacheMaxmemory, sessionsConf, sessionsMaxmemory } from "./redis/conf.ts";
import { exporter, exporterClaim } from "./redis/exporter.ts";
import { LEAST_MEMORY, Redis } from "./redis/options.ts";

export { Redis };

const SESSIONS = "redis-sessions";
const CACHE = "redis-cache";
const PORT = 6379;
/** uid and gid of `redis`, and /data. Source: redis/docker-library-redis, debian/Dockerfile. */
const UID = 999;
const FOLDER = "/usr/local/etc/redis";

const image: Image = {
  official: "redis:8.10.2",
  debian: { name: "redis", files: [template("Dockerfile", "redis/Dockerfile.debian.hbs", {})] },
};

export const redis = defineComponent({
  name: "redis",
  at: ["redis"],
  options: Redis,
  optional: true,

  claim(options, context): Claim[] {
    const server = (service: string, weight: number, ceiling: number): Claim => ({
      service,
      memory: { floor: LEAST_MEMORY, weight, ceiling },
      cpu: { weight: 1024 },
      // The server, its helpers, a fork, and redis-cli of the healthcheck.
      pids: 64,
    });
    return [
      {
        ...server(SESSIONS, 2, options.sessions.memory),
        disk: {
          [SESSIONS]: {
            floor: 512 * MiB,
            weight: 1,
            ceiling: Math.max(1 * GiB, 4 * options.sessions.memory),
          },
        },
      },
      server(CACHE, 3, options.cache.memory),
      ...(monitored(context) ? [exporterClaim] : []),
    ];
  },

  contribute(options, grants, context): Contribution {
    const memory = {
      sessions: sessionsMaxmemory(grants.service(SESSIONS).memory, grants.volume(SESSIONS)),
      cache: cacheMaxmemory(grants.service(CACHE).memory),
    };
    const url = (host: string, password: string) => [
      "redis://app:",
      { secret: password, as: "url" } as const,
      `@${host}:${PORT}/0`,
    ];
    const sessionsUrl = url(SESSIONS, "redis_sessions_app_password");
    const cacheUrl = url(CACHE, "redis_cache_app_password");
    const watched = monitored(context) ? exporter([SESSIONS, CACHE], grants) : {};
    return {
      ...watched,
      services: {
        [SESSIONS]: {
          ...server(SESSIONS, "redis_sessions_acl"),
          volumes: [mountFolder(SESSIONS, FOLDER), mountVolume(SESSIONS, "/data")],
          // A large append-only file is synced before the end.
          stop_grace_period: "60s",
        },
        [CACHE]: {
          ...server(CACHE, "redis_cache_acl"),
          volumes: [mountFolder(CACHE, FOLDER)],
          // Nothing is kept, but the folder must be there and be its own: it is the working directory.
          tmpfs: [`/data:size=1m,mode=0700,uid=${UID},gid=${UID}`],
          stop_grace_period: "10s",
        },
        ...watched.services,
      },
      volumes: [SESSIONS],
      files: [
        confFile(SESSIONS, sessionsConf(memory.sessions, "redis_sessions_acl")),
        confFile(CACHE, cacheConf(memory.cache, options.cache.policy, "redis_cache_acl")),
      ],
      secrets: [
        { name: "redis_sessions_app_password", random: 32 },
        { name: "redis_cache_app_password", random: 32 },
        { name: "redis_monitoring_password", random: 32 },
        { name: "redis_operator_password", random: 32 },
        {
          name: "redis_sessions_acl",
          text: aclFile({ application: "redis_sessions_app_password", allow: options.sessions.allow }),
        },
        {
          name: "redis_cache_acl",
          // Emptying a cache is part of using it.
          text: aclFile({
            application: "redis_cache_app_password",
            allow: ["flushdb", ...options.cache.allow],
          }),
        },
        ...(watched.secrets ?? []),
      ],
      provides: { REDIS_URL: sessionsUrl, SESSIONS_REDIS_URL: sessionsUrl, CACHE_REDIS_URL: cacheUrl },
      ready: [SESSIONS, CACHE],
      probes: [SESSIONS, CACHE].map((name) => ({ name, module: "tcp_connect", target: `${name}:${PORT}` })),
      unscraped: {
        [SESSIONS]: "asked by redis-exporter",
        [CACHE]: "asked by redis-exporter",
      },
      logs: { [SESSIONS]: "redis", [CACHE]: "redis", ...watched.logs },
      backups: [
        {
          what: SESSIONS,
          volume: SESSIONS,
          note: "Whole where appendonlydir/*.manifest is the same before and after: the files it names only grow.",
        },
        { what: CACHE, none: "A cache: it fills again by itself" },
      ],
      settings: [
        {
          service: SESSIONS,
          setting: "maxmemory",
          value: `${memory.sessions / MiB} MB`,
          because:
            "60% of its memory, at most a quarter of its disk: a rewrite of the append-only file needs the rest",
        },
        {
          service: SESSIONS,
          setting: "maxmemory-policy",
          value: "noeviction",
          because: "a full store refuses, it never forgets",
        },
        {
          service: CACHE,
          setting: "maxmemory",
          value: `${memory.cache / MiB} MB`,
          because: "75% of its memory: replies to slow clients and fragmentation need the rest",
        },
        {
          service: CACHE,
          setting: "maxmemory-policy",
          value: options.cache.policy,
          because: "redis.cache.policy",
        },
        {
          service: SESSIONS,
          setting: "vm.overcommit_memory",
          value: "1, on the machine",
          because:
            "a container cannot set it; at 0 the kernel may refuse the fork that rewrites the append-only file",
        },
      ],
    };
  },
});

function monitored(context: Pick<Context, "present">): boolean {
  return context.present.has("prometheus");
}

function server(name: string, acl: string): Service {
  return {
    image,
    user: `${UID}:${UID}`,
    // Past the official entry script: it would load search, JSON and other modules, with their threads and memory.
    entrypoint: ["redis-server", `${FOLDER}/redis.conf`],
    working_dir: "/data",
    networks: ["data"],
    secrets: [acl, "redis_operator_password"],
    // `health` takes any password and may do nothing but PING. -e: an error such as LOADING is a failure.
    healthcheck: {
      test: ["CMD", "redis-cli", "--no-auth-warning", "-e", "--user", "health", "--pass", name, "ping"],
    },
    stop_grace_period: "30s",
  };
}

function confFile(service: string, conf: Conf) {
  return template(`${service}/redis.conf`, "redis/redis.conf.hbs", conf, { restarts: [service] });
}
