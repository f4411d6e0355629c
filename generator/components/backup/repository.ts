/** Where backups go: a volume, or a bucket. */
import type { EnvironmentKind } from "../../spec/core.ts";
import type { Secret } from "../component.ts";
import type { Backup } from "./options.ts";

export type Bucket = { endpoint: string; region: string; bucket: string; path: string };

/** A laptop never writes into a bucket: it would share it with production. Undefined means a volume. */
export function bucketOf(
  options: Pick<Backup, "repository">,
  stack: string,
  environment: EnvironmentKind,
): Bucket | undefined {
  if (options.repository === "local" || environment === "local") return undefined;
  const { s3 } = options.repository;
  return { ...s3, path: s3.path ?? `/${stack}-${environment}` };
}

/** A dot in a bucket's name breaks the certificate of BUCKET.ENDPOINT. */
export function uriStyle(bucket: Bucket): "host" | "path" {
  return bucket.bucket.includes(".") ? "path" : "host";
}

export const POSTGRES_SECRETS = "backup_pgbackrest";
export const FILES_PASSWORD = "backup_restic_password";
export const FILES_CREDENTIALS = "backup_restic_credentials";

export function secretsOf(bucket: Bucket | undefined): Secret[] {
  const password: Secret = { name: FILES_PASSWORD, random: 48 };
  if (bucket === undefined) return [password];
  return [
    password,
    { name: "backup_s3_key", supplied: "Access key of the S3 service for backups" },
    { name: "backup_s3_secret", supplied: "Secret key of the S3 service for backups" },
    // Without it no backup can be read: the runbook has a person keep a copy elsewhere.
    { name: "backup_cipher_pass", random: 64 },
    {
      name: POSTGRES_SECRETS,
      text: [
        "[global]\nrepo1-s3-key=",
        { secret: "backup_s3_key", oneLine: true },
        "\nrepo1-s3-key-secret=",
        { secret: "backup_s3_secret", oneLine: true },
        "\nrepo1-cipher-pass=",
        { secret: "backup_cipher_pass" },
        "\n",
      ],
    },
    {
      name: FILES_CREDENTIALS,
      text: [
        "[default]\naws_access_key_id = ",
        { secret: "backup_s3_key", oneLine: true },
        "\naws_secret_access_key = ",
        { secret: "backup_s3_secret", oneLine: true },
        "\n",
      ],
    },
  ];
}
