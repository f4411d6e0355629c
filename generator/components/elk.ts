/**
 * Logging: Filebeat reads Docker's log files, Logstash queues and masks, Elasticsearch parses (ingest pipelines) and
 * keeps, Kibana shows. Beside them: a setup that may run at any time, and a keeper that lets size win over age.
 */
import { GiB, MiB } from "../spec/words.ts";
import {
  type Claim,
  type Context,
  type Contribution,
  copy,
  defineComponent,
  type Grants,
  isDebian,
  type Part,
  type Setting,
} from "./component.ts";
import {
  elasticsearchFiles,
  elasticsearchHeap,
  logBytes,
  lowWatermark,
  SNAPSHOTS,
  timeValue,
} from "./elk/elasticsearch.ts";
import { filebeatFiles, filebeatMount, filebeatQueue } from "./elk/filebeat.ts";
import { kibanaFiles, kibanaOldSpace } from "./elk/kibana.ts";
import { logstashFiles, logstashHeap, logstashQueues } from "./elk/logstash.ts";
import { Logging } from "./elk/options.ts";
import * as services from "./elk/services.ts";

export { Logging };

const EXPORTER = "elasticsearch-exporter";
/** Kibana refuses keys below 32 characters. */
const KEY = 32;
/** Hours to days of logs. What is kept of them in snapshots is as much again, so both get less than one alone would. */
function logsDisk(snapshots: boolean): Part {
  return { floor: 2 * GiB, weight: snapshots ? 4 : 6, ceiling: 64 * GiB };
}

export const elk = defineComponent({
  name: "elk",
  at: ["logging"],
  options: Logging,
  optional: true,

  absent: (context) =>
    isDebian(context)
      ? "Elasticsearch, Logstash, Kibana and Filebeat exist as Elastic's own images only, Debian does not package them"
      : undefined,

  check: (options) =>
    options.keep < 3600
      ? [
          {
            path: ["keep"],
            message: "is below an hour",
            remedy: "Elasticsearch rolls its indices over by the hour: 1d, 30d.",
          },
        ]
      : [],

  claim: (options, context): Claim[] => [
    {
      service: "elasticsearch",
      memory: { floor: 1 * GiB, weight: options.weights.elasticsearch, ceiling: 4 * GiB },
      cpu: { weight: 512 },
      pids: 1024,
      disk: {
        "elasticsearch-data": logsDisk(hasSnapshots(options, context)),
        ...(hasSnapshots(options, context) && { [SNAPSHOTS]: logsDisk(true) }),
      },
    },
    {
      service: "elastic-setup",
      ends: true,
      memory: { floor: 48 * MiB, weight: 0 },
      cpu: { weight: 128 },
      pids: 64,
    },
    {
      service: "elastic-keeper",
      memory: { floor: 32 * MiB, weight: 0 },
      cpu: { weight: 64 },
      pids: 64,
    },
    {
      service: "logstash",
      memory: { floor: 640 * MiB, weight: options.weights.logstash, ceiling: 1 * GiB },
      cpu: { weight: 256 },
      pids: 512,
      disk: { "logstash-data": { floor: 512 * MiB, weight: 1, ceiling: 4 * GiB } },
    },
    {
      service: "kibana",
      memory: { floor: 1 * GiB, weight: options.weights.kibana, ceiling: 1.25 * GiB },
      cpu: { weight: 256 },
      pids: 256,
    },
    {
      service: "filebeat",
      memory: { floor: 128 * MiB, weight: 0 },
      cpu: { weight: 128 },
      pids: 128,
      disk: { "filebeat-data": { floor: 256 * MiB, weight: 0.25, ceiling: 1 * GiB } },
    },
    {
      service: EXPORTER,
      memory: { floor: 32 * MiB, weight: 0 },
      cpu: { weight: 64 },
      pids: 64,
    },
  ],

  contribute(options, grants, context): Contribution {
    const snapshots = hasSnapshots(options, context);
    const limit = logBytes(grants, snapshots);
    const project = context.spec.project ?? `${context.spec.name}-${context.environment}`;
    return {
      services: {
        elasticsearch: services.elasticsearch(snapshots),
        "elastic-setup": services.setup,
        "elastic-keeper": services.keeper(
          limit,
          context.present.has("node-exporter"),
          snapshots ? options.keep : undefined,
        ),
        logstash: services.logstash(logstashHeap(grants)),
        kibana: services.kibana(options.kibana.port, kibanaOldSpace(grants)),
        filebeat: services.filebeat(filebeatMount(options.containers)),
        [EXPORTER]: services.exporter(snapshots),
      },
      volumes: ["elasticsearch-data", "logstash-data", "filebeat-data", ...(snapshots ? [SNAPSHOTS] : [])],
      secrets: [
        ...[
          "elastic",
          "elastic_kibana",
          "elastic_logstash",
          "elastic_keeper",
          "elastic_metrics",
          "kibana_login",
        ].map((name) => ({ name: `${name}_password`, random: 32 })),
        // For Grafana's data source, which names it, and for `plimsoll errors`: who may read logs and nothing else.
        { name: "elk_grafana_password", random: 32 },
        { name: "kibana_encryption_key", random: KEY },
        { name: "kibana_security_key", random: KEY },
        {
          name: "elastic_exporter_env",
          text: ["ES_USERNAME=metrics\nES_PASSWORD=", { secret: "elastic_metrics_password" }, "\n"],
        },
      ],
      files: [
        copy("elk/scripts", "elk/scripts"),
        ...elasticsearchFiles({ ...options, snapshots }, grants, context),
        ...kibanaFiles(options.kibana.port, context),
        ...filebeatFiles(project, grants, context),
      ],
      scrapes: [{ job: "elasticsearch", targets: [{ service: EXPORTER, port: 9114 }], interval: 60 }],
      unscraped: {
        elasticsearch: `asked by ${EXPORTER}`,
        "elastic-setup": "ends when Elasticsearch is set up",
        "elastic-keeper": "a shell script; its healthcheck fails when a round did not succeed",
        logstash:
          "its API speaks no Prometheus; elastic-keeper writes what its queues hold for node-exporter",
        kibana: "speaks no Prometheus; its healthcheck says whether it serves",
        filebeat: "speaks no Prometheus; elastic-keeper writes what its queue holds for node-exporter",
      },
      rules: ["elasticsearch"],
      dashboards: ["logs"],
      thresholds: [
        {
          record: "plimsoll:retention:logs_bytes",
          value: limit,
          because: "75% of Elasticsearch's disk: above it the oldest logs are deleted, whatever their age",
        },
        {
          record: "plimsoll:threshold:elasticsearch_free_bytes",
          value: Math.round(1.25 * lowWatermark(context.machine.disk)),
          because: "a quarter above the watermark at which Elasticsearch takes no new index",
        },
        ...(snapshots
          ? [
              {
                record: "plimsoll:threshold:snapshot_age_seconds",
                value: 3 * 3600,
                because: "a snapshot of the logs is due each hour, and has two to be made",
              },
            ]
          : []),
      ],
      logs: {
        elasticsearch: "elastic",
        "elastic-setup": "ecs-json",
        "elastic-keeper": "ecs-json",
        logstash: "elastic",
        kibana: "elastic",
        filebeat: "elastic",
        [EXPORTER]: "logfmt",
      },
      backups: [
        {
          what: "elasticsearch-data",
          none: snapshots
            ? `Its logs are in snapshots (${SNAPSHOTS}); its files are whole only while it is stopped`
            : "Logs are a copy that ages out; a new Elasticsearch sets itself up and starts empty",
        },
        ...(snapshots
          ? [
              {
                what: "elasticsearch",
                volume: SNAPSHOTS,
                owner: services.USER,
                broughtBy: { service: "elasticsearch", command: services.script("bring.sh") },
              },
            ]
          : []),
        { what: "logstash-data", none: "A queue of lines on their way" },
        {
          what: "filebeat-data",
          none: "How far each log file was read; without it the files are read again",
        },
      ],
      doors: [
        {
          name: "Kibana",
          url: `http://127.0.0.1:${options.kibana.port}`,
          user: "plimsoll",
          password: "kibana_login_password",
        },
      ],
      settings: settings(options, grants, snapshots),
    };
  },

  collect: (_options, grants, offers) => ({ files: logstashFiles(grants, offers.logs) }),
});

/** Without backups nobody would take them along. */
function hasSnapshots({ snapshots }: Logging, { present }: Pick<Context, "present">): boolean {
  return snapshots && present.has("backup");
}

function settings(options: Logging, grants: Grants, snapshots: boolean): Setting[] {
  const { queue, refused } = logstashQueues(grants);
  const megabytes = (bytes: number) => `${Math.floor(bytes / MiB)} MB`;
  return [
    {
      service: "elasticsearch",
      setting: "-Xmx",
      value: `${elasticsearchHeap(grants)} MB`,
      because: "half of its memory: the other half holds Lucene's files",
    },
    {
      service: "elasticsearch",
      setting: "data_retention",
      value: timeValue(options.keep),
      because: "logging.keep",
    },
    {
      service: "elastic-keeper",
      setting: "LOG_BYTES",
      value: megabytes(logBytes(grants, snapshots)),
      because: "75% of Elasticsearch's disk; where age and this disagree, this wins",
    },
    ...(snapshots
      ? [
          {
            service: "elastic-keeper",
            setting: "SNAPSHOT_EVERY",
            value: "1h",
            because: "each holds only what is new; backups take along the newest that there is",
          },
        ]
      : []),
    {
      service: "logstash",
      setting: "-Xmx",
      value: `${logstashHeap(grants)} MB`,
      because: "40% of its memory: the queue's pages and JRuby need the rest",
    },
    { service: "logstash", setting: "queue.max_bytes", value: megabytes(queue), because: "70% of its disk" },
    {
      service: "logstash",
      setting: "dead_letter_queue.max_bytes",
      value: megabytes(refused),
      because: "15% of its disk, oldest dropped first",
    },
    {
      service: "kibana",
      setting: "--max-old-space-size",
      value: `${kibanaOldSpace(grants)} MB`,
      because: "70% of its memory",
    },
    {
      service: "filebeat",
      setting: "queue.disk.max_size",
      value: megabytes(filebeatQueue(grants)),
      because: "80% of its disk",
    },
  ];
}
