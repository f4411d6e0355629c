/** One fault after the other against a database that is written to: what was lost, which alert rose, when it was well. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { startStack } from "../e2e/engine.ts";
import { eventually } from "../e2e/wait.ts";
import { startWriter, type Writer } from "../e2e/writer.ts";
import { alerts, patience } from "./alerts.ts";
import type { DatabaseFault } from "./database-faults.ts";
import { inSidecar, type Site, sql } from "./site.ts";
import { unwell } from "./states.ts";
import { ownDisks } from "./volumes.ts";

export type Outcome = {
  what: string;
  acknowledged: number;
  lost: number;
  /** Seconds from where a person begins to end it, or from its begin, until all is well and a write is accepted. */
  well: number;
  alert?: { name: string; pending: number; fires: number };
  others: string[];
};

/** Two nodes, each write acknowledged by both, watched closely. */
export async function openSite(
  name: string,
  disks?: Readonly<Record<string, number>>,
): Promise<Site & { close(): Promise<void> }> {
  const stack = await startStack({
    name,
    cold: true,
    timeout: 600,
    overrides: {
      "api.servers": 1,
      logging: false,
      "nginx.rate": false,
      "postgres.synchronous": true,
      // Looked at every 2 s and not every 15: what an alert waits for by its `for` stays as it is.
      "monitoring.prometheus.interval": "2s",
      // Half of it without an archive is an alert.
      "objectives.rpo": "1m",
      "backup.schedule": "0 0 1 1 *",
      "backup.verify": "0 0 1 1 *",
      "backup.checks": {},
    },
  });
  const own = disks && (await ownDisks(stack, disks));
  const close = async () => {
    await stack.stop();
    await own?.close();
  };
  try {
    await stack.start();
    const site = { stack, disks: own, leader: "postgres-1", replica: "postgres-2", close };
    const owned = "create table numbers (n bigint primary key); alter table numbers owner to app";
    await sql(site, site.leader, owned);
    return site;
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * @param first number of the first row that is written
 * @throws where an acknowledged row is gone, the alert does not rise or rises unasked, or it is not well again
 */
export async function suffer(
  site: Site,
  fault: DatabaseFault,
  first: number,
  options: {
    /** Seconds. */ patience: number /** Waits until the alert fires, and not only until it is pending. */;
    firing: boolean;
  },
): Promise<Outcome> {
  const { stack } = site;
  // What fired for the last one must be over: no alert is taken for another's.
  await eventually(async () => {
    const names = (await alerts(stack)).map(({ name }) => name);
    // These look back over a day or a quarter of an hour.
    const lasting = ["PostgresPagesDamaged", "PostgresRestarts", "ArchiveFails"];
    expect(names.filter((name) => fault.alerts.includes(name) && !lasting.includes(name))).toEqual([]);
  }, options.patience);
  const before = new Set((await alerts(stack)).map(({ key }) => key));
  const holds = await patience(stack);
  const writer = await startWriter(stack, first);
  const poking = poke(site);
  try {
    const began = Date.now();
    await fault.act(site);
    let alert: Outcome["alert"];
    const seen = new Set<string>();
    const look = async () => {
      for (const { name, key, state } of await alerts(stack)) {
        if (before.has(key)) continue;
        seen.add(name);
        if (!fault.alerts.includes(name)) continue;
        alert ??= { name, pending: (Date.now() - began) / 1000, fires: holds.get(name) ?? 0 };
        if (state === "firing" || !options.firing) return true;
      }
      return false;
    };
    if (fault.alerts.length > 0)
      await eventually(async () => {
        if (!(await look()))
          throw new Error(`${fault.what}: none of ${fault.alerts.join(", ")}; ${[...seen]}`);
      }, options.patience);
    const healed = fault.heal ? Date.now() : began;
    await fault.heal?.(site);
    await isWell(site, writer, options.patience);
    const well = (Date.now() - healed) / 1000;
    if (fault.alerts.length === 0) await look();
    const acknowledged = writer.acknowledged();
    const rows = await sql(site, site.leader, "select n from numbers");
    const there = new Set(rows.split("\n").map(Number));
    const lost = acknowledged.filter((n) => !there.has(n)).length;
    const others = [...seen].filter((name) => name !== alert?.name);
    return {
      what: fault.what,
      acknowledged: acknowledged.length,
      lost,
      well,
      others,
      ...(alert && { alert }),
    };
  } finally {
    await poking.stop();
    await writer.stop();
  }
}

/** The figures that the sidecar's schedule writes every five minutes, every five seconds: nothing else of it differs. */
function poke(site: Site): { stop(): Promise<void> } {
  let going = true;
  const loop = (async () => {
    while (going) {
      await inSidecar(site, "plimsoll-backup metrics").catch(() => undefined);
      for (let part = 0; going && part < 25; part++) await sleep(200);
    }
  })();
  return {
    async stop() {
      going = false;
      await loop;
    },
  };
}

/** Every container healthy, the replica streaming, the log going into the archive, a write accepted. */
async function isWell(site: Site, writer: Writer, seconds: number): Promise<void> {
  await eventually(async () => {
    expect(await unwell(site.stack)).toEqual([]);
    const replicas =
      "select count(*) from pg_stat_replication where state = 'streaming' and sync_state = 'quorum'";
    expect(await sql(site, site.leader, replicas)).toBe("1");
  }, seconds);
  await writer.next();
}

export function outcomes(done: readonly Outcome[]): string {
  return [
    "| fault | acknowledged, lost | well again after | alert | after, and fires |",
    "| --- | --- | --- | --- | --- |",
    ...done.map(({ what, acknowledged, lost, well, alert, others }) => {
      const when = alert ? `${alert.pending.toFixed(0)} s, ${alert.fires} s later` : "over before any";
      const beside = others.length > 0 ? `; also ${others.join(", ")}` : "";
      return `| ${what} | ${acknowledged}, ${lost} | ${well.toFixed(1)} s | ${alert?.name ?? "none"}${beside} | ${when} |`;
    }),
  ].join("\n");
}
