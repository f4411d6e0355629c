/** Logstash: takes lines from Filebeat, masks secrets, says which parser each wants, and writes them to Elasticsearch. */
import { MiB } from "../../spec/words.ts";
import type { File, Grants, LogParser } from "../component.ts";
import { type Value, writePipeline } from "./lscl.ts";
import { MASKS } from "./masks.ts";

/** Where Docker's json-file driver and Filebeat put the Compose service's name. */
const SERVICE_LABEL = "[docker][attrs][com.docker.compose.service]";

export function logstashHeap(grants: Grants): number {
  return Math.floor((grants.service("logstash").memory * 0.4) / MiB);
}

/** The queue that holds lines while Elasticsearch is away, and the one for lines that it refused. Bytes. */
export function logstashQueues(grants: Grants): { queue: number; refused: number } {
  const volume = grants.volume("logstash-data");
  return { queue: Math.floor(volume * 0.7), refused: Math.floor(volume * 0.15) };
}

export function logstashPipeline(parsers: Readonly<Record<string, LogParser>>): string {
  const hash = (entries: Iterable<readonly [string, Value]>) => new Map<string, Value>(entries);
  return writePipeline({
    input: [{ plugin: "beats", settings: { id: "filebeat", port: 5044 } }],
    filter: [
      { plugin: "mutate", settings: { id: "service", rename: hash([[SERVICE_LABEL, "[service][name]"]]) } },
      {
        plugin: "translate",
        settings: {
          id: "parser",
          source: "[service][name]",
          target: "[plimsoll][parser]",
          dictionary: hash(Object.entries(parsers).sort(([a], [b]) => (a < b ? -1 : 1))),
          fallback: "plain",
        },
      },
      { plugin: "mutate", settings: { id: "mask", gsub: MASKS.flatMap((mask) => ["message", ...mask]) } },
      {
        plugin: "mutate",
        settings: {
          id: "tidy",
          remove_field: [
            "[docker]",
            "[agent]",
            "[ecs]",
            "[input]",
            "[log]",
            "[event][original]",
            "[tags]",
            "[@version]",
          ],
        },
      },
    ],
    output: [
      {
        plugin: "elasticsearch",
        settings: {
          id: "elasticsearch",
          hosts: ["http://elasticsearch:9200"],
          user: "logstash_writer",
          password: { variable: "LOGSTASH_WRITER_PASSWORD" },
          data_stream: "true",
          data_stream_type: "logs",
          data_stream_dataset: "plimsoll",
          data_stream_namespace: "default",
          // A line may not choose where it goes.
          data_stream_auto_routing: false,
        },
      },
    ],
  });
}

export function logstashFiles(grants: Grants, parsers: Readonly<Record<string, LogParser>>): File[] {
  const { queue, refused } = logstashQueues(grants);
  const megabytes = (bytes: number) => `${Math.floor(bytes / MiB)}mb`;
  const restarts = ["logstash"];
  return [
    {
      path: "elk/logstash/logstash.yml",
      restarts,
      content: {
        yaml: {
          "node.name": "logstash",
          "path.config": "/etc/plimsoll/logstash/pipeline.conf",
          "path.data": "/usr/share/logstash/data",
          "pipeline.workers": Math.max(1, Math.min(4, Math.floor(grants.service("logstash").cpus))),
          "pipeline.ecs_compatibility": "v8",
          "config.support_escapes": false,
          "queue.type": "persisted",
          "queue.max_bytes": megabytes(queue),
          "queue.page_capacity": "16mb",
          "dead_letter_queue.enable": true,
          "dead_letter_queue.max_bytes": megabytes(refused),
          "dead_letter_queue.storage_policy": "drop_older",
          "dead_letter_queue.retain.age": "7d",
          // For the keeper, on the network of the logs.
          "api.http.host": "0.0.0.0",
          "api.http.port": 9600,
          "log.level": "info",
          "log.format": "json",
        },
      },
    },
    { path: "elk/logstash/pipeline.conf", restarts, content: { text: logstashPipeline(parsers) } },
    { path: "elk/logstash/log4j2.properties", restarts, content: { copy: "elk/logstash/log4j2.properties" } },
  ];
}
