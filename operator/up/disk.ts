/** Room for images before anything is built: a build that fills the disk takes the databases with it. */
import { hasImage } from "../engine/registry.ts";
import { Problem } from "../problem.ts";
import type { Project } from "./project.ts";

const GiB = 1024 ** 3;

/** Debian's images with their build cache took 2 GB where it was tried; the official ones' sizes are an estimate. */
const ROOM = { debian: 3 * GiB, official: 5 * GiB, officialWithoutElastic: 3 * GiB };

/** Kept free where every image is there already: logs, the first WAL, a backup. */
const IDLE = 1 * GiB;

/** @throws Problem where the engine's disk has too little room. */
export async function requireDisk(project: Project, images: readonly string[]): Promise<void> {
  const free = await project.host.free(project.engine.root);
  // On another machine or in Docker Desktop's own: nothing to see from here.
  if (free === undefined) return;
  const present = await Promise.all(images.map((image) => hasImage(project.engine.docker, image)));
  const needed = present.every(Boolean) ? IDLE : roomFor(project.plan);
  if (free >= needed) return;
  throw new Problem(
    `${gigabytes(free)} are free in ${project.engine.root}, and about ${gigabytes(needed)} are needed`,
    [
      "See what takes the room: docker system df",
      "Free what no container uses (images and build cache, no volumes): docker system prune --all",
    ].join("\n"),
  );
}

function roomFor({ images, components }: Project["plan"]): number {
  if (images === "debian") return ROOM.debian;
  return components.some((name) => /elastic|elk|logging/.test(name))
    ? ROOM.official
    : ROOM.officialWithoutElastic;
}

function gigabytes(bytes: number): string {
  return `${(bytes / GiB).toFixed(1)} GB`;
}
