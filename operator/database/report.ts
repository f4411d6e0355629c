/** What the sidecars say: pgBackRest's own `info`, the archive's ranges, verifications, restic's snapshots. */
import { z } from "zod";

/** Seconds of the epoch, as everywhere here. */
const Time = z.number();

const InfoBackup = z.object({
  label: z.string(),
  type: z.enum(["full", "diff", "incr"]),
  prior: z.string().nullish(),
  /** True where pages had a wrong checksum when the backup was made. */
  error: z.boolean().nullish(),
  timestamp: z.object({ start: Time, stop: Time }),
  database: z.object({ id: z.number(), "repo-key": z.number().nullish() }),
  archive: z.object({ start: z.string().nullable(), stop: z.string().nullable() }),
  info: z.object({
    size: z.number(),
    delta: z.number(),
    repository: z.object({ delta: z.number() }),
  }),
  // Only where one backup was asked about.
  "database-ref": z.array(z.object({ name: z.string() })).nullish(),
  "error-list": z.array(z.string()).nullish(),
});
export type InfoBackup = z.output<typeof InfoBackup>;

const Info = z.array(
  z.object({
    status: z.object({ code: z.number(), message: z.string() }),
    archive: z.array(z.object({ id: z.string(), database: z.object({ id: z.number() }) })).default([]),
    backup: z.array(InfoBackup).default([]),
    repo: z
      .array(z.object({ key: z.number(), status: z.object({ code: z.number(), message: z.string() }) }))
      .default([]),
  }),
);

/** Segments that follow each other on one timeline. */
export const Range = z.object({
  first: z.string().regex(/^[0-9A-F]{24}$/),
  last: z.string().regex(/^[0-9A-F]{24}$/),
  /** When the first and the last of them came into the repository. */
  from: Time,
  to: Time,
});
export type Range = z.output<typeof Range>;

export const Verification = z.object({
  label: z.string(),
  outcome: z.enum(["passed", "failed", "unfinished"]),
  said: z.string(),
  started: Time,
  finished: Time,
  seconds: z.number(),
  /** The last transaction that the copy had. */
  recovered_to: Time.nullish(),
  lsn: z.string().nullish(),
  size: z.number().nullish(),
  databases: z.number().nullish(),
  checks: z.array(z.object({ name: z.string(), passed: z.boolean(), said: z.string() })).default([]),
});
export type Verification = z.output<typeof Verification>;

/** A repository: pgBackRest's number of it, and what it is. */
const Numbered = z.object({ number: z.number(), kind: z.enum(["local", "s3"]) });

export const PostgresReport = z.object({
  now: Time,
  error: z.string(),
  repositories: z.array(Numbered).default([{ number: 1, kind: "local" }]),
  info: Info,
  set: Info,
  archives: z.array(z.object({ id: z.string(), history: z.string(), ranges: z.array(Range) })),
  verified: z.array(Verification),
  running: z.object({ backup: z.boolean(), verify: z.boolean() }),
});
export type PostgresReport = z.output<typeof PostgresReport>;

export const Snapshot = z.object({
  id: z.string(),
  short: z.string(),
  what: z.string(),
  time: Time,
  size: z.number().nullish(),
  added: z.number().nullish(),
  files: z.number().nullish(),
  repository: z.enum(["local", "s3"]).nullish(),
});
export type Snapshot = z.output<typeof Snapshot>;

/** Of restic's repository as a whole. */
export const FilesVerification = z.object({
  outcome: z.enum(["passed", "failed", "unfinished"]),
  said: z.string(),
  /** How much of the data was read: `all`, `a 7th`. */
  part: z.string(),
  seconds: z.number(),
  finished: Time,
  /** When one was last good; 0 for never. */
  succeeded: Time,
});
export type FilesVerification = z.output<typeof FilesVerification>;

/** Names of bundles; empty where there is none. */
export const Recovery = z.object({
  newest: z.string(),
  size: z.number(),
  /** No bundle may be older than this. */
  wanted: z.string(),
  /** Whether bundles go into a bucket, and the newest that is there. */
  bucket: z.boolean(),
  uploaded: z.string(),
  error: z.string(),
});
export type Recovery = z.output<typeof Recovery>;

/** The application's own, which is in no registry. */
export const KeptImage = z.object({
  id: z.string(),
  ref: z.string(),
  time: Time,
  size: z.number().nullish(),
});
export type KeptImage = z.output<typeof KeptImage>;

export const FilesReport = z.object({
  now: Time,
  error: z.string(),
  running: z.boolean(),
  // Absent of a sidecar that was deployed before there was such a thing.
  verifying: z.boolean().default(false),
  verified: FilesVerification.nullish(),
  recovery: Recovery.nullish(),
  images: z.array(KeptImage).default([]),
  sources: z.array(z.string()),
  repositories: z.array(z.object({ kind: z.enum(["local", "s3"]), error: z.string() })).default([]),
  snapshots: z.array(Snapshot),
});
export type FilesReport = z.output<typeof FilesReport>;
