/** The sidecar of everything that is not PostgreSQL: restic over the volumes that others offer. */
import { GiB, MiB } from "../../spec/words.ts";
import {
  type Build,
  type Claim,
  copy,
  type File,
  type Grants,
  mountFolder,
  mountVolume,
  type Service,
  template,
} from "../component.ts";
import { mountTextFiles } from "../exporters/text-files.ts";
import type { Backup } from "./options.ts";
import {
  bucketOf,
  CA,
  FILES_CREDENTIALS,
  FILES_PASSWORD,
  hasVolume,
  type Place,
  recipientsOf,
  SITE,
  uriStyle,
} from "./repository.ts";
import { verifySchedule } from "./schedule.ts";

export const NAME = "backup-files";
export const REPOSITORY = "restic";
/** Recovery bundles that the host made: the newest few. */
export const RECOVERY = "recovery";
const CONFIG = "/etc/plimsoll-backup";
/** Redis' uid, and the group of Grafana's files: reads both without root and without any capability. */
const USER = "999:0";

export type Source = { what: string; volume: string; group?: number; broughtBy?: object; owner?: string };

function buildFor(sources: readonly Source[]): Build {
  const owned = sources.flatMap(({ volume, owner }) => {
    const [uid, gid] = owner?.split(":") ?? [];
    return uid === undefined ? [] : [{ volume, uid, gid }];
  });
  return {
    name: "backup-files",
    files: [
      template("Dockerfile", "backup/Dockerfile.hbs", { owned }),
      copy("plimsoll-backup-files", "templates/backup/plimsoll-backup-files"),
      copy("share", "templates/backup/share"),
    ],
  };
}

/**
 * @param bundles whether recovery bundles are made: a few hundred KB each
 * @param logs whether there are logs to back up: they weigh more than all else
 */
export function filesClaim(places: readonly Place[], bundles: boolean, logs: boolean): Claim {
  return {
    service: NAME,
    memory: { floor: 112 * MiB, weight: 0.5, ceiling: 512 * MiB },
    cpu: { weight: 256 },
    pids: 64,
    disk: {
      ...(hasVolume(places) && { [REPOSITORY]: { floor: (logs ? 3 : 1) * GiB, weight: logs ? 7 : 1 } }),
      ...(bundles && { [RECOVERY]: { floor: 64 * MiB, weight: 0, ceiling: 64 * MiB } }),
    },
  };
}

export type FilesContext = {
  /** Name and environment. */
  stack: string;
  bundles: boolean;
  /** How many are kept: so many images of the application are. */
  releases: number;
};

export function filesSidecar(
  sources: readonly Source[],
  options: Backup,
  places: readonly Place[],
  { stack, bundles, releases }: FilesContext,
  grants: Grants,
): Service {
  const build = buildFor(sources);
  const bucket = bucketOf(places);
  const volume = hasVolume(places);
  const groups = [...new Set(sources.flatMap(({ group }) => (group === undefined ? [] : [String(group)])))];
  const s3 = bucket && `s3:https://${bucket.endpoint}/${bucket.bucket}${bucket.path}/files`;
  return {
    image: { official: build, debian: build },
    user: USER,
    ...(groups.length > 0 && { group_add: groups }),
    init: true,
    command: ["run"],
    environment: {
      RESTIC_REPOSITORY: s3 ?? "/repository",
      // The bucket is the one that counts; each is written by itself, so that neither waits for the other.
      ...(bucket && volume && { PLIMSOLL_SECOND_REPOSITORY: "/repository" }),
      RESTIC_PASSWORD_FILE: `/run/secrets/${FILES_PASSWORD}`,
      RESTIC_READ_CONCURRENCY: "1",
      ...(bucket && {
        AWS_SHARED_CREDENTIALS_FILE: `/run/secrets/${FILES_CREDENTIALS}`,
        AWS_DEFAULT_REGION: bucket.region,
        ...(bucket.ca && { RESTIC_CACERT: `${CONFIG}/${CA}` }),
        PLIMSOLL_S3_URL:
          uriStyle(bucket) === "path"
            ? `https://${bucket.endpoint}/${bucket.bucket}`
            : `https://${bucket.bucket}.${bucket.endpoint}`,
        PLIMSOLL_S3_PREFIX: `${bucket.path.slice(1)}/recovery/`,
        PLIMSOLL_RESTIC_OPTIONS: `-o s3.bucket-lookup=${uriStyle(bucket) === "path" ? "path" : "dns"}`,
      }),
      PLIMSOLL_STACK: stack,
      PLIMSOLL_IMAGES: String(releases),
      ...(bundles && { PLIMSOLL_RECOVERY: "yes" }),
      PLIMSOLL_KEEP: `${Math.ceil(options.keep / 86_400)}d`,
      // restic's Go runtime collects harder as it comes near, before the kernel kills.
      GOMEMLIMIT: String(Math.floor(grants.service(NAME).memory * 0.7)),
      GOMAXPROCS: "1",
      TZ: "UTC",
    },
    secrets: [FILES_PASSWORD, ...(bucket ? [FILES_CREDENTIALS, SITE] : [])],
    volumes: [
      ...sources.map(({ volume }) => ({ ...mountVolume(volume, `/source/${volume}`), read_only: true })),
      mountFolder(NAME, CONFIG),
      ...(volume ? [mountVolume(REPOSITORY, "/repository")] : []),
      ...(bundles ? [mountVolume(RECOVERY, "/recovery")] : []),
      mountTextFiles(),
    ],
    tmpfs: [`/run/plimsoll:size=4m,mode=0700,uid=999,gid=0`, "/tmp:size=64m,mode=1777"],
    networks: bucket ? ["egress"] : ["data"],
    healthcheck: { test: ["CMD", "plimsoll-backup-files", "healthy"], start_period: "30m" },
    stop_grace_period: "60s",
  };
}

export function filesFiles(
  sources: readonly Source[],
  options: Backup,
  places: readonly Place[],
  ca: string | undefined,
): File[] {
  const restarts = { restarts: [NAME] };
  const recipients = bucketOf(places) ? recipientsOf(options) : [];
  // Those that may have to be waited for come last, so that nothing else waits for them.
  const ordered = [...sources].sort((a, b) => Number(Boolean(a.broughtBy)) - Number(Boolean(b.broughtBy)));
  return [
    ...(ca === undefined ? [] : [{ path: `${NAME}/${CA}`, content: { text: ca } }]),
    // As `age --recipients-file` reads them.
    ...(recipients.length === 0
      ? []
      : [{ path: `${NAME}/recipients`, content: { text: recipients.map((one) => `${one}\n`).join("") } }]),
    {
      path: `${NAME}/sources`,
      content: { text: ordered.map((source) => `${sourceLine(source, options, places)}\n`).join("") },
      ...restarts,
    },
    {
      path: `${NAME}/crontab`,
      content: {
        text: [
          `${options.schedule} plimsoll-backup-files backup`,
          `${verifySchedule(options)} plimsoll-backup-files verify`,
          "*/15 * * * * plimsoll-backup-files metrics",
          ...(recipients.length > 0 ? ["*/5 * * * * plimsoll-backup-files upload"] : []),
          "",
        ].join("\n"),
      },
      ...restarts,
    },
  ];
}

/** How many days a repository of snapshots is kept: beyond the machine, so long that a lost host's can still be fetched. */
const PASTS = { s3: 7, local: 2 };

function sourceLine({ what, volume, broughtBy }: Source, { keep }: Backup, places: readonly Place[]): string {
  if (!broughtBy) return `${what} ${volume}`;
  const days = Math.min(Math.ceil(keep / 86_400), bucketOf(places) ? PASTS.s3 : PASTS.local);
  return `${what} ${volume} whole ${days}d`;
}
