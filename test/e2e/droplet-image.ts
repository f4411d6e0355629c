/**
 * The droplet's image, made once from Debian's packages and kept under a tag of its content. Like the build cache it
 * is nobody's and stays: `docker image rm $(docker images -q plimsoll-test/droplet)` takes it away.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";

const FOLDER = join(import.meta.dirname, "../droplet");

export type DropletFlavour = {
  /** `fresh`: as a droplet comes, sshd and no Docker. `ready`: as after `plimsoll host init`. */
  flavour: "fresh" | "ready";
  suite: "bookworm" | "trixie";
};

/** @returns the image's tag; a first call takes about a minute and a half */
export async function dropletImage({ flavour, suite }: DropletFlavour): Promise<string> {
  const base = `plimsoll-test/droplet:${suite}-${await hashOf(["base.bash"])}`;
  const tag = `plimsoll-test/droplet:${suite}-${flavour}-${await hashOf((await readdir(FOLDER)).sort())}`;
  if (await hasImage(tag)) return tag;
  if (!(await hasImage(base))) await makeBase(base, suite);
  await execa("docker", ["build", "--target", flavour, "--build-arg", `BASE=${base}`, "--tag", tag, FOLDER]);
  return tag;
}

async function makeBase(tag: string, suite: string): Promise<void> {
  const input = await readFile(join(FOLDER, "base.bash"), "utf8");
  const made = await execa("bash", ["-c", BASE, "bash", suite, tag], { input, reject: false });
  if (made.exitCode === 0) return;
  // A tar that was cut short is imported without a word.
  await execa("docker", ["image", "rm", tag], { reject: false });
  throw new Error(`no base for a droplet: ${made.stderr.slice(-2000)}`);
}

/** Suites run beside each other, and each may want it first. */
const BASE = `
set -o pipefail
exec 9>"\${TMPDIR:-/tmp}/plimsoll-test-droplet.lock"
flock 9
docker image inspect "$2" >/dev/null 2>&1 || docker run --rm -i --privileged debian:forky-slim bash -s "$1" | docker import - "$2"
`;

async function hasImage(tag: string): Promise<boolean> {
  return (await execa("docker", ["image", "inspect", tag], { reject: false })).exitCode === 0;
}

async function hashOf(files: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${file}\n`).update(await readFile(join(FOLDER, file)));
  return hash.digest("hex").slice(0, 12);
}
