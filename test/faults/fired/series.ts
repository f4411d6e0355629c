/** Faults that no other series has, each with the alerts that must fire. Those of a wave are there together. */
import { goesOn, withRedis } from "../acts.ts";
import { sql } from "../site.ts";
import type { Fault } from "./fire.ts";
import { FIRST } from "./first.ts";
import { FIFTH, FOURTH, SECOND, SIXTH, THIRD } from "./later.ts";
import { often, program } from "./parts.ts";

/** From the first wave to its end. */
const LONG: readonly Fault[] = [
  {
    what: "the cache is emptied each second",
    alerts: ["CacheHitsBelowObjective"],
    begin: goesOn("redis-cache", withRedis("while :; do cli flushall; sleep 1; done >/dev/null 2>&1")),
  },
  {
    what: "an application's transaction that does not end",
    alerts: ["PostgresLongTransaction"],
    begin: program(
      "worker-1",
      `const { Client } = require("pg");
         const client = new Client(require("node:fs").readFileSync("/run/secrets/DATABASE_URL", "utf8").trim());
         client.connect().then(() => client.query("set statement_timeout = 0; begin; select pg_sleep(7200)"));`,
    ),
  },
  {
    what: "a table of 150,000 rows is read whole each five seconds",
    alerts: ["PostgresSequentialScans"],
    async begin(site, undo) {
      await sql(site, site.leader, "create table scanned as select n from generate_series(1, 150000) as n");
      await sql(site, site.leader, "analyze scanned");
      await often(5, "select count(*) from scanned where n < 0")(site, undo);
    },
  },
];

/** Nothing undoes it but another base backup. */
const LAST: readonly Fault[] = [
  {
    what: "somebody promotes the replica by hand",
    alerts: ["PostgresTwoPrimaries"],
    begin: (site) => sql(site, site.replica, "select pg_promote()"),
  },
];

export const SERIES = { LONG, WAVES: [FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH], LAST } as const;
