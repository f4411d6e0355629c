/** What would hide, or be hidden by, a fault of another wave. */
import { keepRunning, limitCpu, shell, withRedis } from "../acts.ts";
import { cutOff, inSidecar, joinUp, sql } from "../site.ts";
import type { Fault } from "./fire.ts";
import {
  connections,
  dies,
  emptySessions,
  fillSessions,
  paused,
  program,
  SESSIONS,
  weights,
} from "./parts.ts";

export const SECOND: readonly Fault[] = [
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
      const end = await keepRunning(site, site.leader, script);
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

export const THIRD: readonly Fault[] = [
  {
    // The replica, since the figures of others' faults are the primary's.
    what: "the replica has a twenty-fifth of a core, and eight clients that count",
    alerts: ["DatabaseLatencyAboveObjective"],
    async begin(site) {
      const widen = await limitCpu(site, site.replica, 0.04);
      const clients = "-n -j 1 -c 8 -T 3600 -f /dev/stdin";
      const count = "select count(*) from generate_series(1, 100000)";
      const script = `exec pgbench -h 127.0.0.1 -U postgres ${clients} fkod_db <<end\n${count}\nend`;
      const end = await keepRunning(site, site.replica, script);
      return async () => {
        await widen();
        await end();
      };
    },
  },
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

export const FOURTH: readonly Fault[] = [
  {
    what: "a server stands still for four fifths of the time",
    alerts: ["ApiEventLoopBlocked"],
    begin: (site) =>
      keepRunning(
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

export const FIFTH: readonly Fault[] = [
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
