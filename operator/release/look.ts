/** What a host says of itself and of its releases: all that a deploy has to know, in one round trip. */
import { gunzipSync } from "node:zlib";
import { readOwn } from "../../generator/package.ts";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { type Manifest, parseManifest } from "../../generator/write/manifest.ts";
import { Problem } from "../problem.ts";
import { parseLock, type StackLock } from "../settings/lock.ts";
import type { Site } from "../site/site.ts";

export type Running = { version: string; pid?: number; by: string; since: string };

export type Look = {
  /** Seconds of the epoch, by the host's clock, and how long the answer took. */
  now: number;
  seconds: number;
  arch: string;
  user: string;
  docker:
    | { kind: "none" }
    | { kind: "silent"; why: string }
    | { kind: "ready"; version: string; compose: string };
  /** What the engine's machine has. */
  cores: number;
  /** Bytes. */
  memory: number;
  /** Bytes free where images are; undefined where no engine says. */
  free?: number;
  /** Bytes free where the state is. */
  stateFree: number;
  /** What outlives a connection there. */
  unit: "system" | "user" | "none";
  /** Set where the user may not write the state's folder. */
  closed?: string;
  /** Hash of the engine's scripts that lie there. */
  onhost?: string;
  current?: string;
  releases: ReadonlyMap<string, string>;
  lock?: StackLock;
  /** Its file as it lies there, expired or not. */
  lockText?: string;
  /** Of a disaster drill that is held here, or was kept: the first line of its mark. */
  drill?: string;
  /** A copy of the database is kept warm here, and nothing serves (dr.follow). */
  follows: boolean;
  /** The one at work. */
  work?: Running;
  /** Of the current release. */
  release?: string;
  plan?: PlanJson;
  manifest: Manifest;
  compose?: string;
  source?: { stack: string; overrides?: string; pins?: string; beside?: string };
  /** Files of the build context as they lie there: path to hash. */
  context: ReadonlyMap<string, string>;
  images: ReadonlySet<string>;
  /** Names of the secrets that are there and hold something. */
  secrets: ReadonlySet<string>;
  containers: readonly { service: string; state: string; folder: string }[];
};

/** @param context the build context's path below the root; "" where nothing is built */
export async function look(site: Site, context: string, signal?: AbortSignal): Promise<Look> {
  const began = performance.now();
  const { exitCode, stdout, stderr } = await site.host.script(
    readOwn("operator/release/look.bash"),
    [site.state, site.root, context, site.project, site.secrets],
    { signal },
  );
  if (exitCode !== 0 || !stdout.startsWith("now ")) {
    const said = (stderr || stdout).trim().split("\n").at(-1);
    throw new Problem(`${site.host.name} does not say how it is: ${said || `exit code ${exitCode}`}`);
  }
  return parseLook(stdout, (performance.now() - began) / 1000);
}

export function parseLook(stdout: string, seconds = 0): Look {
  const words = new Map<string, string>();
  const texts = new Map<string, string>();
  const lists: Record<"release" | "image" | "container" | "secret", string[]> = {
    release: [],
    image: [],
    container: [],
    secret: [],
  };
  for (const line of stdout.split("\n")) {
    const at = line.indexOf(" ");
    const key = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(at + 1);
    if (key.startsWith("@"))
      texts.set(key.slice(1), gunzipSync(Buffer.from(value, "base64")).toString("utf8"));
    else if (Object.hasOwn(lists, key)) lists[key as keyof typeof lists].push(value);
    else if (key !== "") words.set(key, value);
  }
  const number = (key: string) => Number(words.get(key) ?? 0);
  const now = number("now");
  const [engineCores, engineMemory] = (words.get("engine") ?? "").split(" ");
  const plan = texts.get("plan");
  const stack = texts.get("stack");
  return {
    now,
    seconds,
    arch: words.get("arch") ?? "",
    user: words.get("user") ?? "",
    docker: dockerOf(words),
    cores: Number(engineCores || number("cores")),
    memory: engineMemory ? Number(engineMemory) : number("memory") * 1024,
    ...(words.get("free") && { free: number("free") * 1024 }),
    stateFree: number("state_free") * 1024,
    unit: (words.get("unit") ?? "none") as Look["unit"],
    closed: words.get("closed"),
    onhost: words.get("onhost"),
    current: words.get("current") || undefined,
    releases: new Map(lists.release.map((line) => line.split(" ") as [string, string])),
    lock: parseLock(texts.get("lock"), now * 1000),
    lockText: texts.get("lock"),
    drill: words.get("drill"),
    follows: words.has("follows"),
    work: workOf(texts.get("work")),
    release: texts.get("release"),
    plan: plan === undefined ? undefined : (JSON.parse(plan) as PlanJson),
    manifest: parseManifest(texts.get("manifest")),
    compose: texts.get("compose"),
    source:
      stack === undefined
        ? undefined
        : {
            stack,
            overrides: texts.get("overrides"),
            pins: texts.get("pins"),
            beside: texts.get("beside"),
          },
    context: contextOf(texts.get("context")),
    images: new Set(lists.image),
    secrets: new Set(lists.secret),
    containers: lists.container.map((line) => {
      const [service = "", state = "", ...folder] = line.split(" ");
      return { service, state, folder: folder.join(" ") };
    }),
  };
}

function dockerOf(words: ReadonlyMap<string, string>): Look["docker"] {
  const [kind, ...rest] = (words.get("docker") ?? "none").split(" ");
  if (kind === "ready") return { kind, version: rest.join(" "), compose: words.get("compose") ?? "none" };
  return kind === "silent" ? { kind, why: rest.join(" ") } : { kind: "none" };
}

function workOf(text: string | undefined): Running | undefined {
  if (text === undefined) return undefined;
  const of = (key: string) => new RegExp(`^${key} (.*)$`, "m").exec(text)?.[1];
  const pid = of("pid");
  return {
    version: of("version") ?? "a release",
    ...(pid && { pid: Number(pid) }),
    by: of("by") ?? "somebody",
    since: of("since") ?? "",
  };
}

/** Lines of `hash path`, as context.bash keeps them. */
function contextOf(text = ""): Map<string, string> {
  return new Map(
    text
      .split("\n")
      .filter(Boolean)
      .map((line) => [line.slice(65), line.slice(0, 64)]),
  );
}
