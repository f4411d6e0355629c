/** What of an image has to go to a host. */
import type { Survey } from "./archive.ts";
import type { Image, Theirs } from "./ask.ts";

/** By its id; where a store gives ids of its own, by all that a container gets of it. */
export function isSame(found: Image, ours: Image, anyContainerd: boolean): boolean {
  return found.Id === ours.Id || (anyContainerd && identity(found) === identity(ours));
}

function identity({ Created, Architecture, Os, RootFS, Config }: Image): string {
  const words = [
    "Env",
    "Cmd",
    "Entrypoint",
    "WorkingDir",
    "User",
    "Labels",
    "ExposedPorts",
    "Volumes",
    "StopSignal",
    "Healthcheck",
  ];
  const settings = words.map((word) => Config?.[word] || null);
  return JSON.stringify([Created, Architecture, Os, RootFS.Layers, settings]);
}

export type Plan = {
  /** Files of the archive that stay here. */
  drop: ReadonlySet<string>;
  /** Layers that go over. */
  sent: number;
  /** Bytes of the archive's files that go over, before compression. */
  size: number;
  /** Bytes that they take up on the host at worst, while they are loaded. */
  room: number;
  /** What stores that name an image after its configuration call it. */
  ids: string[];
};

/** A layer is on the host only where the same layers lie below it: an engine knows layers by their whole chain. */
export function planOf(
  layers: readonly string[],
  theirs: Pick<Theirs, "containerd" | "stacks">,
  archive: Survey,
): Plan {
  const { manifest, sizes, links } = archive;
  const fitting = manifest.filter((entry) => (entry.Layers ?? []).length === layers.length);
  const [entry] = fitting;
  const paths = entry?.Layers ?? [];
  const droppable = !theirs.containerd && !links && fitting.length === 1 && manifest.length === 1;
  const there = droppable ? Math.max(0, ...theirs.stacks.map((stack) => commonStart(stack, layers))) : 0;
  // The same content may be a layer twice, and the upper one still be missing.
  const needed = new Set(paths.slice(there));
  const drop = new Set(paths.slice(0, there).filter((path) => !needed.has(path)));
  const size = [...sizes].reduce((total, [path, bytes]) => total + (drop.has(path) ? 0 : bytes), 0);
  // Named after its own content, a layer is not compressed; of one that is, three times as much is a guess.
  const plain = paths.every((path, at) => path.endsWith((layers[at] ?? "").replace("sha256:", "")));
  const config = /[0-9a-f]{64}/.exec(entry?.Config ?? "")?.[0];
  return {
    drop,
    sent: layers.length - there,
    size,
    // The engine unpacks the archive first, and then its layers.
    room: plain ? 2 * size : 4 * size,
    ids: config ? [`sha256:${config}`] : [],
  };
}

function commonStart(one: readonly string[], other: readonly string[]): number {
  const different = other.findIndex((id, at) => one[at] !== id);
  return different === -1 ? other.length : different;
}
