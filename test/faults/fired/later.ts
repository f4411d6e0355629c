/** Faults of the later waves: each would hide, or be hidden by, one of another wave. */
import { goesOn, hasCpu, shell, withRedis } from "../acts.ts";
import { cutOff, inSidecar, joinUp, sql } from "../site.ts";
import type { Fault } from "./fire.ts";
import {
  clients,
  connections,
  dying,
  emptySessions,
  evenly,
  fillSessions,
  hanging,
  program,
  SESSIONS,
  weights,
} from "./parts.ts";

export const SECOND: readonly Fault[] = [
  hanging(
    "alertmanager",
    "Alertmanager hangs",
    "AlertmanagerUnreachable",
    "AlertmanagerNotificationsDropped",
  ),
  {
    what: "somebody makes a cache of the sessions' Redis",
    alerts: ["RedisSessionsEvicted", "RedisSessionsNotPersisted"],
    async begin(site, undo) {
      const settings = (policy: string, log: string) =>
        shell(site, SESSIONS, withRedis(`cli config set maxmemory-policy ${policy} appendonly ${log}`));
      undo(() => settings("noeviction", "yes"));
      undo(() => emptySessions(site));
      await settings("allkeys-lru", "no");
      await fillSessions(site, 98);
      const large = `redis.call("set", "filler:more:" .. ARGV[1], string.rep("x", 1000000))`;
      await shell(site, SESSIONS, withRedis(`for n in 1 2 3 4 5 6; do cli eval '${large}' 0 "$n"; done`));
    },
  },
  {
    what: "205 of 212 connections are taken",
    alerts: ["PostgresConnectionsNearLimit", "PostgresConnectionsExhausted"],
    async begin(site, undo) {
      const taken = Number(
        await sql(
          site,
          site.leader,
          "select count(*) from pg_stat_activity where backend_type = 'client backend'",
        ),
      );
      const rest =
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgbench'";
      undo(() => sql(site, site.leader, rest));
      await goesOn(site.leader, clients(206 - taken, "select pg_sleep(3600)"))(site, undo);
    },
  },
  dying("redis-cache", "RedisRestarts"),
  dying("postgres-2", "PostgresRestarts"),
];

export const THIRD: readonly Fault[] = [
  {
    what: "the folder of the log of sessions takes no file",
    alerts: ["RedisPersistenceFails"],
    begin(site, undo) {
      const folder = (mode: string) =>
        shell(site, SESSIONS, withRedis(`chmod ${mode} /data/appendonlydir && cli bgrewriteaof`));
      undo(() => folder("u+w"));
      return folder("a-w");
    },
  },
  {
    what: "the disk is full",
    alerts: ["HostDiskFilling", "HostDiskFull", "HostDiskGone"],
    async begin({ disks }, undo) {
      undo(async () => disks?.free("metrics"));
      await disks?.fill("metrics");
    },
  },
];

export const FOURTH: readonly Fault[] = [
  {
    what: "a server stands still for four fifths of the time",
    alerts: ["ApiEventLoopBlocked"],
    begin: goesOn(
      "api-3",
      `server=$(awk '$4 == 1 { print $1; exit }' /proc/[0-9]*/stat)
         trap "kill -CONT $server" EXIT && trap exit TERM
         while :; do kill -STOP "$server"; sleep 0.4; kill -CONT "$server"; sleep 0.1; done`,
    ),
  },
  {
    what: "reports of five seconds, ten at once",
    alerts: ["PostgresStatementsSlow"],
    begin: program(
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
    async begin(site, undo) {
      undo(() => evenly(site, 100));
      await weights(site, { "api-2": 10 });
      // The database's proxy is in both.
      for (const network of ["data", "monitoring"]) {
        undo(() => joinUp(site, "api-2", network));
        await cutOff(site, "api-2", network);
      }
    },
  },
  {
    what: "the replica may not log in",
    alerts: ["PostgresReplicaDetached"],
    async begin(site, undo) {
      undo(() => sql(site, site.leader, "alter role replication login"));
      await sql(site, site.leader, "alter role replication nologin");
      await sql(site, site.leader, "select pg_terminate_backend(pid) from pg_stat_replication");
    },
  },
  {
    what: "a text file of 25,000 figures",
    alerts: ["PrometheusScrapeRefused"],
    begin(site, undo) {
      const line = `'BEGIN { print "# TYPE many gauge"; for (n = 0; n < 25000; n++) printf "many{n=\\"%d\\"} 1\\n", n }'`;
      undo(() => inSidecar(site, "rm -f /metrics/many.prom"));
      return inSidecar(site, `awk ${line} >/metrics/many.tmp && mv /metrics/many.tmp /metrics/many.prom`);
    },
  },
];

export const FIFTH: readonly Fault[] = [
  hanging("postgres-exporter", "PostgreSQL's exporter hangs", "PostgresExporterDown"),
  {
    what: "all servers were drained",
    alerts: ["EdgeNoServers"],
    begin(site, undo) {
      undo(() => evenly(site, 100));
      return evenly(site, 0);
    },
  },
  {
    what: "250 connections at the database's proxy, which hands 200 on",
    alerts: ["PostgresConnectionsQueue"],
    begin: connections("postgres", 5432, 250),
  },
  // It scrapes itself, some time after it has read its own log.
  dying("prometheus", "PrometheusRestarts", 60),
];

/** By itself: its figure comes by the text files that the others break, fill or hide. */
export const SIXTH: readonly Fault[] = [
  {
    // The replica, since the figures of others' faults are the primary's.
    what: "the replica has a twenty-fifth of a core, and eight clients that count",
    alerts: ["DatabaseLatencyAboveObjective"],
    async begin(site, undo) {
      await goesOn(site.replica, clients(8, "select count(*) from generate_series(1, 100000)"))(site, undo);
      await hasCpu(site.replica, 0.04)(site, undo);
    },
  },
];
