/** Faults of a running stack, and the one alert that is to tell a person of each. Those of a row are there together. */
import { closed, dieOften, opened, pause, reload, resume, shell, writeLog } from "./acts.ts";
import {
  ARCHIVE,
  BACKUPS,
  damage,
  inSidecar,
  killForGood,
  newest,
  newFull,
  type Site,
  sql,
  startAgain,
} from "./site.ts";

export type PageFault = {
  what: string;
  alert: string;
  act(site: Site): Promise<unknown>;
  /** Without, it ended by itself, and the alert looks back at it for a while. */
  heal?(site: Site): Promise<unknown>;
};

const gone = (service: string, alert: string, what = `${service} is gone`): PageFault => ({
  what,
  alert,
  act: (site) => killForGood(site, service),
  heal: (site) => startAgain(site, service),
});
/** It is there and answers nothing. */
const hangs = (service: string, alert: string): PageFault => ({
  what: `${service} hangs`,
  alert,
  act: (site) => pause(site, service),
  heal: (site) => resume(site, service),
});
const dies = (service: string, alert: string): PageFault => ({
  what: `${service} dies four times`,
  alert,
  act: (site) => dieOften(site, service),
});

const API = ["api-1", "api-2", "api-3"];

/** Apart where one would keep the other's alert quiet, or be taken for it. */
export const ROWS: readonly (readonly PageFault[])[] = [
  [
    gone("api-2", "ApiServerDown", "one server of three is gone"),
    gone("postgres-2", "PostgresNodeDown", "the replica is gone"),
    gone("redis-cache", "RedisCacheDown"),
    gone("worker-1", "ServiceDown"),
    {
      what: "something else in a container eats its memory",
      alert: "ServiceKilledForMemory",
      act: (site) =>
        shell(site, "clock-1", `node -e 'const a = []; for (;;) a.push(Buffer.alloc(1e7, 1))'`).catch(
          () => undefined,
        ),
    },
    {
      what: "thirty logins at Redis with a wrong password",
      alert: "RedisAccessDenied",
      act: (site) =>
        shell(
          site,
          "redis-sessions",
          "for n in $(seq 30); do REDISCLI_AUTH=wrong redis-cli --user app ping; done >/dev/null 2>&1; true",
        ),
    },
    {
      what: "eight deadlocks",
      alert: "PostgresDeadlocks",
      async act(site) {
        await sql(site, site.leader, "create table locked (n int primary key, v int)");
        await sql(site, site.leader, "insert into locked select n, 0 from generate_series(1, 16) as n");
        const both = (one: number, other: number) =>
          sql(
            site,
            site.leader,
            `begin; update locked set v = 1 where n = ${one}; select pg_sleep(1);
             update locked set v = 1 where n = ${other}; commit`,
          ).catch(() => undefined);
        const pairs = Array.from({ length: 8 }, (_, index) => [2 * index + 1, 2 * index + 2] as const);
        await Promise.all(pairs.flatMap(([one, other]) => [both(one, other), both(other, one)]));
      },
    },
  ],
  [
    {
      what: "the archive takes no segment",
      alert: "ArchiveFails",
      async act(site) {
        await closed(site, ARCHIVE);
        await sql(site, site.leader, "select pg_logical_emit_message(true, 'filler', 'x')");
        await sql(site, site.leader, "select pg_switch_wal()");
      },
      heal: (site) => opened(site, ARCHIVE),
    },
    {
      what: "the replica replays nothing",
      alert: "PostgresReplicationLag",
      async act(site) {
        await sql(site, site.replica, "select pg_wal_replay_pause()");
        await sql(site, site.leader, "select pg_logical_emit_message(true, 'filler', 'x')");
      },
      heal: (site) => sql(site, site.replica, "select pg_wal_replay_resume()"),
    },
    hangs("blackbox-exporter", "TargetDown"),
    hangs("containers", "ContainersNotWatched"),
  ],
  [
    gone("redis-sessions", "RedisSessionsDown"),
    {
      what: "a file of the newest backup is damaged",
      alert: "BackupVerifyFailed",
      async act(site) {
        const folder = `${BACKUPS}/${await newest(site)}`;
        await inSidecar(site, damage(`${folder}/bundle/1`));
        await inSidecar(site, "plimsoll-backup verify || true");
      },
      heal: newFull,
    },
    {
      what: "a slot that nobody reads, and more log than half of what a slot may hold",
      alert: "PostgresSlotHoldsWal",
      async act(site) {
        await sql(site, site.leader, "select pg_create_physical_replication_slot('left_behind', true)");
        const setting = "select setting from pg_settings where name = 'max_slot_wal_keep_size'";
        const megabytes = Number(await sql(site, site.leader, setting)) / 2 + 32;
        await writeLog(site, megabytes);
      },
      heal: (site) => sql(site, site.leader, "select pg_drop_replication_slot('left_behind')"),
    },
    {
      what: "the repository takes no backup",
      alert: "BackupFailed",
      act: (site) => inSidecar(site, `chmod a-w ${BACKUPS}; plimsoll-backup backup full || true`),
      heal: (site) => inSidecar(site, `chmod u+w ${BACKUPS}; plimsoll-backup backup full`),
    },
    {
      what: "Prometheus is told to read a file that is none",
      alert: "PrometheusConfigReloadFailed",
      act: (site) => reload(site, "prometheus", "none: [\n"),
      heal: (site) => reload(site, "prometheus"),
    },
  ],
  [gone("postgres-1", "PostgresNoPrimary", "the primary is gone, and with it all writes")],
  [
    {
      what: "all servers are gone",
      alert: "ApiDown",
      act: (site) => Promise.all(API.map((service) => killForGood(site, service))),
      heal: (site) => Promise.all(API.map((service) => startAgain(site, service))),
    },
  ],
  [
    gone("nginx", "PublicAddressDown", "nginx is gone, and with it the public address"),
    dies("api-3", "ApiServerRestarts"),
    dies("clock-1", "ServiceRestarts"),
  ],
  [
    {
      what: "a table that every fifth request needs has another name",
      alert: "EdgeErrors",
      act: (site) => sql(site, site.leader, "alter table courses rename to elsewhere"),
      heal: (site) => sql(site, site.leader, "alter table elsewhere rename to courses"),
    },
  ],
  [gone("postgres", "PostgresProxyDown", "the database's proxy is gone")],
];
