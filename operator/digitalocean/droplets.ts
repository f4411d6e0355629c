/** Droplets of plimsoll's, found again by tag and name: whoever asks twice for one gets the same. */
import { z } from "zod";
import { Problem } from "../problem.ts";
import type { Api } from "./api.ts";
import { ensureFirewall, removeFirewall } from "./firewall.ts";
import { keysFor } from "./keys.ts";
import { Droplet, publicAddress } from "./shapes.ts";

/** Every droplet made here has it; those without are somebody else's. */
export const TAG = "plimsoll";

export type NewDroplet = {
  name: string;
  size: string;
  region: string;
  image: string;
  /** Public keys, one a line; the account's if empty. */
  keys: readonly string[];
  /** The cloud-init. */
  userData: string;
  /** TCP ports that the cloud firewall lets in beside 22. */
  ports: readonly number[];
};

export type CreateOptions = {
  say(line: string): void;
  signal?: AbortSignal;
  /** Milliseconds; for tests. */
  wait?(milliseconds: number): Promise<void>;
};

export type Created = { droplet: Droplet; address: string; made: boolean };

const NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;

/** Five minutes: droplets take about one. */
const POLLS = 100;

/**
 * Safe to run again: the firewall is mended, and a droplet of this name is found and waited for.
 * @throws Problem
 */
export async function createDroplet(api: Api, wanted: NewDroplet, options: CreateOptions): Promise<Created> {
  const { name } = wanted;
  checkName(name);
  const before = await findDroplet(api, name);
  if (before) {
    options.say(`${name} is there already: ${before.size_slug} in ${before.region.slug}, ${before.status}`);
    if (before.size_slug !== wanted.size)
      options.say(
        `  it is ${before.size_slug}, and stack.yaml says ${wanted.size}: resize it in DigitalOcean's panel`,
      );
  }
  // Before the droplet: it is behind the firewall from its first moment.
  const tag = `${TAG}:${name}`;
  const firewall = await ensureFirewall(api, { name: `${TAG}-${name}`, tag, ports: wanted.ports });
  options.say(`cloud firewall ${TAG}-${name}: ${firewall === "ok" ? "ok already" : firewall}`);
  const made = before ?? (await make(api, wanted, tag, options));
  const droplet = await untilActive(api, made, options);
  return { droplet, address: publicAddress(droplet) as string, made: before === undefined };
}

async function make(api: Api, wanted: NewDroplet, tag: string, { say }: CreateOptions): Promise<Droplet> {
  const keys = await keysFor(api, wanted.keys);
  say(
    `creating ${wanted.name}: ${wanted.size}, ${wanted.image}, ${wanted.region}, keys ${keys.map(({ name }) => name).join(", ")}`,
  );
  const { droplet } = await api.ask("POST", "/v2/droplets", z.object({ droplet: Droplet }), {
    name: wanted.name,
    region: wanted.region,
    size: wanted.size,
    image: wanted.image,
    ssh_keys: keys.map(({ id }) => id),
    monitoring: true,
    ipv6: true,
    tags: [TAG, tag],
    user_data: wanted.userData,
  });
  return droplet;
}

async function untilActive(
  api: Api,
  droplet: Droplet,
  {
    say,
    signal,
    wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  }: CreateOptions,
): Promise<Droplet> {
  let now = droplet;
  for (let poll = 0; poll < POLLS; poll++) {
    if (now.status === "active" && publicAddress(now)) return now;
    if (now.status === "off" || now.status === "archive") {
      throw new Problem(
        `${now.name} is ${now.status}`,
        `Turn it on in DigitalOcean's panel: https://cloud.digitalocean.com/droplets/${now.id}`,
      );
    }
    if (poll === 0) say("waiting until it is active (about a minute)");
    await wait(3_000);
    signal?.throwIfAborted();
    now = (await api.ask("GET", `/v2/droplets/${now.id}`, z.object({ droplet: Droplet }))).droplet;
  }
  throw new Problem(
    `${now.name} is not active after five minutes: it is ${now.status}`,
    "Run this again: it goes on waiting. See https://status.digitalocean.com",
  );
}

/** Those of plimsoll's, by name. */
export async function listDroplets(api: Api): Promise<Droplet[]> {
  const droplets = await api.all(`/v2/droplets?tag_name=${TAG}`, "droplets", Droplet);
  return droplets.sort((one, other) => one.name.localeCompare(other.name));
}

/** @throws Problem where two have the name */
export async function findDroplet(api: Api, name: string): Promise<Droplet | undefined> {
  const [first, second] = (await listDroplets(api)).filter((droplet) => droplet.name === name);
  if (first && second) {
    throw new Problem(
      `there are several droplets named ${name}: ${first.id}, ${second.id}`,
      "Rename one in DigitalOcean's panel, or take its tag plimsoll away.",
    );
  }
  return first;
}

/** With its firewall. Its disk goes with it; volumes and snapshots stay. */
export async function destroyDroplet(api: Api, droplet: Droplet): Promise<{ firewall: boolean }> {
  if (!droplet.tags?.includes(TAG))
    throw new Problem(`${droplet.name} was not made by plimsoll`, undefined, 2);
  await api.ask("DELETE", `/v2/droplets/${droplet.id}`, z.unknown());
  const firewall = await removeFirewall(api, `${TAG}-${droplet.name}`);
  await api.ask("DELETE", `/v2/tags/${encodeURIComponent(`${TAG}:${droplet.name}`)}`, z.unknown());
  return { firewall };
}

/** @throws Problem (2) */
export function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new Problem(
    `${JSON.stringify(name)} is no name for a droplet`,
    "Expected small letters, digits, - and ., at most 63, such as fkod-production.",
    2,
  );
}
