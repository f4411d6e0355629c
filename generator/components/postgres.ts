/** PostgreSQL: two nodes whose role is state, the proxy that knows writer from readers, the exporter and the probe. */
import { followOf, streamOf } from "../spec/dr.ts";
import { drillEvery, drillThreshold } from "../spec/drills.ts";
import { MiB } from "../spec/words.ts";
import {
  type Claim,
  type Contribution,
  defineComponent,
  type Early,
  type Setting,
  type Text,
} from "./component.ts";
import { exporter, exporterClaim } from "./postgres/exporter.ts";
import { coverVolume, dataDirectory, imageOf } from "./postgres/image.ts";
import { archiveOf, baseOf, nodeFiles, nodeService } from "./postgres/nodes.ts";
import { databaseName, nodeNames, Postgres } from "./postgres/options.ts";
import { probe, probeClaim } from "./postgres/probe.ts";
import {
  METRICS_PORT,
  PROXY,
  proxyClaim,
  proxyFiles,
  proxyService,
  proxyVolumes,
  READERS_PORT,
  WRITER_PORT,
} from "./postgres/proxy.ts";
import { explain, settingsOf } from "./postgres/settings.ts";

export { Postgres };

const TRIAL = { reserve: "the daily restore test", volume: "restore-test" };

/** Room for one copy of the database beside the running one, and memory to start it in. */
function restoreTest({ disk }: Postgres): Claim {
  return {
    service: TRIAL.reserve,
    reserve: "a backup that was never restored is a hope: once a day one is, beside the running database",
    memory: { floor: 256 * MiB, weight: 0 },
    cpu: { weight: 256 },
    pids: 64,
    disk: { [TRIAL.volume]: { floor: disk, weight: 6 } },
  };
}

/** node-exporter has the volume of its figures, and hands them on: without it nobody would read them. */
function isProbed({ present }: Early): boolean {
  return present.has("prometheus") && present.has("node-exporter");
}

/** A promise of which nobody would hear that it is broken. */
function unmeasured(node: string): Setting {
  return {
    service: node,
    setting: "objectives.database",
    value: "not measured: no figure and no alert",
    because: "monitoring.host: false: node_exporter would hand on what postgres-probe writes",
  };
}

export const postgres = defineComponent({
  name: "postgres",
  at: ["postgres"],
  options: Postgres,
  optional: true,

  check(options, context) {
    if (followOf(context) && !context.present.has("backup"))
      return [
        {
          path: ["..", "dr", "follow"],
          message: "a copy on another host follows what is in a bucket, and there are no backups",
          remedy: "Name a bucket in backup.repository, or leave dr.follow out.",
        },
      ];
    if (options.version !== 17 || context.images !== "debian") return [];
    return [
      {
        path: ["version"],
        message: "Debian forky has PostgreSQL 18 and no 17",
        remedy: "Set postgres.version: 18, or images: official.",
      },
    ];
  },

  claim(options, context): Claim[] {
    return [
      ...nodeNames(options).map(
        (node): Claim => ({
          service: node,
          memory: { floor: options.memory, weight: 8 },
          cpu: { weight: 2048 },
          // A process for each connection, and helpers for parallel queries and the archive.
          pids: 1024,
          disk: { [node]: { floor: options.disk, weight: 6 } },
        }),
      ),
      proxyClaim,
      ...(context.present.has("prometheus") ? [exporterClaim] : []),
      ...(isProbed(context) ? [probeClaim] : []),
      ...(context.present.has("backup") ? [restoreTest(options)] : []),
    ];
  },

  contribute(options, grants, context): Contribution {
    const nodes = nodeNames(options);
    const database = databaseName(options, context.spec.name);
    const image = imageOf(options.version);
    const base = baseOf(options, grants, context);
    const settings = settingsOf(base);
    const archive = archiveOf(context);
    const watched: Contribution = context.present.has("prometheus") ? exporter(nodes, database, grants) : {};
    const probed: Contribution = isProbed(context) ? probe(nodes, image, coverVolume(options.version)) : {};
    const url = (port: number): Text => [
      "postgresql://app:",
      { secret: "postgres_app_password", as: "url" },
      `@${PROXY}:${port}/${database}`,
    ];
    return {
      services: {
        ...Object.fromEntries(
          nodes.map((node) => [node, nodeService(node, image, database, options, grants, context)]),
        ),
        [PROXY]: proxyService(options, streamOf(context)),
        ...watched.services,
        ...probed.services,
      },
      volumes: [...nodes, ...proxyVolumes, ...(archive ? [TRIAL.volume] : [])],
      files: [
        ...nodes.flatMap((node) =>
          nodeFiles(node, database, options, settings, archive, streamOf(context) !== undefined),
        ),
        ...proxyFiles(options, settings, streamOf(context)),
        ...(probed.files ?? []),
      ],
      secrets: [
        { name: "postgres_app_password", random: 32 },
        { name: "postgres_replication_password", random: 32 },
        { name: "postgres_monitoring_password", random: 32 },
        { name: "postgres_backup_password", random: 32 },
        ...(watched.secrets ?? []),
      ],
      provides: { DATABASE_URL: url(WRITER_PORT), DATABASE_READ_URL: url(READERS_PORT) },
      ready: [...nodes, PROXY],
      scrapes: [
        { job: "postgres-proxy", targets: [{ service: PROXY, port: METRICS_PORT }] },
        ...(watched.scrapes ?? []),
      ],
      unscraped: {
        ...Object.fromEntries(nodes.map((node) => [node, "asked by postgres-exporter"])),
        ...probed.unscraped,
      },
      probes: [
        { name: "postgres-writer", module: "tcp_connect", target: `${PROXY}:${WRITER_PORT}` },
        { name: "postgres-readers", module: "tcp_connect", target: `${PROXY}:${READERS_PORT}` },
      ],
      rules: ["postgres"],
      thresholds: [
        {
          record: "plimsoll:threshold:postgres_lag_seconds",
          value: Math.min(60, context.spec.objectives.rpo / 10),
          because:
            "reads on the replica are at most a minute old, and no more than a tenth of objectives.rpo",
        },
        {
          record: "plimsoll:threshold:postgres_slot_bytes",
          value: settings.slotWal / 2,
          because: `half of max_slot_wal_keep_size (${settings.slotWal / MiB} MB)`,
        },
        ...(archive
          ? [
              {
                record: "plimsoll:threshold:archive_waiting_bytes",
                value: Math.floor(base.disk / 8),
                because: "an eighth of a node's share of the disk: what waits for the archive is kept on it",
              },
            ]
          : []),
        {
          record: "plimsoll:threshold:postgres_disk_bytes",
          value: Math.floor(base.disk * 0.8),
          because: "80% of a node's share of the disk",
        },
        // Its figures come from the sidecar of backups.
        ...(archive === undefined
          ? []
          : drillThreshold(
              "failover",
              drillEvery("failover", context.spec, context.environment, nodes.length > 1),
            )),
      ],
      dashboards: ["postgres"],
      logs: {
        ...Object.fromEntries(nodes.map((node) => [node, "postgres" as const])),
        [PROXY]: "haproxy",
        ...watched.logs,
        ...probed.logs,
      },
      backups: [
        {
          what: "postgres",
          cluster: {
            image,
            covers: coverVolume(options.version),
            nodes,
            dataDirectory: dataDirectory(options.version),
            password: "postgres_backup_password",
            database,
            owner: "app",
            trial: TRIAL,
          },
        },
        ...nodes.map((what) => ({ what, none: "Backed up as a cluster, with its write-ahead log" })),
        ...(archive === undefined
          ? []
          : [{ what: TRIAL.volume, none: "A copy that is tried out and thrown away, and what came of it" }]),
        ...proxyVolumes.map((what) => ({
          what,
          none: "Which node leads: true only for the nodes as they are",
        })),
      ],
      settings: [
        ...nodes.flatMap((node) => explain(node, base, settings, archive !== undefined)),
        ...(context.present.has("prometheus") && !isProbed(context) ? nodes.map(unmeasured) : []),
      ],
    };
  },
});
