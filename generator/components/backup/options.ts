/** The words of stack.yaml under `backup`. */
import { z } from "zod";
import { Duration, Schedule } from "../../spec/words.ts";
import { Recipient } from "./recipient.ts";

const DAY = 86_400;

/** Kept to what no configuration file, shell or URL reads as syntax. */
const S3 = z.strictObject({
  endpoint: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::\d{1,5})?$/, {
      error: "expected a host such as fra1.digitaloceanspaces.com, without https://",
    })
    .describe("Host of the S3 service, without https://"),
  region: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: "expected a region such as fra1" })
    .describe("Region, as the service names it"),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, { error: "expected a bucket's name such as shop-backups" })
    .describe("Bucket; it must exist"),
  path: z
    .string()
    .regex(/^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/, { error: "expected a path such as /shop" })
    .max(200)
    .optional()
    .describe("Folder in the bucket; /NAME-ENVIRONMENT if absent, so that two environments never share one"),
  ca: z
    .string()
    .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/, {
      error: "expected a file beside stack.yaml such as s3-ca.pem",
    })
    .max(200)
    .optional()
    .describe(
      "File beside stack.yaml with the certificates (PEM) of a private authority; the public ones if absent",
    ),
});

export const Repository = z.union(
  [
    z.literal("local"),
    z.strictObject({
      s3: S3.describe("An S3-compatible service; keys are asked for, contents are encrypted here"),
      local: z
        .literal(true, { error: "expected true, or no such word" })
        .optional()
        .describe("A volume beside it: restores that need no network, and twice the work"),
    }),
  ],
  { error: "expected local, or s3 with endpoint, region and bucket" },
);
export type Repository = z.output<typeof Repository>;

/**
 * One statement that only reads, for the server alone: what begins otherwise psql could take for a command of its own.
 */
const Check = z
  .string()
  .max(2000)
  .regex(/^(?:[Ss][Ee][Ll][Ee][Cc][Tt]|[Ww][Ii][Tt][Hh])\s/, {
    error: "expected a query that answers true, such as select count(*) > 0 from courses",
  })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
  .regex(/^[^\u0000-\u0008\u000b-\u001f\u007f]*$/, { error: "expected no control characters" });

const CheckName = z
  .string()
  .regex(/^[a-z](?:[a-z0-9_-]{0,38}[a-z0-9])?$/, { error: "expected a name such as courses" });

export const Backup = z
  .strictObject({
    schedule: Schedule.default("30 3 * * *").describe("When backups are made, in UTC"),
    full: Duration.prefault("7d")
      .refine((seconds) => seconds >= DAY, { error: "expected at least 1d" })
      .describe(
        "How old a full backup of PostgreSQL may get before the next is full again; others hold differences",
      ),
    verify: Schedule.optional().describe(
      "When the newest backup of PostgreSQL is restored beside the running one, read in full and thrown away, in UTC; daily, two hours after the first backup of a day, if absent",
    ),
    checks: z
      .record(CheckName, Check)
      .default({})
      .describe(
        "Queries on the application's database that the restored copy must answer with true: is what must be there, there?",
      ),
    keep: Duration.prefault("30d")
      .refine((seconds) => seconds >= DAY, { error: "expected at least 1d" })
      .describe("How long backups are kept, and how far back a point-in-time recovery reaches"),
    repository: Repository.default("local").describe(
      "Where backups go. local: a volume, lost with the machine. The environment local has a volume, unless its own words name something else",
    ),
    recipient: z
      .union([Recipient, z.array(Recipient).min(1).max(20)], {
        error: "expected a public key of age (age1…), or a list of them",
      })
      .optional()
      .describe(
        "Public keys of age. What opens the repository is kept in it, encrypted to them; the private keys belong elsewhere",
      ),
    lost_with_machine: z
      .literal("accepted", { error: "expected accepted, or no such word" })
      .optional()
      .describe("accepted: production may keep its backups on its own machine alone, and lose them with it"),
  })
  .prefault({})
  .describe("Backups: PostgreSQL continuously, everything else on schedule");
export type Backup = z.output<typeof Backup>;
