/** What a host has of an image already, in one round trip. */
import { z } from "zod";
import type { Host, Outcome } from "../host/host.ts";
import { Problem } from "../problem.ts";

/** What `docker image inspect` and the engine's API say alike. */
export const Image = z.object({
  Id: z.string(),
  Created: z.string().nullish(),
  Architecture: z.string(),
  Os: z.string(),
  RootFS: z.object({ Layers: z.array(z.string()).nullish() }),
  Config: z.record(z.string(), z.unknown()).nullish(),
});
export type Image = z.infer<typeof Image>;

export type Theirs = {
  /** As images spell it: `amd64`. */
  architecture: string;
  os: string;
  /** The containerd image store: its `load` wants every layer, and its ids are of manifests. */
  containerd: boolean;
  /** Free bytes where the engine keeps its images; undefined where that cannot be seen. */
  free?: number;
  /** Folder of the engine. */
  root: string;
  /** What the names asked for are there. */
  named: Readonly<Record<string, Image>>;
  /** The layers' diff ids of every image there, lowest first. */
  stacks: string[][];
};

/** Images that come or go meanwhile are no error: what is sent is looked at afterwards. */
const QUESTION = `
set -u
docker info --format 'info {{json .Architecture}} {{json .OSType}} {{json .DockerRootDir}} {{json .DriverStatus}}' || exit
root=$(docker info --format '{{.DockerRootDir}}')
printf 'free %s\\n' "$(df --output=avail --block-size=1 -- "$root" 2> /dev/null | tail -n 1)"
for name in "$@"; do
  if found=$(docker image inspect --format '{{json .}}' -- "$name" 2> /dev/null); then printf 'named %s\\n%s\\n' "$name" "$found"; fi
done
docker images --quiet --no-trunc | sort -u | xargs -r docker image inspect --format 'layers {{json .RootFS.Layers}}' 2> /dev/null
exit 0
`.trim();

/** In the driver's status that `docker info` gives. */
export const CONTAINERD_STORE = "io.containerd.snapshotter";

/** uname's words, which the engine's info has, in the words of images. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  aarch64: "arm64",
  armv7l: "arm",
  armv6l: "arm",
  i686: "386",
};

/** @throws Problem where no engine answers there */
export async function ask(host: Host, names: readonly string[], signal?: AbortSignal): Promise<Theirs> {
  const outcome = await host.script(QUESTION, names, { signal });
  signal?.throwIfAborted();
  const lines = outcome.stdout.split("\n").map((line) => line.trim());
  const info = /^info ("[^"]*") ("[^"]*") ("[^"]*") (.*)$/.exec(
    lines.find((line) => line.startsWith("info ")) ?? "",
  );
  const [architecture, os, root] = info?.slice(1, 4).map((text) => String(JSON.parse(text))) ?? [];
  if (!info || !architecture || !os || !root) throw noEngine(host, outcome);
  const named: Record<string, Image> = {};
  const stacks: string[][] = [];
  for (const [at, line] of lines.entries()) {
    if (line.startsWith("named ")) named[line.slice(6)] = Image.parse(JSON.parse(lines[at + 1] ?? ""));
    if (line.startsWith("layers ")) stacks.push(JSON.parse(line.slice(7)) ?? []);
  }
  const free = /^free\s+(\d+)$/m.exec(outcome.stdout)?.[1];
  return {
    architecture: ARCHITECTURES[architecture] ?? architecture,
    os,
    root,
    containerd: (info[4] ?? "").includes(CONTAINERD_STORE),
    ...(free !== undefined && { free: Number(free) }),
    named,
    stacks,
  };
}

function noEngine(host: Host, { stderr }: Outcome): Problem {
  return new Problem(
    `no Docker engine answers on ${host.name}: ${stderr.trim().split("\n").slice(-2).join("\n") || "it says nothing"}`,
    host.kind === "local"
      ? "See what it says: docker info"
      : "Make it ready for stacks: plimsoll host init (or see what it says: ssh to it, docker info)",
  );
}
