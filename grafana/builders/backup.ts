/** Backups: is there one, how old is it, how large, and how much would a disaster lose now? */
import { board } from "../library/board.ts";
import {
  backupAge,
  backupsOverdue,
  backupsWanted,
  promised,
  rpoLimits,
  rpoUsed,
} from "../library/metrics.ts";
import { bars, lines, number, strips } from "../library/panels.ts";
import { objective, query } from "../library/words.ts";

export function backup() {
  return board({
    stem: "backup",
    title: "Backups",
    description:
      "Age and size of every backup, and of the archived write-ahead log that fills the time since.",
    from: "now-7d",
    sections: {
      Now: [
        number({
          title: "Overdue",
          description: "Things whose newest backup is older than the schedule allows, or that have none.",
          unit: "none",
          limits: { above: 1 },
          none: "none wanted",
          queries: [query(`${backupsOverdue} and on () ${backupsWanted}`, "overdue")],
        }),
        number({
          title: "Things backed up",
          description: "How many things have a backup at all.",
          unit: "none",
          limits: { below: 1 },
          queries: [query(`count(${backupAge}) or vector(0)`, "things")],
        }),
        number({
          title: "Oldest of the newest",
          description: "Of all things, the age of the newest backup of the one that waits longest.",
          unit: "s",
          none: "no backup yet",
          queries: [query(`max(${backupAge})`, "age")],
        }),
        number({
          title: "Waiting for the archive",
          description:
            "What a disaster would lose now, of objectives.rpo. A quarter warns, at least five minutes; half pages.",
          unit: "percentunit",
          limits: rpoLimits,
          none: "no archive",
          queries: [query(rpoUsed, "of the RPO")],
        }),
        number({
          title: "Reaches back",
          description: "The oldest backup that is kept of the thing with the shortest past.",
          unit: "s",
          none: "no backup yet",
          queries: [query("time() - max(plimsoll_backup_oldest_timestamp_seconds)", "age")],
        }),
        number({
          title: "Repositories",
          description:
            "What all repositories hold together: on the disk, and in a bucket, which is counted once an hour.",
          unit: "bytes",
          none: "not counted yet",
          queries: [query("sum(max by (what, repository) (plimsoll_backup_repository_bytes))", "size")],
        }),
      ],
      "Is every backup made?": [
        bars({
          title: "Age against the schedule",
          description:
            "Time since the newest backup, as a share of what the schedule allows. Above 100% one is missing.",
          unit: "percentunit",
          min: 0,
          max: 1,
          limits: { above: 1 },
          none: "no backup yet",
          queries: [query(`(${backupAge}) / scalar(${promised.backupAge})`, "{{what}}")],
        }),
        strips({
          title: "Last try",
          description:
            "Whether the last try to make a backup succeeded. The sidecar's log says why one did not.",
          width: 16,
          good: "made",
          bad: "failed",
          queries: [query("1 - max by (what) (plimsoll_backup_last_run_failed)", "{{what}}")],
        }),
        strips({
          title: "Proven",
          description:
            "Whether the newest backup of the database was good when it was restored beside the running one.",
          width: 16,
          good: "good",
          bad: "not good",
          queries: [query("1 - max by (what) (plimsoll_backup_verify_last_run_failed)", "{{what}}")],
        }),
        bars({
          title: "Proven, against the schedule",
          description:
            "Time since a backup of the database was last restored and found good, as a share of what the schedule allows.",
          unit: "percentunit",
          min: 0,
          max: 1,
          limits: { above: 1 },
          none: "not yet",
          queries: [
            query(
              `(time() - max by (what) (plimsoll_backup_verify_last_success_timestamp_seconds)) / scalar(${promised.verifyAge})`,
              "{{what}}",
            ),
          ],
        }),
        lines({
          title: "Age",
          description:
            "A saw: it drops to 0 with each backup. A line that goes on climbing is a backup that fails.",
          unit: "suffix:h",
          width: 8,
          queries: [
            query(
              "(time() - max by (what, type) (plimsoll_backup_last_success_timestamp_seconds)) / 3600",
              "{{what}} {{type}}",
            ),
            objective(`${promised.backupAge} / 3600`, "allowed"),
          ],
        }),
        lines({
          title: "Newest snapshot of the logs",
          description:
            "Backups take along the newest snapshot that Elasticsearch has. One is due each hour: a saw, as above.",
          unit: "suffix:h",
          width: 8,
          none: "logs are not backed up",
          queries: [
            query(
              '(time() - max(elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds{repository="plimsoll"} > 0)) / 3600',
              "age",
            ),
            objective("plimsoll:threshold:snapshot_age_seconds / 3600", "allowed"),
          ],
        }),
        lines({
          title: "Waiting",
          description:
            "How long write-ahead log waits for the archive. Point-in-time recovery reaches this near to now.",
          unit: "suffix:min",
          width: 8,
          queries: [
            query("max(plimsoll_archive_waiting_seconds) / 60", "oldest segment"),
            objective(`${promised.rpo} / 60`, "promised RPO"),
          ],
        }),
      ],
      "Would a disaster go as promised?": [
        strips({
          title: "Last drill",
          description:
            "Whether the last drill of each kind went well and met the objectives. `plimsoll drill ENVIRONMENT list` has the reports.",
          width: 16,
          good: "passed",
          bad: "failed",
          queries: [query("1 - max by (kind) (plimsoll_drill_last_failed)", "{{kind}}")],
        }),
        bars({
          title: "Drills, against the schedule",
          description:
            "Time since the last drill of each kind, as a share of what `drills` of stack.yaml allows. Above 100% one is overdue.",
          unit: "percentunit",
          min: 0,
          max: 1,
          limits: { above: 1 },
          none: "none held",
          queries: [
            query(
              `(time() - max by (kind) (plimsoll_drill_last_timestamp_seconds)) / on (kind) max by (kind) (${promised.drillAge})`,
              "{{kind}}",
            ),
          ],
        }),
        lines({
          title: "Down, had it been real",
          description: "RTO as the drills measured it: until the database answers again.",
          unit: "suffix:min",
          none: "none held",
          queries: [
            query("max by (kind) (plimsoll_drill_rto_seconds) / 60", "{{kind}}"),
            objective(`${promised.rto} / 60`, "promised RTO"),
          ],
        }),
        lines({
          title: "Lost, had it been real",
          description: "RPO as the drills measured it: from the first commit that only this host had.",
          unit: "suffix:min",
          none: "none held",
          queries: [
            query("max by (kind) (plimsoll_drill_rpo_seconds) / 60", "{{kind}}"),
            objective(`${promised.rpo} / 60`, "promised RPO"),
          ],
        }),
      ],
      "Is the disaster site near?": [
        lines({
          title: "Behind",
          description:
            "How old the oldest write-ahead log is that the copy on the disaster site lacks (dr.follow). 0 for an idle database.",
          unit: "s",
          none: "none is kept warm",
          queries: [
            query("max(plimsoll_dr_follower_behind_seconds)", "lacks log of"),
            objective("plimsoll:threshold:dr_follower_behind_seconds", "allowed"),
          ],
        }),
        lines({
          title: "Last word",
          description: "Time since the copy last said in the bucket how far it is: it does so each minute.",
          unit: "s",
          none: "none is kept warm",
          queries: [query("time() - max(plimsoll_dr_follower_seen_timestamp_seconds > 0)", "silent for")],
        }),
      ],
      "Size and time": [
        lines({
          title: "Size",
          description: "What each backup restores to. A sudden fall is as suspicious as a sudden rise.",
          unit: "bytes",
          width: 8,
          queries: [query("max by (what) (plimsoll_backup_size_bytes)", "{{what}}")],
        }),
        lines({
          title: "Repository",
          description:
            "What backups take, on the disk or in a bucket. At the limit, which a disk has, no new one fits.",
          unit: "bytes",
          width: 8,
          none: "not counted yet",
          queries: [
            query("max by (what, repository) (plimsoll_backup_repository_bytes)", "{{what}} {{repository}}"),
            objective("plimsoll:threshold:backup_repository_bytes < 1e15", "{{what}} limit"),
          ],
        }),
        lines({
          title: "Kept",
          description: "Good backups in the repository.",
          unit: "none",
          width: 8,
          queries: [query("max by (what) (plimsoll_backup_count)", "{{what}}")],
        }),
      ],
    },
  });
}
