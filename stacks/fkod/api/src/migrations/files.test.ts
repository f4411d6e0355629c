import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { compare, readMigrations } from "./files.ts";

async function folder(files: string[]): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "fkod-migrations-"));
  for (const file of files) await writeFile(join(path, file), `-- ${file}`);
  return path;
}

const pair = (name: string) => [`${name}.up.sql`, `${name}.down.sql`];

test("come in the order of their numbers", async () => {
  const path = await folder([...pair("0010_later"), ...pair("0002_second"), ...pair("0001_first")]);
  const names = (await readMigrations(path)).map(({ name }) => name);
  expect(names).toEqual(["first", "second", "later"]);
});

test("tell all faults of the folder at once", async () => {
  const path = await folder(["0001_first.up.sql", "0002_a.up.sql", "0002_b.down.sql", "notes.txt"]);
  await expect(readMigrations(path)).rejects.toThrow(
    /0002 is used by both[\s\S]*notes.txt[\s\S]*0001_first has no .down.sql/,
  );
});

test("fkod's own are complete and numbered without a gap", async () => {
  const migrations = await readMigrations(fileURLToPath(new URL("../../migrations", import.meta.url)));
  expect(migrations.map(({ version }) => Number(version))).toEqual(migrations.map((_, index) => index + 1));
});

test("are held against what the database has", async () => {
  const files = await readMigrations(
    await folder([...pair("0001_first"), ...pair("0002_second"), ...pair("0003_third")]),
  );
  const appliedAt = "2026-11-23T00:00:00Z";
  const status = compare(files, [
    { version: "0001", name: "first", checksum: files[0]?.checksum ?? "", appliedAt },
    { version: "0002", name: "second", checksum: "another", appliedAt },
    { version: "0009", name: "newer", checksum: "x", appliedAt },
  ]);
  expect(status.pending).toEqual([{ version: "0003", name: "third" }]);
  expect(status.changed).toEqual(["0002_second"]);
  expect(status.unknown).toEqual(["0009_newer"]);
});
