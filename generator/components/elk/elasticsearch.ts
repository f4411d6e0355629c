/** Elasticsearch's settings and what its setup gives it, from the grants. */
import { GiB, MiB } from "../../spec/words.ts";
import type { Context, File, Grants } from "../component.ts";

export type Retention = {
  /** Seconds. */
  keep: number;
  /** Whether they are backed up. */
  snapshots: boolean;
};

export const SNAPSHOTS = "elasticsearch-snapshots";
/** Where Elasticsearch has that volume. */
export const SNAPSHOTS_PATH = "/usr/share/elasticsearch/snapshots";

/** Half of the memory, as Elastic advises: the other half is for Lucene's files, network buffers and the JVM itself. */
export function elasticsearchHeap(grants: Grants): number {
  return Math.floor(grants.service("elasticsearch").memory / 2 / MiB);
}

/**
 * What the logs may take of the disk: a quarter stays free for merges, the translog and Kibana's own indices, and as
 * much of the snapshots' for what the last hours merged away. Bytes.
 */
export function logBytes(grants: Grants, snapshots: boolean): number {
  const data = grants.volume("elasticsearch-data");
  return Math.floor(0.75 * (snapshots ? Math.min(data, grants.volume(SNAPSHOTS)) : data));
}

/** Seconds in Elasticsearch's units. */
export function timeValue(seconds: number): string {
  const units: [number, string][] = [
    [86_400, "d"],
    [3600, "h"],
    [60, "m"],
  ];
  const [unit, name] = units.find(([size]) => seconds % size === 0) ?? [1, "s"];
  return `${Math.ceil(seconds / unit)}${name}`;
}

/** Free space of the machine's disk below which Elasticsearch soon takes no more shards. Bytes. */
export function lowWatermark(disk: number): number {
  return Math.max(disk * 0.05, 2 * GiB);
}

/** Free space of the machine's disk at which Elasticsearch stops taking shards, and then writes. Bytes, as it reads them. */
export function watermarks(disk: number): { low: string; high: string; flood_stage: string } {
  const free = (share: number, least: number) => `${Math.ceil(Math.max(disk * share, least) / MiB)}mb`;
  // The defaults (15%, 10%, 5% free) would stop the logs while everything else still has room.
  return {
    low: `${Math.ceil(lowWatermark(disk) / MiB)}mb`,
    high: free(0.04, 1.5 * GiB),
    flood_stage: free(0.025, 1 * GiB),
  };
}

export function elasticsearchFiles(options: Retention, grants: Grants, context: Context): File[] {
  const heap = elasticsearchHeap(grants);
  const disk = watermarks(context.machine.disk);
  const lifecycle = { enabled: true, data_retention: timeValue(options.keep) };
  const restarts = ["elasticsearch"];
  return [
    {
      path: "elk/elasticsearch/elasticsearch.yml",
      restarts,
      content: {
        yaml: {
          "cluster.name": `${context.spec.name}-${context.environment}`,
          "node.name": "elasticsearch",
          "discovery.type": "single-node",
          "network.host": "0.0.0.0",
          // A single node speaks to no other: the transport stays inside the container and needs no certificates.
          "transport.host": "127.0.0.1",
          "xpack.license.self_generated.type": "basic",
          "xpack.security.enabled": true,
          "xpack.security.enrollment.enabled": false,
          "xpack.security.autoconfiguration.enabled": false,
          "xpack.security.http.ssl.enabled": false,
          "xpack.security.transport.ssl.enabled": false,
          "xpack.ml.enabled": false,
          "ingest.geoip.downloader.enabled": false,
          "cluster.deprecation_indexing.enabled": false,
          ...(options.snapshots && { "path.repo": SNAPSHOTS_PATH }),
          "cluster.routing.allocation.disk.watermark.low": disk.low,
          "cluster.routing.allocation.disk.watermark.high": disk.high,
          "cluster.routing.allocation.disk.watermark.flood_stage": disk.flood_stage,
        },
      },
    },
    {
      path: "elk/elasticsearch/jvm.options",
      restarts,
      content: {
        text: [
          "# Half of the container's memory.",
          `-Xms${heap}m`,
          `-Xmx${heap}m`,
          "# A dump of the heap would fill the disk; the garbage collector's log would fill a tmpfs.",
          "-XX:-HeapDumpOnOutOfMemoryError",
          "-Xlog:disable",
          "-Xlog:all=warning:stderr:utctime,level,tags",
          "",
        ].join("\n"),
      },
    },
    // What the setup reads. It runs at every `up`, so these restart nothing.
    { path: "elk/setup/roles", content: { copy: "elk/elasticsearch/roles" } },
    { path: "elk/setup/ingest", content: { copy: "elk/ingest" } },
    { path: "elk/setup/mappings.json", content: { copy: "elk/elasticsearch/mappings.json" } },
    {
      path: "elk/setup/index-template.json",
      content: {
        json: {
          index_patterns: ["logs-plimsoll-*"],
          data_stream: {},
          // Above Elastic's own template for logs-*-*, whose lifecycle never deletes.
          priority: 500,
          composed_of: ["logs-plimsoll@mappings"],
          template: {
            settings: {
              "index.number_of_shards": 1,
              "index.number_of_replicas": 0,
              "index.mode": "standard",
              "index.codec": "best_compression",
              "index.refresh_interval": "5s",
              "index.default_pipeline": "logs-plimsoll",
              "index.lifecycle.prefer_ilm": false,
              "index.mapping.total_fields.limit": 1000,
              "index.mapping.total_fields.ignore_dynamic_beyond_limit": true,
            },
            lifecycle,
            // What Elasticsearch refuses goes to Logstash's dead letter queue, which is bounded by size.
            data_stream_options: { failure_store: { enabled: false } },
          },
          _meta: { managed_by: "plimsoll" },
        },
      },
    },
    { path: "elk/setup/lifecycle.json", content: { json: lifecycle } },
    ...(options.snapshots
      ? [
          {
            path: "elk/setup/repository.json",
            content: {
              // As slow as Elastic's default: an hour has time for it, and searches go first.
              json: {
                type: "fs",
                settings: { location: SNAPSHOTS_PATH, max_snapshot_bytes_per_sec: "40mb" },
              },
            },
          },
        ]
      : []),
  ];
}
