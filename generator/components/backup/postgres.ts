/** The sidecar of PostgreSQL: pgBackRest beside the servers, in their own image. */
import type { Follow } from "../../spec/dr.ts";
import { MiB } from "../../spec/words.ts";
import {
  type Claim,
  type File,
  type Grants,
  mountFolder,
  mountVolume,
  type Backup as Offer,
  type Service,
  template,
} from "../component.ts";
import { mountTextFiles } from "../exporters/text-files.ts";
import type { Backup } from "./options.ts";
import { CA, hasVolume, type Place, POSTGRES_SECRETS, SITE, uriStyle } from "./repository.ts";
import { verifySchedule } from "./schedule.ts";

export const NAME = "backup-postgres";
export const REPOSITORY = "pgbackrest";
/** postgres, of whose files it reads everything. */
const UID = 999;
const CONFIG = "/etc/plimsoll-backup";

export type Cluster = Extract<Offer, { cluster: unknown }>["cluster"];

export function postgresClaim(places: readonly Place[]): Claim {
  const volume = hasVolume(places);
  return {
    service: NAME,
    memory: { floor: 96 * MiB, weight: 1, ceiling: 512 * MiB },
    cpu: { weight: 256 },
    pids: 64,
    ...(volume && { disk: { [REPOSITORY]: { floor: 3072 * MiB, weight: 10 } } }),
    demands: {
      ...(volume && { "repository volume": 1 }),
      ...(places.some(({ kind }) => kind === "s3") && { "object storage": 1 }),
    },
  };
}

export function postgresSidecar(
  cluster: Cluster,
  options: Backup,
  places: readonly Place[],
  grants: Grants,
  follow: Follow | undefined,
): Service {
  const remote = places.some(({ kind }) => kind === "s3");
  return {
    image: cluster.image,
    borrows: [cluster.trial.reserve],
    user: `${UID}:${UID}`,
    init: true,
    entrypoint: ["plimsoll-backup"],
    command: ["run"],
    environment: {
      PGPASSFILE: "/run/plimsoll/pgpass",
      PLIMSOLL_NODES: cluster.nodes.join(" "),
      // pgBackRest's number of each repository, and what kind it is.
      PLIMSOLL_REPOSITORIES: places.map(({ number, kind }) => `${number}:${kind}`).join(" "),
      PLIMSOLL_FULL_EVERY: String(options.full),
      // A copy is kept warm elsewhere: how far it is is read from the bucket.
      ...(follow && { PLIMSOLL_FOLLOW: follow }),
      // Bytes that the server of a restored copy may use beside what the sidecar itself needs.
      PLIMSOLL_TRIAL_MEMORY: String(grants.service(cluster.trial.reserve).memory),
      PGBACKREST_CONFIG: `/etc/${REPOSITORY}/pgbackrest.conf`,
      PGBACKREST_CONFIG_INCLUDE_PATH: "/run/plimsoll/pgbackrest",
      TZ: "UTC",
    },
    secrets: [cluster.password, ...(remote ? [POSTGRES_SECRETS, SITE] : [])],
    volumes: [
      // Read-only: a backup changes nothing. The socket on it still takes connections.
      ...cluster.nodes.map((node) => ({ ...mountVolume(node, `/nodes/${node}`), read_only: true })),
      mountFolder(NAME, CONFIG),
      mountFolder(REPOSITORY, `/etc/${REPOSITORY}`),
      ...(hasVolume(places) ? [mountVolume(REPOSITORY, "/var/lib/pgbackrest")] : []),
      mountTextFiles(),
      mountVolume(cluster.trial.volume, "/trial"),
    ],
    tmpfs: [
      "/run/plimsoll:size=4m,mode=0700,uid=999,gid=999",
      // Beside that a place for links to the primary's folders, wherever it is: see plimsoll-backup.
      ...cluster.covers,
      "/tmp:size=64m,mode=1777",
    ],
    networks: ["data", ...(remote ? (["egress"] as const) : [])],
    depends_on: Object.fromEntries(
      cluster.nodes.map((node) => [node, { condition: "service_started" as const }]),
    ),
    // Healthy: the archive was proven and a backup exists. The first one may take its time.
    healthcheck: { test: ["CMD", "plimsoll-backup", "healthy"], start_period: "30m" },
    stop_grace_period: "60s",
  };
}

/** What waits for the archive must be seen well before half of the RPO is used up: that is when the alert pages. */
export function figuresEvery(rpo: number): string {
  return rpo < 3600 ? "* * * * *" : "*/5 * * * *";
}

/** What the report of a drill names: of whom it is, and what was promised, in seconds. */
type Drilled = { stack: string; environment: string; objectives: { rto: number; rpo: number } };

export function postgresFiles(
  cluster: Cluster,
  options: Backup,
  places: readonly Place[],
  { cpus, ca, ...drilled }: { cpus: number; ca?: string } & Drilled,
): File[] {
  return [
    template(
      `${REPOSITORY}/pgbackrest.conf`,
      "backup/pgbackrest.conf.hbs",
      {
        repositories: places.map((place) => ({
          number: place.number,
          keepDays: Math.ceil(options.keep / 86_400),
          s3: place.kind === "s3" && {
            ...place.bucket,
            style: uriStyle(place.bucket),
            ca: place.bucket.ca && `/etc/${REPOSITORY}/${CA}`,
          },
        })),
        dataDirectory: cluster.dataDirectory,
        processes: cpus >= 4 ? 2 : 1,
        restorers: Math.max(1, Math.min(4, Math.floor(cpus))),
      },
      // Read by each call of pgBackRest: nothing has to be restarted.
    ),
    ...(ca === undefined ? [] : [{ path: `${REPOSITORY}/${CA}`, content: { text: ca } }]),
    {
      path: `${NAME}/crontab`,
      content: {
        text: [
          `${options.schedule} plimsoll-backup backup`,
          `${verifySchedule(options)} plimsoll-backup verify`,
          `${figuresEvery(drilled.objectives.rpo)} plimsoll-backup metrics`,
          "",
        ].join("\n"),
      },
      restarts: [NAME],
    },
    {
      // Read by each verification. JSON, since what a person wrote must never be syntax of a shell or of psql.
      path: `${NAME}/checks.json`,
      content: {
        json: {
          database: cluster.database,
          owner: cluster.owner,
          checks: Object.entries(options.checks).map(([name, sql]) => ({ name, sql })),
          // For the report of the drill that a verification is.
          ...drilled,
        },
      },
    },
  ];
}
