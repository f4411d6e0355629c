/** The faults: what is done, what must be said of it, and what ends it. */
import {
  ARCHIVE,
  archived,
  BACKUPS,
  cutOff,
  damage,
  damagePage,
  inSidecar,
  joinUp,
  killForGood,
  killProcess,
  killServer,
  newest,
  newFull,
  type Site,
  sql,
  startAgain,
} from "./site.ts";

export type DatabaseFault = {
  what: string;
  act(site: Site): Promise<void>;
  /** Ends it; without, it ends by itself. */
  heal?(site: Site): Promise<void>;
  /** Any of them is right. Empty: it must be over before anything may be said. */
  alerts: readonly string[];
  /** The disk of its own that it needs. */
  disk?: "postgres-1" | "pgbackrest";
};

/** Ends with 1 where it is not good, which is what is wanted here. */
const verify = (site: Site) => inSidecar(site, "plimsoll-backup verify || true");

export const FAULTS: readonly DatabaseFault[] = [
  {
    what: "kill -9 of the primary's server",
    act: (site) => killServer(site, site.leader),
    alerts: [],
  },
  {
    what: "kill -9 of the primary's server, and it stays away",
    act: (site) => killForGood(site, site.leader),
    heal: (site) => startAgain(site, site.leader),
    alerts: ["PostgresNoPrimary"],
  },
  {
    what: "kill -9 of the replica's server",
    act: (site) => killServer(site, site.replica),
    alerts: [],
  },
  {
    what: "kill -9 of the replica's server, and it stays away",
    act: (site) => killForGood(site, site.replica),
    heal: (site) => startAgain(site, site.replica),
    alerts: ["PostgresNodeDown"],
  },
  {
    what: "kill -9 of the archiver",
    act: (site) => killProcess(site, site.leader, "archiver"),
    alerts: [],
  },
  {
    what: "kill -9 of the sidecar in the middle of a backup",
    async act(site) {
      const going = inSidecar(site, "plimsoll-backup backup full").catch(() => undefined);
      const copying = `grep -lzE 'backup:[l]ocal' /proc/[0-9]*/cmdline 2>/dev/null | grep -q .`;
      for (let tries = 0; tries < 300; tries++) {
        if (
          await inSidecar(site, copying).then(
            () => true,
            () => false,
          )
        )
          break;
        if (tries === 299) throw new Error("no backup was seen at work");
      }
      await killServer(site, "backup-postgres");
      await going;
    },
    // The next one is as good as any.
    heal: newFull,
    alerts: [],
  },
  {
    what: "the network between primary and replica is cut",
    act: (site) => cutOff(site, site.replica),
    heal: (site) => joinUp(site, site.replica),
    alerts: ["PostgresNodeDown", "PostgresReplicaDetached"],
  },
  {
    what: "the disk of the primary's data and log is full",
    disk: "postgres-1",
    async act(site) {
      await site.disks?.fill("postgres-1");
      // Nothing of the log is left to write into.
      await sql(site, site.leader, "select pg_switch_wal() from generate_series(1, 3)").catch(
        () => undefined,
      );
    },
    heal: async (site) => site.disks?.free("postgres-1"),
    alerts: ["PostgresNoPrimary", "PostgresNodeDown"],
  },
  {
    what: "the disk of the repository is full",
    disk: "pgbackrest",
    async act(site) {
      await site.disks?.fill("pgbackrest");
      await sql(site, site.leader, "select pg_switch_wal()");
    },
    heal: async (site) => site.disks?.free("pgbackrest"),
    alerts: ["ArchiveWaits", "ArchiveEndangersRpo", "ArchiveFails", "BackupFailed"],
  },
  {
    what: "a page of the primary is damaged",
    act: (site) => damagePage(site, site.leader),
    heal: async (site) => void (await sql(site, site.leader, "drop table harmed")),
    alerts: ["PostgresPagesDamaged"],
  },
  // Before the next: its alert looks back over a day.
  {
    what: "a page of the replica is damaged",
    act: (site) => damagePage(site, site.replica),
    heal: async (site) => void (await sql(site, site.leader, "drop table harmed")),
    alerts: ["PostgresPagesDamaged"],
  },
  {
    what: "a page of the replica is damaged, and a backup read over it",
    async act(site) {
      await damagePage(site, site.replica);
      await inSidecar(site, "plimsoll-backup backup full");
    },
    async heal(site) {
      await sql(site, site.leader, "drop table harmed");
      await newFull(site);
    },
    alerts: ["BackupPagesDamaged"],
  },
  {
    what: "a segment of the log is damaged in the archive",
    async act(site) {
      await inSidecar(site, "plimsoll-backup backup full");
      const segment = await archived(site);
      await archived(site);
      await inSidecar(site, damage(`$(ls ${ARCHIVE}/*/${segment.slice(0, 16)}/${segment}-*)`));
      await verify(site);
    },
    heal: newFull,
    alerts: ["BackupVerifyFailed"],
  },
  {
    what: "a file of the newest backup is gone",
    async act(site) {
      await inSidecar(site, `rm ${BACKUPS}/${await newest(site)}/bundle/1`);
      await verify(site);
    },
    heal: newFull,
    alerts: ["BackupVerifyFailed"],
  },
  {
    what: "the newest backup's manifest is cut short",
    async act(site) {
      const folder = `${BACKUPS}/${await newest(site)}`;
      await inSidecar(
        site,
        `for file in ${folder}/backup.manifest*; do truncate -s $(($(stat -c %s "$file") / 2)) "$file"; done`,
      );
      await verify(site);
    },
    heal: newFull,
    alerts: ["BackupVerifyFailed"],
  },
];
