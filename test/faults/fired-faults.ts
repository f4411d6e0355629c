/** Faults that no other series has, each with the alerts that must fire. Those of a wave are there together. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  closed,
  cores,
  dieOften,
  goOn,
  opened,
  pause,
  reload,
  resume,
  shell,
  withRedis,
  writeLog,
} from "./acts.ts";
import type { Fault } from "./fired.ts";
import { ARCHIVE, cutOff, docker, idOf, inSidecar, joinUp, type Site, sql } from "./site.ts";

const API = ["api-1", "api-2", "api-3"];
const CONTROL = "http://127.0.0.1:8081/control/api";

/** A statement on the primary, over and over. */
function often(site: Site, seconds: number, statement: string): Promise<() => Promise<unknown>> {
  const psql = "psql -h 127.0.0.1 -U postgres -d fkod_db -XAtqc";
  return goOn(site, site.leader, `while ${psql} "${statement}" >/dev/null; do sleep ${seconds}; done`);
}

/** A program in the application's container, with its packages. */
function program(site: Site, service: string, text: string): Promise<() => Promise<unknown>> {
  return goOn(site, service, `NODE_OPTIONS= exec node -e '${text.replaceAll("'", `'\\''`)}'`);
}

/** As many open connections to a port, made again where they are closed, for so many seconds. */
const connections = (site: Site, host: string, port: number, count: number, seconds = 3600) =>
  program(
    site,
    "worker-1",
    `const net = require("node:net");
     require("node:dns").lookup("${host}", (_, address) => {
       const open = () => net.connect(${port}, address).on("error", () => {}).on("close", () => setTimeout(open, 500));
       for (let n = 0; n < ${count}; n++) open();
     });
     setTimeout(() => process.exit(), ${seconds} * 1000);`,
  );

function weights(site: Site, each: Readonly<Record<string, number>>): Promise<string> {
  const body = JSON.stringify({ weights: each });
  return shell(site, "nginx", `curl -sS --fail-with-body -m 10 -X PATCH --data '${body}' ${CONTROL}`);
}

const paused = (service: string, what: string, ...alerts: string[]): Fault => ({
  what,
  alerts,
  async begin(site) {
    await pause(site, service);
    return () => resume(site, service);
  },
});

const slow = (services: readonly string[], share: number, what: string, ...alerts: string[]): Fault => ({
  what,
  alerts,
  async begin(site) {
    for (const service of services) await cores(site, service, share);
    return async () => {
      for (const service of services) await cores(site, service, 2);
    };
  },
});

const dies = (service: string, alert: string, seconds?: number): Fault => ({
  what: `${service} dies four times`,
  alerts: [alert],
  async begin(site) {
    await dieOften(site, service, seconds);
    return undefined;
  },
});

const SESSIONS = "redis-sessions";

/** A megabyte at a time, up to so many of a hundred parts of what it may hold. */
function fillSessions(site: Site, share: number): Promise<string> {
  const megabyte = `for n = 1, 10 do redis.call("set", "filler:" .. ARGV[1] .. ":" .. n, string.rep("x", 100000)) end`;
  return shell(
    site,
    SESSIONS,
    withRedis(`n=0
      figure() { cli info memory | sed -n "s/^$1:\\([0-9]*\\).*/\\1/p"; }
      while [ $(($(figure used_memory) * 100)) -lt $(($(figure maxmemory) * ${share})) ]; do
        n=$((n + 1))
        [ "$n" -lt 500 ] && cli eval '${megabyte}' 0 "$n" >/dev/null || exit 1
      done`),
  );
}

function emptySessions(site: Site): Promise<string> {
  const all = `for _, key in ipairs(redis.call("keys", "filler:*")) do redis.call("unlink", key) end`;
  return shell(site, SESSIONS, withRedis(`cli eval '${all}' 0`));
}

/** From the first wave to its end. */
const LONG: readonly Fault[] = [
  {
    what: "the cache is emptied each second",
    alerts: ["CacheHitsBelowObjective"],
    begin: (site) =>
      goOn(site, "redis-cache", withRedis("while :; do cli flushall; sleep 1; done >/dev/null 2>&1")),
  },
  {
    what: "an application's transaction that does not end",
    alerts: ["PostgresLongTransaction"],
    begin: (site) =>
      program(
        site,
        "worker-1",
        `const { Client } = require("pg");
         const client = new Client(require("node:fs").readFileSync("/run/secrets/DATABASE_URL", "utf8").trim());
         client.connect().then(() => client.query("set statement_timeout = 0; begin; select pg_sleep(7200)"));`,
      ),
  },
  {
    what: "a table of 150,000 rows is read whole each five seconds",
    alerts: ["PostgresSequentialScans"],
    async begin(site) {
      await sql(site, site.leader, "create table scanned as select n from generate_series(1, 150000) as n");
      await sql(site, site.leader, "analyze scanned");
      return often(site, 5, "select count(*) from scanned where n < 0");
    },
  },
];

const FIRST: readonly Fault[] = [
  {
    what: "a slot that nobody reads, and more log than it may hold",
    alerts: ["PostgresSlotLost"],
    async begin(site) {
      await sql(site, site.leader, "select pg_create_physical_replication_slot('left_behind', true)");
      return () => sql(site, site.leader, "select pg_drop_replication_slot('left_behind')");
    },
  },
  {
    what: "the archive takes no segment, and much is written",
    alerts: ["ArchiveEndangersRpo", "ArchiveFillsDisk", "ArchiveRepositoryBehind"],
    async begin(site) {
      await closed(site, ARCHIVE);
      // Both limits follow the disk that the plan gave it.
      const setting = "select setting from pg_settings where name = 'max_slot_wal_keep_size'";
      await writeLog(site, Number(await sql(site, site.leader, setting)) + 128);
      return () => opened(site, ARCHIVE);
    },
  },
  {
    what: "a script asks for a checkpoint each twenty seconds",
    alerts: ["PostgresCheckpointsForced"],
    begin: (site) => often(site, 20, "checkpoint"),
  },
  {
    what: "a job's text file that is none",
    alerts: ["HostTextfileBroken"],
    async begin(site) {
      await inSidecar(site, "echo 'this is no metric {' >/metrics/broken.prom");
      return () => inSidecar(site, "rm /metrics/broken.prom");
    },
  },
  {
    what: "files that are many and small",
    alerts: ["HostInodesShort"],
    async begin(site) {
      await inSidecar(
        site,
        "left=$(df --output=iavail /metrics | tail -1); mkdir /metrics/many; for ((n = 0; n < left - 200; n++)); do : >/metrics/many/$n; done",
      );
      return () => inSidecar(site, "rm -r /metrics/many");
    },
  },
  {
    what: "Alertmanager is told to read a file that is none",
    alerts: ["AlertmanagerConfigReloadFailed"],
    async begin(site) {
      await reload(site, "alertmanager", "none: [\n");
      return () => reload(site, "alertmanager");
    },
  },
  {
    what: "the receiver refuses what it is sent",
    alerts: ["AlertmanagerNotificationsFail"],
    begin: async () => undefined,
  },
  slow(
    API,
    0.02,
    "the servers have a fiftieth of a core each",
    "EdgeSlow",
    "LatencyAboveObjective",
    "ServiceCpuThrottled",
  ),
  {
    what: "sessions fill their Redis",
    alerts: ["RedisSessionsMemory", "RedisSessionsFull"],
    async begin(site) {
      await fillSessions(site, 97);
      return () => emptySessions(site);
    },
  },
  {
    what: "2,100 connections to a Redis that takes 2,000",
    alerts: ["RedisConnectionsRejected"],
    // For a moment: while they are there, redis_exporter does not come in either.
    begin: (site) => connections(site, "redis-cache", 6379, 2100, 15),
  },
  {
    what: "rules of one's own: one that fails, one that takes longer than its interval",
    alerts: ["PrometheusRulesFail", "PrometheusRulesLate"],
    async begin(site) {
      const file = join(site.stack.folder, "prometheus/rules/own.rules.yaml");
      const rule = (name: string, interval: string, expr: string) =>
        `  - name: ${name}\n    interval: ${interval}\n    rules:\n      - record: own:${name}\n        expr: ${expr}\n`;
      const fails = `label_replace({__name__=~"up|scrape_duration_seconds"}, "job", "", "", "")`;
      // Of few cores, or it would take all that there are.
      await cores(site, "prometheus", 0.5);
      const late = `count(count_over_time({__name__=~"plimsoll.+|node.+|pg.+"}[10m:200ms]))`;
      await writeFile(file, `groups:\n${rule("fails", "15s", fails)}${rule("late", "1s", late)}`);
      const read = async () => docker(site, "kill", "--signal", "HUP", await idOf(site, "prometheus"));
      await read();
      return async () => {
        await rm(file);
        await cores(site, "prometheus", 2);
        await read();
      };
    },
  },
  {
    what: "a damaged block",
    alerts: ["PrometheusStorageFails"],
    async begin(site) {
      const block = "/prometheus/01ARZ3NDEKTSV4RRFFQ69G5FAV";
      await shell(site, "prometheus", `mkdir -p ${block}/chunks && echo damaged >${block}/meta.json`);
      return () => shell(site, "prometheus", `rm -r ${block}`);
    },
  },
  {
    what: "a program of the machine's own is killed for want of memory",
    alerts: ["HostOutOfMemoryKill"],
    async begin(site) {
      const image = await docker(site, "inspect", "--format", "{{.Image}}", await idOf(site, "nginx"));
      const words = [
        "--rm",
        "--network",
        "none",
        "--memory",
        "24m",
        "--memory-swap",
        "24m",
        "--entrypoint",
        "sh",
      ];
      await docker(site, "run", ...words, image, "-c", "tail /dev/zero").catch(() => undefined);
      return undefined;
    },
  },
  {
    what: "a service holds nearly all that it may",
    alerts: ["ServiceMemoryNearLimit"],
    begin: (site) =>
      program(
        site,
        "clock-1",
        `const fs = require("node:fs");
         const read = (...files) => Number(fs.readFileSync(files.find((file) => fs.existsSync(file)), "utf8"));
         const root = "/sys/fs/cgroup/";
         const limit = read(root + "memory.max", root + "memory/memory.limit_in_bytes");
         const used = () => read(root + "memory.current", root + "memory/memory.usage_in_bytes");
         const held = [];
         setInterval(() => { if (used() < 0.95 * limit) held.push(Buffer.alloc(1e6, 1)); }, 100);`,
      ),
  },
];

const SECOND: readonly Fault[] = [
  paused("alertmanager", "Alertmanager hangs", "AlertmanagerUnreachable", "AlertmanagerNotificationsDropped"),
  {
    what: "somebody makes a cache of the sessions' Redis",
    alerts: ["RedisSessionsEvicted", "RedisSessionsNotPersisted"],
    async begin(site) {
      const settings = (policy: string, log: string) =>
        shell(site, SESSIONS, withRedis(`cli config set maxmemory-policy ${policy} appendonly ${log}`));
      await settings("allkeys-lru", "no");
      await fillSessions(site, 98);
      const large = `redis.call("set", "filler:more:" .. ARGV[1], string.rep("x", 1000000))`;
      await shell(site, SESSIONS, withRedis(`for n in 1 2 3 4 5 6; do cli eval '${large}' 0 "$n"; done`));
      return async () => {
        await emptySessions(site);
        await settings("noeviction", "yes");
      };
    },
  },
  {
    what: "205 of 212 connections are taken",
    alerts: ["PostgresConnectionsNearLimit", "PostgresConnectionsExhausted"],
    async begin(site) {
      const taken = Number(
        await sql(
          site,
          site.leader,
          "select count(*) from pg_stat_activity where backend_type = 'client backend'",
        ),
      );
      const clients = `-n -j 1 -c ${206 - taken} -T 3600 -f /dev/stdin`;
      const script = `exec pgbench -h 127.0.0.1 -U postgres ${clients} fkod_db <<end\nselect pg_sleep(3600)\nend`;
      const end = await goOn(site, site.leader, script);
      return async () => {
        await end();
        await sql(
          site,
          site.leader,
          "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgbench'",
        );
      };
    },
  },
  dies("redis-cache", "RedisRestarts"),
  dies("postgres-2", "PostgresRestarts"),
];

const THIRD: readonly Fault[] = [
  slow(["postgres-1"], 0.04, "the primary has a twenty-fifth of a core", "DatabaseLatencyAboveObjective"),
  {
    what: "the folder of the log of sessions takes no file",
    alerts: ["RedisPersistenceFails"],
    async begin(site) {
      const folder = (mode: string) =>
        shell(site, SESSIONS, withRedis(`chmod ${mode} /data/appendonlydir && cli bgrewriteaof`));
      await folder("a-w");
      return () => folder("u+w");
    },
  },
  {
    what: "the disk is full",
    alerts: ["HostDiskFilling", "HostDiskFull"],
    async begin({ disks }) {
      await disks?.fill("metrics");
      return () => disks?.free("metrics") ?? Promise.resolve();
    },
  },
];

const FOURTH: readonly Fault[] = [
  {
    what: "a server stands still for four fifths of the time",
    alerts: ["ApiEventLoopBlocked"],
    begin: (site) =>
      goOn(
        site,
        "api-3",
        `server=$(awk '$4 == 1 { print $1; exit }' /proc/[0-9]*/stat)
         trap "kill -CONT $server" EXIT && trap exit TERM
         while :; do kill -STOP "$server"; sleep 0.4; kill -CONT "$server"; sleep 0.1; done`,
      ),
  },
  {
    what: "reports of five seconds, ten at once",
    alerts: ["PostgresStatementsSlow"],
    begin: (site) =>
      program(
        site,
        "worker-1",
        `const { Client } = require("pg");
         const url = require("node:fs").readFileSync("/run/secrets/DATABASE_URL", "utf8").trim();
         const report = async () => {
           const client = new Client(url);
           await client.connect();
           for (;;) await client.query("select pg_sleep(5)");
         };
         for (let n = 0; n < 10; n++) report();`,
      ),
  },
  {
    what: "one server of three, which has little of the load, does not reach its database",
    alerts: ["EdgeServerErrors"],
    async begin(site) {
      await weights(site, { "api-1": 100, "api-2": 10, "api-3": 100 });
      // The database's proxy is in both.
      for (const network of ["data", "monitoring"]) await cutOff(site, "api-2", network);
      return async () => {
        for (const network of ["data", "monitoring"]) await joinUp(site, "api-2", network);
        await weights(site, { "api-1": 100, "api-2": 100, "api-3": 100 });
      };
    },
  },
  {
    what: "the replica may not log in",
    alerts: ["PostgresReplicaDetached"],
    async begin(site) {
      await sql(site, site.leader, "alter role replication nologin");
      await sql(site, site.leader, "select pg_terminate_backend(pid) from pg_stat_replication");
      return () => sql(site, site.leader, "alter role replication login");
    },
  },
  {
    what: "a text file of 25,000 figures",
    alerts: ["PrometheusScrapeRefused"],
    async begin(site) {
      const line = `'BEGIN { print "# TYPE many gauge"; for (n = 0; n < 25000; n++) printf "many{n=\\"%d\\"} 1\\n", n }'`;
      await inSidecar(site, `awk ${line} >/metrics/many.tmp && mv /metrics/many.tmp /metrics/many.prom`);
      return () => inSidecar(site, "rm /metrics/many.prom");
    },
  },
];

const FIFTH: readonly Fault[] = [
  paused("postgres-exporter", "PostgreSQL's exporter hangs", "PostgresExporterDown"),
  {
    what: "all servers were drained",
    alerts: ["EdgeNoServers"],
    async begin(site) {
      await weights(site, { "api-1": 0, "api-2": 0, "api-3": 0 });
      return () => weights(site, { "api-1": 100, "api-2": 100, "api-3": 100 });
    },
  },
  {
    what: "250 connections at the database's proxy, which hands 200 on",
    alerts: ["PostgresConnectionsQueue"],
    begin: (site) => connections(site, "postgres", 5432, 250),
  },
  // It scrapes itself, some time after it has read its own log.
  dies("prometheus", "PrometheusRestarts", 60),
];

/** Nothing undoes it but another base backup. */
const LAST: readonly Fault[] = [
  {
    what: "somebody promotes the replica by hand",
    alerts: ["PostgresTwoPrimaries"],
    async begin(site) {
      await sql(site, site.replica, "select pg_promote()");
      return undefined;
    },
  },
];

export const SERIES = { LONG, WAVES: [FIRST, SECOND, THIRD, FOURTH, FIFTH], LAST } as const;
