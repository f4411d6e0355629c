/** What a repository of pgBackRest holds, read from the bucket without a host: is there a backup, how big, how fresh? */
import { createDecipheriv, createHash } from "node:crypto";
import { Problem } from "../problem.ts";
import { getObject, listObjects, type Store, type StoreKeys } from "./s3.ts";

export type Catalog = {
  /** The newest that is good. */
  backup: { label: string; finished: number; size: number };
  /** When the newest segment of the log came into the bucket, seconds of the epoch; undefined without any. */
  archived: number | undefined;
};

/** @param cipher repo-cipher-pass. @throws Problem where there is no backup, or the pass is another's */
export async function readCatalog(store: Store, keys: StoreKeys, cipher: string): Promise<Catalog> {
  const base = `${store.path.replace(/^\//, "")}/postgres`;
  const info = `${base}/backup/main/backup.info`;
  const where = `${store.bucket}${store.path} at ${store.endpoint}`;
  const there = await listObjects(store, keys, info);
  if (!there.some(({ key }) => key === info))
    throw new Problem(`there is no backup of PostgreSQL in ${where}`);
  const backups = parseBackupInfo(decrypt(await getObject(store, keys, info), cipher, where));
  const backup = backups.at(-1);
  if (!backup) throw new Problem(`there is no good backup of PostgreSQL in ${where}`);
  const segments = await listObjects(store, keys, `${base}/archive/main/`);
  const archived = segments.filter(({ key }) => /\/[0-9A-F]{24}-[0-9a-f]{40}/.test(key));
  return {
    backup,
    archived:
      archived.length > 0
        ? archived.reduce((newest, { modified }) => Math.max(newest, modified), 0)
        : undefined,
  };
}

/** In the order of their labels, which is that of time. */
export function parseBackupInfo(text: string): Catalog["backup"][] {
  return [...text.matchAll(/^(\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?)=(\{.*\})$/gm)].flatMap(([, label, json]) => {
    const entry = JSON.parse(json as string) as Record<string, unknown>;
    if (entry["backup-error"] === true) return [];
    return [
      {
        label: label as string,
        finished: Number(entry["backup-timestamp-stop"]),
        size: Number(entry["backup-info-size"]),
      },
    ];
  });
}

/** As pgBackRest encrypts: OpenSSL's salted AES-256-CBC, the key by one round of SHA-1. Source: its cipherBlock.c. */
export function decrypt(bytes: Buffer, pass: string, where: string): string {
  const wrong = () =>
    new Problem(
      `the backups in ${where} are encrypted with another key than the bundle has`,
      "Was the bundle made for another repository, or before it was begun anew?",
    );
  if (bytes.subarray(0, 8).toString("latin1") !== "Salted__") throw wrong();
  const secret = Buffer.concat([Buffer.from(pass, "utf8"), bytes.subarray(8, 16)]);
  let derived = Buffer.alloc(0);
  let last = Buffer.alloc(0);
  while (derived.length < 48) {
    last = createHash("sha1")
      .update(Buffer.concat([last, secret]))
      .digest();
    derived = Buffer.concat([derived, last]);
  }
  try {
    const decipher = createDecipheriv("aes-256-cbc", derived.subarray(0, 32), derived.subarray(32, 48));
    const text = Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString("utf8");
    if (text.includes("[backrest]")) return text;
  } catch {
    // Padding that is none: the pass is another.
  }
  throw wrong();
}
