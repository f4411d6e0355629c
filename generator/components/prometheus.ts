/** Prometheus: asks what every component offers to be asked, keeps it within its disk, and evaluates the rules. */
import { z } from "zod";
import { Duration, GiB, MiB, Port } from "../spec/words.ts";
import {
  type Contribution,
  copy,
  defineComponent,
  type File,
  type Grants,
  mountFolder,
  mountVolume,
  type Offers,
} from "./component.ts";
import { goImage, goMemoryLimit, wgetProbe } from "./exporters/image.ts";
import { businessRecords } from "./prometheus/business.ts";
import { promDuration, prometheusConfig } from "./prometheus/config.ts";
import { limitThresholds, ownThresholds, thresholdRules } from "./prometheus/thresholds.ts";

export const Prometheus = z
  .strictObject({
    port: Port.default(9090).describe("Port on 127.0.0.1 of the machine; reach it through an SSH tunnel"),
    retention: Duration.prefault("15d").describe(
      "How long metrics are kept, as long as the disk has room for them",
    ),
    interval: Duration.prefault("15s")
      .refine((seconds) => seconds >= 1 && seconds <= 60, { error: "expected between 1s and 60s" })
      .describe("How often everything is asked"),
  })
  .prefault({})
  .describe("Prometheus: metrics, rules and alerts");
export type Prometheus = z.output<typeof Prometheus>;

const NAME = "prometheus";
const PORT = 9090;
const UID = 65_534;
const DATA = "/prometheus";
const FOLDER = "/etc/prometheus";

/** nobody, /bin/prometheus, /prometheus; busybox, so there is a wget. Debian's package comes without the web pages. */
export const prometheusImage = goImage({
  name: NAME,
  official: "prom/prometheus:v3.13.3",
  source: "prometheus/prometheus, Dockerfile",
  package: "prometheus",
  binary: "/bin/prometheus",
  uid: UID,
  port: PORT,
  folders: [DATA, FOLDER],
});

export const prometheus = defineComponent({
  name: NAME,
  at: ["monitoring", "prometheus"],
  options: Prometheus,
  optional: true,

  claim: () => [
    {
      service: NAME,
      memory: { floor: 192 * MiB, weight: 2, ceiling: 2 * GiB },
      cpu: { weight: 512 },
      pids: 128,
      disk: { [NAME]: { floor: 1 * GiB, weight: 2, ceiling: 50 * GiB } },
    },
  ],

  contribute(options, grants, context): Contribution {
    const { memory } = grants.service(NAME);
    const size = retentionSize(grants.volume(NAME));
    const samples = maxSamples(memory);
    const business = Object.keys(context.spec.business).length > 0 ? ["business"] : [];
    return {
      services: {
        [NAME]: {
          image: prometheusImage,
          user: `${UID}:${UID}`,
          command: [
            `--config.file=${FOLDER}/prometheus.yaml`,
            `--storage.tsdb.path=${DATA}`,
            `--storage.tsdb.retention.time=${promDuration(options.retention)}`,
            `--storage.tsdb.retention.size=${size / MiB}MB`,
            `--query.max-samples=${samples}`,
            "--query.max-concurrency=8",
            "--query.timeout=30s",
            `--web.external-url=http://127.0.0.1:${options.port}/`,
            // Rules and targets that a generate changed are taken in without a restart, and without a door to ask at.
            `--enable-feature=auto-reload-config${context.spec.tracing ? ",exemplar-storage" : ""}`,
            "--config.auto-reload-interval=15s",
          ],
          environment: { GOMEMLIMIT: goMemoryLimit(memory) },
          networks: ["monitoring", "admin"],
          ports: [{ target: PORT, published: String(options.port), host_ip: "127.0.0.1" }],
          volumes: [mountFolder(NAME, FOLDER), mountVolume(NAME, DATA)],
          // Ready only when the log of the last hours has been read again.
          healthcheck: { ...wgetProbe(PORT, "/-/ready"), start_period: "300s" },
          stop_grace_period: "60s",
        },
      },
      volumes: [NAME],
      scrapes: [{ job: NAME, targets: [{ service: NAME, port: PORT }] }],
      // What is tried on a laptop or in staging reaches nobody's target.
      rules: [
        "prometheus",
        "objectives",
        "services",
        ...(context.environment === "production" ? business : []),
      ],
      thresholds: [...ownThresholds(context.spec, options), ...businessRecords(context.spec.business)],
      dashboards: ["prometheus", "objectives", ...business],
      logs: { [NAME]: "logfmt" },
      backups: [{ what: NAME, none: "Metrics of the last days: nothing is restored from them" }],
      settings: [
        {
          service: NAME,
          setting: "storage.tsdb.retention.size",
          value: `${size / MiB} MB`,
          because:
            "80% of its disk: compaction writes a block anew before it drops the old ones. Size wins over time",
        },
        {
          service: NAME,
          setting: "storage.tsdb.retention.time",
          value: promDuration(options.retention),
          because: "monitoring.prometheus.retention",
        },
        {
          service: NAME,
          setting: "scrape_interval",
          value: promDuration(options.interval),
          because: "monitoring.prometheus.interval",
        },
        {
          service: NAME,
          setting: "query.max-samples",
          value: String(samples),
          because: "a quarter of its memory for the queries of one moment, at 16 bytes a sample",
        },
      ],
      doors: [{ name: "Prometheus", url: `http://127.0.0.1:${options.port}` }],
    };
  },

  collect: (options, grants, offers, context) => ({
    files: [
      {
        path: "prometheus/prometheus.yaml",
        content: {
          yaml: prometheusConfig(options, offers, context),
          comment: "Taken in within 15 s of a change.",
        },
      },
      ...ruleFiles(offers, grants),
    ],
  }),
});

function ruleFiles(offers: Offers, grants: Grants): File[] {
  return [
    ...offers.rules.map((stem) =>
      copy(`prometheus/rules/${stem}.rules.yaml`, `prometheus/rules/${stem}.rules.yaml`),
    ),
    {
      path: "prometheus/rules/thresholds.rules.yaml",
      content: {
        yaml: thresholdRules([...offers.thresholds, ...limitThresholds(offers.scrapes, grants)]),
        comment:
          "What the rules beside it compare with: they are the same in every stack, these are this stack's own.",
      },
    },
  ];
}

/** Bytes. Source: Prometheus's storage documentation, "right-sizing retention size": 80 to 85% of the disk. */
function retentionSize(disk: number): number {
  return Math.floor((disk * 0.8) / MiB) * MiB;
}

function maxSamples(memory: number): number {
  return Math.floor((memory * 0.25) / 16 / 1000) * 1000;
}
