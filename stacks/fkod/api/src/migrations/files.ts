import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export type Migration = { version: string; name: string; up: string; down: string; checksum: string };

export class MigrationError extends Error {
  override name = "MigrationError";
}

const FILE = /^(\d{4})_([a-z0-9_]+)\.(up|down)\.sql$/;

/** Reads `0001_users.up.sql` and `.down.sql` pairs in the order of their numbers; tells all faults at once. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const faults: string[] = [];
  const found = new Map<string, { name: string; up?: string; down?: string }>();
  for (const file of (await readdir(folder)).sort()) {
    const [, version, name, direction] = file.match(FILE) ?? [];
    if (!version || !name) {
      faults.push(`${file} is not named like 0007_add_badges.up.sql`);
      continue;
    }
    const entry = found.get(version) ?? { name };
    if (entry.name !== name) faults.push(`${version} is used by both ${entry.name} and ${name}`);
    entry[direction as "up" | "down"] = await readFile(join(folder, file), "utf8");
    found.set(version, entry);
  }
  const migrations: Migration[] = [];
  for (const [version, { name, up, down }] of found) {
    if (up === undefined || down === undefined)
      faults.push(`${version}_${name} has no .${up === undefined ? "up" : "down"}.sql`);
    else
      migrations.push({ version, name, up, down, checksum: createHash("sha256").update(up).digest("hex") });
  }
  if (faults.length > 0)
    throw new MigrationError(`The migrations in ${folder} have faults:\n  ${faults.join("\n  ")}`);
  return migrations.sort((a, b) => a.version.localeCompare(b.version));
}

export type Applied = { version: string; name: string; checksum: string; appliedAt: string };
export type Status = {
  applied: { version: string; name: string; appliedAt: string }[];
  pending: { version: string; name: string }[];
  /** Applied, and the file was changed since. */
  changed: string[];
  /** Applied by a newer release whose files are not here. */
  unknown: string[];
};

/** Holds the files against what the database has. */
export function compare(files: Migration[], applied: Applied[]): Status {
  const byVersion = new Map(files.map((file) => [file.version, file]));
  const done = new Set(applied.map(({ version }) => version));
  return {
    applied: applied.map(({ version, name, appliedAt }) => ({ version, name, appliedAt })),
    pending: files
      .filter(({ version }) => !done.has(version))
      .map(({ version, name }) => ({ version, name })),
    changed: applied
      .filter(
        ({ version, checksum }) => byVersion.has(version) && byVersion.get(version)?.checksum !== checksum,
      )
      .map(({ version, name }) => `${version}_${name}`),
    unknown: applied
      .filter(({ version }) => !byVersion.has(version))
      .map(({ version, name }) => `${version}_${name}`),
  };
}
