/** The image of the S3 server for tests, made once from Debian's packages and kept under a tag of its content. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";

const FOLDER = join(import.meta.dirname, "../s3");

/** @returns the image's tag; a first call takes about a minute */
export async function s3Image(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of (await readdir(FOLDER)).sort())
    hash.update(`${file}\n`).update(await readFile(join(FOLDER, file)));
  const tag = `plimsoll-test/s3:${hash.digest("hex").slice(0, 12)}`;
  const have = await execa("docker", ["image", "inspect", tag], { reject: false });
  if (have.exitCode !== 0) await execa("docker", ["build", "--tag", tag, FOLDER]);
  return tag;
}
