/** Backups: a sidecar for PostgreSQL, and a sidecar for the volumes that others offer. */
import type { EnvironmentKind } from "../spec/core.ts";
import { followOf } from "../spec/dr.ts";
import { drillEvery, drillThreshold } from "../spec/drills.ts";
import { MiB } from "../spec/words.ts";
import { faultsOf } from "./backup/faults.ts";
import {
  NAME as FILES,
  filesClaim,
  filesFiles,
  filesSidecar,
  RECOVERY,
  REPOSITORY as RESTIC,
} from "./backup/files.ts";
import { followThresholds } from "./backup/follow.ts";
import { Backup } from "./backup/options.ts";
import {
  REPOSITORY as PGBACKREST,
  NAME as POSTGRES,
  postgresClaim,
  postgresFiles,
  postgresSidecar,
} from "./backup/postgres.ts";
import { bucketOf, hasVolume, type Place, placesOf, recipientsOf, secretsOf } from "./backup/repository.ts";
import { longestGap, verifySchedule } from "./backup/schedule.ts";
import { type Claim, type Contribution, defineComponent, type Setting } from "./component.ts";
import { TEXT_FILES, WRITES_TEXT_FILES } from "./exporters/text-files.ts";

export { Backup };

export const backup = defineComponent({
  name: "backup",
  at: ["backup"],
  options: Backup,
  optional: true,

  check: faultsOf,

  claim(options, context): Claim[] {
    const places = placesOf(options, context.spec.name, context.environment);
    const files = filesClaim(
      places,
      hasBundles(options, places, context.environment),
      context.present.has("elk"),
    );
    // node-exporter, where it is present, has the volume already.
    const metrics: Claim["disk"] = context.present.has("node-exporter")
      ? {}
      : { [TEXT_FILES]: { floor: 64 * MiB, weight: 0, ceiling: 64 * MiB } };
    const withMetrics: Claim = { ...files, disk: { ...files.disk, ...metrics } };
    if (!context.present.has("postgres")) return [withMetrics];
    return [postgresClaim(places), withMetrics];
  },

  contribute(options, grants, context): Contribution {
    const places = placesOf(options, context.spec.name, context.environment);
    const volume = hasVolume(places);
    const postgres = context.present.has("postgres");
    const days = Math.ceil(options.keep / 86_400);
    const gap = longestGap(options.schedule);
    const verify = verifySchedule(options);
    const unproven = longestGap(verify);
    const bundles = hasBundles(options, places, context.environment);
    const sidecars = [...(postgres ? [POSTGRES] : []), FILES];
    return {
      volumes: [
        TEXT_FILES,
        ...(bundles ? [RECOVERY] : []),
        ...(volume ? [RESTIC, ...(postgres ? [PGBACKREST] : [])] : []),
      ],
      secrets: secretsOf(places),
      rules: ["backup", ...(followOf(context) ? ["follow"] : [])],
      dashboards: ["backup"],
      thresholds: [
        {
          record: "plimsoll:threshold:backup_age_seconds",
          value: gap + 2 * 3600,
          because: `backup.schedule (${options.schedule}) leaves at most ${gap / 3600} hours, and two to finish`,
        },
        {
          record: "plimsoll:threshold:backup_verify_age_seconds",
          value: unproven + 2 * 3600,
          because: `backup.verify (${verify}) leaves at most ${unproven / 3600} hours, and two to finish`,
        },
        {
          record: "plimsoll:threshold:archive_waiting_seconds",
          value: Math.max(300, context.spec.objectives.rpo / 4),
          because: "a quarter of objectives.rpo, at least five minutes",
        },
        ...(postgres ? (["restore", "disaster"] as const) : []).flatMap((kind) =>
          drillThreshold(kind, drillEvery(kind, context.spec, context.environment, false)),
        ),
        ...followThresholds(context),
        ...(postgres ? [{ what: "postgres", volume: PGBACKREST }] : [])
          .concat({ what: "files", volume: RESTIC })
          .flatMap(({ what, volume: name }) =>
            places.map(({ kind }) => ({
              record: "plimsoll:threshold:backup_repository_bytes",
              labels: { what, repository: kind },
              value: kind === "s3" ? Number.MAX_SAFE_INTEGER : Math.floor(0.8 * grants.volume(name)),
              because: kind === "s3" ? "a bucket grows" : "80% of the repository's share of the disk",
            })),
          ),
      ],
      unscraped: Object.fromEntries(sidecars.map((name) => [name, WRITES_TEXT_FILES])),
      logs: Object.fromEntries(sidecars.map((name) => [name, "supercronic" as const])),
      backups: [
        { what: RESTIC, none: "It is the backups" },
        ...(bundles
          ? [{ what: RECOVERY, none: "Made anew after each release, and copied into the bucket" }]
          : []),
        ...(postgres ? [{ what: PGBACKREST, none: "It is the backups" }] : []),
        ...(context.present.has("node-exporter")
          ? []
          : [{ what: TEXT_FILES, none: "Written anew by every job" }]),
      ],
      settings: sidecars.flatMap((service): Setting[] => [
        ...(service === POSTGRES
          ? [
              {
                service,
                setting: "verify",
                value: verify,
                because: options.verify
                  ? "backup.verify, in UTC"
                  : `daily, two hours after backup.schedule (${options.schedule}) is first due, in UTC`,
              },
            ]
          : []),
        { service, setting: "schedule", value: options.schedule, because: "backup.schedule, in UTC" },
        { service, setting: "retention", value: `${days} days`, because: "backup.keep" },
        {
          service,
          setting: "repository",
          value: places.map(placeText).join(", and "),
          because: bucketOf(places) ? "backup.repository" : "backup.repository: local, lost with the machine",
        },
        ...(bucketOf(places) ? recipientsOf(options) : []).map((value) => ({
          service,
          setting: "recipient",
          value,
          because: "backup.recipient: the secrets that open the repository are kept in it for this key",
        })),
      ]),
    };
  },

  collect(options, grants, offers, context) {
    const places = placesOf(options, context.spec.name, context.environment);
    const { ca: file } = bucketOf(places) ?? {};
    const ca = file && context.beside[file];
    const stack = `${context.spec.name}-${context.environment}`;
    const cluster = offers.backups.flatMap((offer) => ("cluster" in offer ? [offer.cluster] : []))[0];
    const sources = offers.backups.flatMap((offer) => ("volume" in offer ? [offer] : []));
    return {
      services: {
        ...(cluster && { [POSTGRES]: postgresSidecar(cluster, options, places, grants, followOf(context)) }),
        [FILES]: filesSidecar(
          sources,
          options,
          places,
          {
            stack,
            bundles: hasBundles(options, places, context.environment),
            releases: context.spec.deploy.keep,
          },
          grants,
        ),
      },
      files: [
        ...(cluster
          ? postgresFiles(cluster, options, places, {
              cpus: grants.service(POSTGRES).cpus,
              ca,
              stack: context.spec.name,
              environment: context.environment,
              objectives: { rto: context.spec.objectives.rto, rpo: context.spec.objectives.rpo },
            })
          : []),
        ...filesFiles(sources, options, places, ca),
      ],
    };
  },
});

function placeText(place: Place): string {
  if (place.kind === "local") return "a volume on this machine";
  const { bucket, path, endpoint } = place.bucket;
  return `${bucket}${path} at ${endpoint}`;
}

/** A laptop needs no bundle: it is where the sources are. Without a bucket there is nothing that outlives the host. */
function hasBundles(options: Backup, places: readonly Place[], environment: EnvironmentKind): boolean {
  return environment !== "local" && bucketOf(places) !== undefined && recipientsOf(options).length > 0;
}
