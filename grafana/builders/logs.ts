/**
 * Logs: do lines arrive, is there room for them, are they saved? As Elasticsearch's exporter says, and the keeper of what
 * waits in the queues of Filebeat and Logstash, which speak no Prometheus. How old the newest line is, no metric says.
 */
import { board } from "../library/board.ts";
import { lines, number, strips } from "../library/panels.ts";
import { rows } from "../library/tables.ts";
import { objective, query } from "../library/words.ts";

function rate(metric: string, by = ""): string {
  return `sum ${by && `by (${by}) `}(rate(${metric}[$__rate_interval]))`;
}

/** The stream's own indices: Kibana writes to others all the time. */
const OF_LOGS = '{index=~"[.]ds-logs-plimsoll-.+"}';
const LINES = `elasticsearch_index_stats_indexing_index_total${OF_LOGS}`;
const REFUSED = 'elasticsearch_thread_pool_rejected_count{type="write"}';
const HEAP = 'elasticsearch_jvm_memory_used_bytes{area="heap"}';
const HEAP_MAX = 'elasticsearch_jvm_memory_max_bytes{area="heap"}';
const FREE = "min(elasticsearch_filesystem_data_available_bytes)";
const FREE_LEAST = "plimsoll:threshold:elasticsearch_free_bytes";
const STORED = `sum(elasticsearch_indices_store_size_bytes_total${OF_LOGS})`;
const STORED_MOST = "plimsoll:retention:logs_bytes";
const SNAPSHOT =
  'time() - max(elasticsearch_snapshot_stats_latest_snapshot_timestamp_seconds{repository="plimsoll"} > 0)';
const NONE = "Elasticsearch does not answer";
const NO_LINES = "no line has come yet, or Elasticsearch does not answer";
const NOT_READ =
  "the queues are not read: logging or node_exporter is not there, or both queues' programs are down";
const NOT_SAVED = "logs are not backed up";

export function logs() {
  return board({
    stem: "logs",
    title: "Logs and ingest",
    description:
      "Whether lines arrive in Elasticsearch, what room is left for them, and whether they are saved. The lines themselves are in Kibana: `plimsoll open ENVIRONMENT kibana`.",
    from: "now-24h",
    deploys: true,
    sections: {
      Now: [
        number({
          title: "Lines a second",
          description:
            "Lines that Elasticsearch takes into the logs' indices. Nothing measures the newest line's age: 0 here is the sign.",
          unit: "ops",
          none: NO_LINES,
          queries: [query(rate(LINES), "lines")],
        }),
        number({
          title: "Turned away",
          description:
            "Bundles of lines that were refused in a quarter of an hour. Logstash sends them again.",
          unit: "none",
          limits: { above: 1 },
          none: NONE,
          queries: [query(`sum(increase(${REFUSED}[15m]))`, "bundles")],
        }),
        number({
          title: "Heap",
          description: "Share of Elasticsearch's heap in use. Above 90% for long it only collects garbage.",
          unit: "percentunit",
          limits: { warnAbove: 0.8, above: 0.9 },
          none: NONE,
          queries: [query(`max(${HEAP} / ${HEAP_MAX})`, "heap")],
        }),
        number({
          title: "Room of the logs",
          description:
            "Of what the budget gives them. At 100% the oldest are deleted, whatever their age, and about 90% stay. Above 85%: an alert.",
          unit: "percentunit",
          limits: { above: 0.85 },
          none: NO_LINES,
          queries: [query(`${STORED} / scalar(${STORED_MOST})`, "used")],
        }),
        number({
          title: "Above watermark",
          description:
            "What may still be written before little is left above the watermark at which no index is made. Below 0: an alert.",
          unit: "bytes",
          limits: { below: 0 },
          none: NONE,
          more: "host",
          queries: [query(`${FREE} - scalar(${FREE_LEAST})`, "left")],
        }),
        number({
          title: "Newest snapshot",
          description: "One is due each hour, and backups take it along. Above three hours: an alert.",
          unit: "s",
          limits: { warnAbove: 2 * 3600, above: 3 * 3600 },
          none: NOT_SAVED,
          more: "backup",
          queries: [query(SNAPSHOT, "age")],
        }),
      ],
      "Do lines arrive?": [
        lines({
          title: "Taken in",
          description:
            "A fall to 0 is Filebeat or Logstash that is down, or refused. A step after a deploy is a release that talks.",
          unit: "ops",
          width: 8,
          none: NO_LINES,
          queries: [query(rate(LINES), "lines")],
        }),
        lines({
          title: "Refused and waiting",
          description:
            "Bundles that wait to be written, and that were turned away a minute. Nothing is lost; it comes late.",
          unit: "none",
          width: 8,
          none: NONE,
          queries: [
            query('sum(elasticsearch_thread_pool_queue_count{type="write"})', "waiting"),
            query(`60 * ${rate(REFUSED)}`, "refused a minute"),
          ],
        }),
        lines({
          title: "A line takes",
          description:
            "Mean time to take a line in. It climbs with a slow disk, or a pipeline that costs too much.",
          unit: "s",
          width: 8,
          none: NO_LINES,
          queries: [
            query(
              `${rate(`elasticsearch_index_stats_indexing_index_time_seconds_total${OF_LOGS}`)} / (${rate(LINES)} > 0)`,
              "a line",
            ),
          ],
        }),
      ],
      "What waits on the way?": [
        lines({
          title: "Queues",
          description:
            "Share of each queue on disk that is lines which wait. Logstash's climbs while Elasticsearch is away, Filebeat's while Logstash is. Above 80%: an alert.",
          unit: "percentunit",
          width: 12,
          limits: { above: 0.8 },
          none: NOT_READ,
          queries: [
            query("max by (queue) (plimsoll_logs_queue_bytes / plimsoll_logs_queue_max_bytes)", "{{queue}}"),
          ],
        }),
        lines({
          title: "Refused by the mapping",
          description:
            "Lines in the dead letter queue: a field of another kind than before. They are in no search. A step is an alert; a fall is age.",
          unit: "bytes",
          width: 12,
          none: NOT_READ,
          queries: [
            query("max(plimsoll_logs_refused_bytes)", "refused"),
            objective("max(plimsoll_logs_refused_max_bytes)", "oldest go above"),
          ],
        }),
      ],
      "Is there room?": [
        lines({
          title: "Size",
          description:
            "The logs' indices. A saw below the line is the oldest going before their time (`logging.keep`).",
          unit: "bytes",
          width: 8,
          none: NO_LINES,
          queries: [query(STORED, "stored"), objective(STORED_MOST, "deleted above")],
        }),
        lines({
          title: "Disk left",
          description:
            "Left of the machine's disk. Somewhat below the line no index is made, then all become read-only.",
          unit: "bytes",
          width: 8,
          none: NONE,
          more: "host",
          queries: [query(FREE, "left"), objective(FREE_LEAST, "alert below")],
        }),
        lines({
          title: "Documents",
          description: "Lines that are kept. Flat where as many are deleted as arrive.",
          unit: "short",
          width: 8,
          none: NO_LINES,
          queries: [query(`sum(elasticsearch_indices_docs_total${OF_LOGS})`, "documents")],
        }),
      ],
      "Is Elasticsearch well?": [
        strips({
          title: "Indices",
          description:
            "Whole: every index has all its shards. Not red: each can be written and read. Two red strips: look at its log.",
          width: 8,
          good: "yes",
          bad: "no",
          queries: [
            query('max(elasticsearch_cluster_health_status{color="green"})', "whole"),
            query('1 - max(elasticsearch_cluster_health_status{color="red"})', "not red"),
          ],
        }),
        lines({
          title: "Heap in use",
          description: "A saw is healthy. A floor that stays high wants more weight (`logging.weights`).",
          unit: "bytes",
          width: 8,
          none: NONE,
          queries: [query(`max(${HEAP})`, "used"), objective(`max(${HEAP_MAX})`, "heap")],
        }),
        lines({
          title: "Garbage collection",
          description: "Share of the time spent collecting. Above 10% it collects instead of answering.",
          unit: "percentunit",
          width: 8,
          limits: { above: 0.1 },
          none: NONE,
          queries: [query(rate("elasticsearch_jvm_gc_collection_seconds_sum", "gc"), "{{gc}}")],
        }),
      ],
      "Are they saved?": [
        lines({
          title: "Age of the newest snapshot",
          description:
            "A saw: it drops with each, once an hour. A line that goes on climbing is the keeper that fails.",
          unit: "s",
          width: 8,
          none: NOT_SAVED,
          more: "backup",
          queries: [query(SNAPSHOT, "age"), objective("plimsoll:threshold:snapshot_age_seconds", "allowed")],
        }),
        lines({
          title: "Snapshots kept",
          description: "Three of this cluster, and those of one that was here before, until they age out.",
          unit: "none",
          width: 4,
          none: NOT_SAVED,
          queries: [
            query(
              'max(elasticsearch_snapshot_stats_number_of_snapshots{repository="plimsoll"})',
              "snapshots",
            ),
          ],
        }),
        lines({
          title: "Not in the newest",
          description: "Indices that could not be saved: they cannot be read, or the disk was full.",
          unit: "none",
          width: 4,
          limits: { above: 1 },
          none: NOT_SAVED,
          queries: [
            query(
              'max(elasticsearch_snapshot_stats_snapshot_failed_shards{repository="plimsoll"})',
              "indices",
            ),
          ],
        }),
        rows({
          title: "Firing",
          description: "Alerts of logging that fire now. Each has a runbook: `plimsoll runbook NAME`.",
          unit: "none",
          width: 8,
          none: "none",
          more: "prometheus",
          columns: { alertname: "Alert", severity: "Severity" },
          queries: [
            query(
              'max by (alertname, severity) (ALERTS{alertstate="firing",layer="logging"})',
              "{{alertname}}",
            ),
          ],
        }),
      ],
    },
  });
}
