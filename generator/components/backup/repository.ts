/** Where backups go: a volume, a bucket, or both. */
import type { EnvironmentKind } from "../../spec/core.ts";
import type { Secret } from "../component.ts";
import type { Backup } from "./options.ts";

export type Bucket = {
  endpoint: string;
  region: string;
  bucket: string;
  path: string;
  /** File beside stack.yaml. */
  ca?: string;
};

/**
 * pgBackRest's numbers. A volume comes first, so that a restore reads it and only goes to the bucket for what the
 * volume has not.
 */
export type Place = { number: 1 | 2 } & ({ kind: "local" } | { kind: "s3"; bucket: Bucket });

export function placesOf(
  { repository }: Pick<Backup, "repository">,
  stack: string,
  environment: EnvironmentKind,
): Place[] {
  if (repository === "local") return [{ number: 1, kind: "local" }];
  const { s3, local } = repository;
  const bucket: Bucket = { ...s3, path: s3.path ?? `/${stack}-${environment}` };
  if (!local) return [{ number: 1, kind: "s3", bucket }];
  return [
    { number: 1, kind: "local" },
    { number: 2, kind: "s3", bucket },
  ];
}

export function bucketOf(places: readonly Place[]): Bucket | undefined {
  return places.flatMap((place) => (place.kind === "s3" ? [place.bucket] : []))[0];
}

export function hasVolume(places: readonly Place[]): boolean {
  return places.some(({ kind }) => kind === "local");
}

/** A dot in a bucket's name breaks the certificate of BUCKET.ENDPOINT; an address has no names below it. */
export function uriStyle({ bucket, endpoint }: Pick<Bucket, "bucket" | "endpoint">): "host" | "path" {
  return bucket.includes(".") || /^[\d.]+$|:\d+$/.test(endpoint) ? "path" : "host";
}

export function recipientsOf({ recipient }: Pick<Backup, "recipient">): readonly string[] {
  return typeof recipient === "string" ? [recipient] : (recipient ?? []);
}

/** Name of the authority's certificates in the folders that containers see. */
export const CA = "ca.pem";
export const POSTGRES_SECRETS = "backup_pgbackrest";
export const SITE = "backup_site";
export const FILES_PASSWORD = "backup_restic_password";
export const FILES_CREDENTIALS = "backup_restic_credentials";

export function secretsOf(places: readonly Place[]): Secret[] {
  const password: Secret = { name: FILES_PASSWORD, random: 48 };
  const place = places.find(({ kind }) => kind === "s3");
  if (place === undefined) return [password];
  const repo = `repo${place.number}`;
  return [
    password,
    { name: "backup_s3_key", supplied: "Access key of the S3 service for backups" },
    { name: "backup_s3_secret", supplied: "Secret key of the S3 service for backups" },
    // Without it no backup can be read: the runbook has a person keep a copy elsewhere.
    { name: "backup_cipher_pass", random: 64 },
    // Of this site alone: another that takes over has another, and says so in the bucket.
    { name: SITE, random: 24 },
    {
      name: POSTGRES_SECRETS,
      text: [
        `[global]\n${repo}-s3-key=`,
        { secret: "backup_s3_key", oneLine: true },
        `\n${repo}-s3-key-secret=`,
        { secret: "backup_s3_secret", oneLine: true },
        `\n${repo}-cipher-pass=`,
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
