/** An image of this machine on a host, without a registry: only the layers that the host does not have. */
import { addAbortSignal, type Readable } from "node:stream";
import type Docker from "dockerode";
import { bytes } from "../../generator/report/units.ts";
import type { Host } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { type Survey, survey } from "./archive.ts";
import { ask, CONTAINERD_STORE, Image, type Theirs } from "./ask.ts";
import { type Loaded, load } from "./load.ts";
import { isSame, type Plan, planOf } from "./plan.ts";

/** Kept free beside the image: the host's databases live on the same disk. */
const RESERVE = 1024 ** 3;

export type Sent = {
  /** The image's id on the host. */
  id: string;
  /** Of the whole image. */
  layers: number;
  /** How many of them went over; 0 where the host had the image. */
  sent: number;
  /** That went over, compressed; 0 where the host had the image. */
  bytes: number;
};

/**
 * Brings an image of this machine to a host, under the same name, without a registry: what `docker save | docker load`
 * over SSH does, but layers that the host has (with the same layers below) stay here, and nothing at all is sent where
 * it has the very image. Hosts with the containerd image store get every layer: their `docker load` wants it so.
 *
 * Two round trips: what is there; the layers and what came of them. A stream that breaks leaves the host as it was, and
 * sending again sends the same. A name that meant another image there means this one then.
 *
 * @param docker this machine's engine
 * @param image a name (`api:v12`), or an id: then it has no name there
 * @param say one line of progress at a time, for people
 * @throws Problem where the image is missing here, is for another architecture, does not fit on the host's disk, or what
 *   arrived is not what was sent; the transport's own where the connection is lost; the signal's reason
 */
export async function sendImage(
  host: Host,
  docker: Docker,
  image: string,
  say: (line: string) => void,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Sent> {
  const ours = await inspect(docker, image);
  const layers = ours.RootFS.Layers ?? [];
  const name = isName(image, ours) ? image : undefined;
  for (let attempt = 1; ; attempt++) {
    const theirs = await ask(host, [...new Set([image, ours.Id])], signal);
    fits(host, image, ours, theirs);
    // Ids of the containerd image store are of manifests, not of configurations.
    const foreign = theirs.containerd || (await hasContainerdStore(docker));
    const present = Object.values(theirs.named).find((found) => isSame(found, ours, foreign));
    if (present) {
      say(`${host.name} has ${image} already`);
      if (name && theirs.named[name]?.Id !== present.Id) await tag(host, present.Id, name);
      return { id: present.Id, layers: layers.length, sent: 0, bytes: 0 };
    }
    const plan = planOf(layers, theirs, await look(docker, image, signal));
    requireRoom(host, image, plan, theirs);
    say(
      `sending ${plan.sent} of ${layers.length} layers of ${image} to ${host.name} (${size(plan.size)} before compression)`,
    );
    const source = { open: () => save(docker, image, signal), drop: plan.drop };
    const loaded = await load(host, source, {
      image,
      names: [image, ours.Id, ...plan.ids],
      root: theirs.root,
      signal,
    });
    if (loaded.kind === "layer missing" && plan.drop.size > 0 && attempt === 1) {
      say(`${host.name} has lost a layer meanwhile: asking again`);
      continue;
    }
    return {
      id: arrived(host, image, ours, foreign, loaded).Id,
      layers: layers.length,
      sent: plan.sent,
      bytes: loaded.bytes,
    };
  }
}

async function inspect(docker: Docker, image: string): Promise<Image> {
  // It becomes part of a path of the engine's API.
  if (!/^[a-zA-Z0-9][\w./:@-]*$/.test(image) || image.includes("..") || image.includes("//"))
    throw new Problem(`${JSON.stringify(image)} is no image's name`, "Expected, for example: api:v12", 2);
  try {
    return Image.parse(await docker.getImage(image).inspect());
  } catch (error) {
    const { statusCode, message } = error as { statusCode?: number; message: string };
    if (statusCode !== 404)
      throw new Problem(
        `this machine's Docker engine does not say what ${image} is: ${message}`,
        "See: docker info",
      );
    throw new Problem(
      `there is no image ${image} on this machine`,
      `Build it (docker build --tag ${image} FOLDER), or see what there is: docker images`,
      2,
    );
  }
}

function isName(image: string, { Id }: Image): boolean {
  return !image.includes("@") && !Id.startsWith(image.startsWith("sha256:") ? image : `sha256:${image}`);
}

/** @throws Problem where the host could not run it */
function fits(host: Host, image: string, { Architecture, Os }: Image, theirs: Theirs): void {
  if (Architecture === theirs.architecture && Os === theirs.os) return;
  const platform = `${theirs.os}/${theirs.architecture}`;
  throw new Problem(
    `${image} is for ${Os}/${Architecture}, and ${host.name} is ${platform}`,
    [
      `Build it for the host: docker build --platform ${platform} --tag ${image} FOLDER`,
      "Or let the host build it from the source, which is what deploy does by itself without an image.",
    ].join("\n"),
    2,
  );
}

/** @throws Problem: an engine that fills the disk takes the databases with it */
function requireRoom(host: Host, image: string, { room }: Plan, { free, root }: Theirs): void {
  if (free === undefined || free >= room + RESERVE) return;
  throw new Problem(
    `${image} needs ${size(room)} on ${host.name} while it is loaded, and ${size(RESERVE)} should stay free: ${size(free)} are free in ${root}`,
    "See there what takes the room: docker system df\nFree what no container uses: docker image prune --all",
  );
}

function arrived(host: Host, image: string, ours: Image, foreign: boolean, loaded: Loaded): Image {
  const found =
    loaded.kind === "loaded"
      ? loaded.images.find((candidate) => isSame(candidate, ours, foreign))
      : undefined;
  if (found) return found;
  const what = loaded.kind === "loaded" ? "what arrived is another image" : loaded.why;
  throw new Problem(
    `${image} did not arrive on ${host.name} as it is here (${ours.Id}): ${what}`,
    "Was it built anew meanwhile? Send it again.",
  );
}

async function hasContainerdStore(docker: Docker): Promise<boolean> {
  return JSON.stringify((await docker.info()).DriverStatus ?? []).includes(CONTAINERD_STORE);
}

async function tag(host: Host, id: string, name: string): Promise<void> {
  const { exitCode, stderr } = await host.run("docker", ["tag", id, name]);
  if (exitCode !== 0)
    throw new Problem(`${host.name} has ${id}, but cannot name it ${name}: ${stderr.trim()}`);
}

async function save(docker: Docker, image: string, signal?: AbortSignal): Promise<Readable> {
  const archive = (await docker.getImage(image).get()) as Readable;
  return signal ? addAbortSignal(signal, archive) : archive;
}

/** @throws Problem where it cannot be read to its end */
async function look(docker: Docker, image: string, signal?: AbortSignal): Promise<Survey> {
  try {
    return await survey(await save(docker, image, signal));
  } catch (error) {
    signal?.throwIfAborted();
    throw new Problem(
      `${image} cannot be read from this machine's engine: ${(error as Error).message}`,
      "See: docker info",
    );
  }
}

function size(value: number): string {
  return value < 1024 ** 2 ? `${Math.ceil(value / 1024)} KB` : bytes(value);
}
