/** Faults of a running stack, and the one alert that is to tell a person of each. Those of a row are there together. */
import {
  API,
  type Begin,
  diesOften,
  hangs,
  reads,
  shell,
  slotLeftBehind,
  slotLimit,
  takesNothing,
  writeLog,
} from "./acts.ts";
import {
  ARCHIVE,
  BACKUPS,
  damage,
  inSidecar,
  killForGood,
  newest,
  newFull,
  sql,
  startAgain,
} from "./site.ts";

export type PageFault = { what: string; alert: string; begin: Begin };

const gone = (service: string, alert: string, what = `${service} is gone`): PageFault => ({
  what,
  alert,
  begin(site, undo) {
    undo(() => startAgain(site, service));
    return killForGood(site, service);
  },
});
const hanging = (service: string, alert: string): PageFault => ({
  what: `${service} hangs`,
  alert,
  begin: hangs(service),
});
const dying = (service: string, alert: string): PageFault => ({
  what: `${service} dies four times`,
  alert,
  begin: diesOften(service),
});

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
      async begin(site) {
        const eat = `node -e 'const a = []; for (;;) a.push(Buffer.alloc(1e7, 1))'`;
        await shell(site, "clock-1", eat).catch(() => undefined);
      },
    },
    {
      what: "thirty logins at Redis with a wrong password",
      alert: "RedisAccessDenied",
      async begin(site) {
        const wrong = "for n in $(seq 30); do REDISCLI_AUTH=wrong redis-cli --user app ping; done";
        await shell(site, "redis-sessions", `${wrong} >/dev/null 2>&1; true`);
      },
    },
    {
      what: "eight deadlocks",
      alert: "PostgresDeadlocks",
      async begin(site) {
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
      async begin(site, undo) {
        await takesNothing(ARCHIVE)(site, undo);
        await sql(site, site.leader, "select pg_logical_emit_message(true, 'filler', 'x')");
        await sql(site, site.leader, "select pg_switch_wal()");
      },
    },
    {
      what: "the replica replays nothing",
      alert: "PostgresReplicationLag",
      async begin(site, undo) {
        undo(() => sql(site, site.replica, "select pg_wal_replay_resume()"));
        await sql(site, site.replica, "select pg_wal_replay_pause()");
        await sql(site, site.leader, "select pg_logical_emit_message(true, 'filler', 'x')");
      },
    },
    hanging("blackbox-exporter", "TargetDown"),
    hanging("containers", "ContainersNotWatched"),
  ],
  [
    gone("redis-sessions", "RedisSessionsDown"),
    {
      what: "a file of the newest backup is damaged",
      alert: "BackupVerifyFailed",
      async begin(site, undo) {
        undo(() => newFull(site));
        const folder = `${BACKUPS}/${await newest(site)}`;
        await inSidecar(site, damage(`${folder}/bundle/1`));
        await inSidecar(site, "plimsoll-backup verify || true");
      },
    },
    {
      what: "a slot that nobody reads, and more log than half of what a slot may hold",
      alert: "PostgresSlotHoldsWal",
      async begin(site, undo) {
        await slotLeftBehind(site, undo);
        await writeLog(site, (await slotLimit(site)) / 2 + 32);
      },
    },
    {
      what: "the repository takes no backup",
      alert: "BackupFailed",
      begin(site, undo) {
        undo(() => inSidecar(site, `chmod u+w ${BACKUPS}; plimsoll-backup backup full`));
        return inSidecar(site, `chmod a-w ${BACKUPS}; plimsoll-backup backup full || true`);
      },
    },
    {
      what: "Prometheus is told to read a file that is none",
      alert: "PrometheusConfigReloadFailed",
      begin: reads("prometheus", "none: [\n"),
    },
  ],
  [gone("postgres-1", "PostgresNoPrimary", "the primary is gone, and with it all writes")],
  [
    {
      what: "all servers are gone",
      alert: "ApiDown",
      begin(site, undo) {
        for (const service of API) undo(() => startAgain(site, service));
        return Promise.all(API.map((service) => killForGood(site, service)));
      },
    },
  ],
  [
    gone("nginx", "PublicAddressDown", "nginx is gone, and with it the public address"),
    dying("api-3", "ApiServerRestarts"),
    dying("clock-1", "ServiceRestarts"),
  ],
  [gone("postgres", "PostgresProxyDown", "the database's proxy is gone")],
  // Last, for it is over ten minutes later: an alert that another keeps quiet is not said to be over.
  [
    {
      what: "a table that every fifth request needs has another name",
      alert: "EdgeErrors",
      begin(site, undo) {
        undo(() => sql(site, site.leader, "alter table elsewhere rename to courses"));
        return sql(site, site.leader, "alter table courses rename to elsewhere");
      },
    },
  ],
];
