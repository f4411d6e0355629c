/** A disaster site that is kept warm: on a second host a copy of the database that follows the site that writes. */
import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import type { Dr } from "../../generator/spec/core.ts";
import { followerAddress } from "../../generator/spec/dr.ts";
import { parseDestination } from "../host/destination.ts";
import { localHost } from "../host/local.ts";
import { addressOf } from "../load/target.ts";
import { Problem } from "../problem.ts";
import { nextVersion, sendAndFollow } from "../release/deploy.ts";
import { attach, type EngineEvent } from "../release/follow.ts";
import { look } from "../release/look.ts";
import { requireReady } from "../release/preflight.ts";
import { whoami } from "../settings/who.ts";
import type { Site } from "../site/site.ts";
import { imagesIn } from "../up/images.ts";
import { requireDisk, stepsDone, text, textOf, wordsOf } from "./activate.ts";
import { readActive, writeActive } from "./active.ts";
import type { Bundle } from "./bundle.ts";
import type { Catalog } from "./catalog.ts";
import { runsAlready, SITE_SECRET, sendBundle } from "./lay.ts";
import type { Store, StoreKeys } from "./s3.ts";

/** What a host that follows holds: state/follow.json. */
export type Following = {
  format: 1;
  bundle: string;
  release: string;
  /** Of this site, which writes nothing: another than that of the one that does. */
  id: string;
  /** ISO 8601. */
  begun: string;
};

export type Warming = {
  site: Site;
  bundle: Bundle;
  plan: PlanJson;
  catalog: Catalog | undefined;
  mode: NonNullable<Dr["follow"]>;
  /** Of the host that writes, for a stream. */
  port: number;
  /** Words of the bundle's release: whom the door lets in. */
  door: Dr | undefined;
  /** The site that writes, as ssh takes it. */
  firstHost: string | undefined;
  store: Store;
  keys: StoreKeys;
  /** What is there is not gone on with. */
  anew: boolean;
  say(line: string): void;
  onEvent(event: EngineEvent): void;
  signal?: AbortSignal;
};

export type Warmed = {
  host: string;
  release: string;
  bundle: string;
  /** In seconds. */
  steps: { step: string; seconds: number }[];
};

/** Safe to run again: a newer bundle is taken in, and the copy goes on. @throws Problem */
export async function keepWarm(wish: Warming): Promise<Warmed> {
  const { site, bundle, plan, catalog, mode, keys, say, onEvent, signal } = wish;
  const node = nodeOf(plan);
  requireFollowed(bundle, mode, site.environment);
  const source = mode === "stream" ? await sourceOf(wish) : [];
  if (mode === "stream") await requireDoor(wish);
  const seen = await look(site, "", signal);
  if (seen.current) throw runsAlready(site);
  if (seen.work) {
    say(`Follows what is at work on ${site.host.name} since ${seen.work.since}`);
    const { events } = await attach(site, seen.work.version, { onEvent, signal });
    return warmed(wish, events);
  }
  const images = imagesIn(textOf(bundle.generated, "compose.yaml"));
  const coming = new Map(bundle.secrets.map(({ path }) => [path, ""]));
  requireReady(site, { ...seen, follows: false }, plan, images, coming);
  if (!(await followsAlready(site))) requireDisk(site, seen, plan, catalog);
  await nameWriter(wish);
  const following: Following = {
    format: 1,
    bundle: bundle.name,
    release: bundle.meta.release,
    id: randomBytes(12).toString("hex"),
    begun: new Date().toISOString(),
  };
  await sendBundle(site, bundle, keys, "follow.json", following);
  const before = await look(site, "", signal);
  const version = nextVersion(before);
  const told = {
    kind: "recovery" as const,
    share: 0,
    changes: [`follows ${bundle.meta.release} of ${bundle.meta.host}, from ${bundle.name}`],
    of: bundle.meta.release,
  };
  const { events } = await sendAndFollow(site, before, {
    version,
    base: bundle.meta.release,
    told: { onEvent, signal },
    files: [
      text("files.gone", ""),
      text(
        "follow",
        `${[node.name, node.data, wish.anew ? "anew" : "kept", mode, site.host.name, ...source].join(" ")}\n`,
      ),
      ...wordsOf(site, bundle, plan, before, version, told),
    ],
  });
  return warmed(wish, events);
}

function warmed({ site, bundle }: Warming, events: readonly EngineEvent[]): Warmed {
  return {
    host: site.host.name,
    release: bundle.meta.release,
    bundle: bundle.name,
    steps: stepsDone(events),
  };
}

function nodeOf({ name, backups }: PlanJson): { name: string; data: string } {
  const [cluster] = backups.flatMap((offer) => ("cluster" in offer ? [offer.cluster] : []));
  const [node] = cluster?.nodes ?? [];
  if (cluster && node) return { name: node, data: cluster.dataDirectory };
  throw new Problem(`${name} has no PostgreSQL: there is nothing that could be kept warm`, undefined, 2);
}

/** Files and images of a release that knows nothing of followers would not follow. @throws Problem */
function requireFollowed(bundle: Bundle, mode: string, environment: string): void {
  if (textOf(bundle.generated, "compose.yaml").includes(`PLIMSOLL_FOLLOW: ${mode}`)) return;
  throw new Problem(
    `${bundle.name} is of a release (${bundle.meta.release}) without dr.follow: ${mode}`,
    `Deploy with it first, so that a bundle is made that has it: plimsoll deploy ${environment}`,
  );
}

/** Where a stream comes from: the address of the host that writes, and the port of stack.yaml. @throws Problem */
async function sourceOf({ firstHost, port, site }: Warming): Promise<string[]> {
  if (firstHost === undefined || firstHost === "local")
    throw new Problem(
      "which host writes is not known: nothing can be streamed from it",
      `Name it in stack.yaml and deploy: environments: { ${site.environment}: { host: deploy@203.0.113.7 } }`,
    );
  return [await addressOf(firstHost, localHost()), String(port)];
}

/**
 * The site that writes lets one address in: another host would wait at its door for ever, and follow the bucket alone.
 * Of dr.host itself dr.address says what it comes from, which need not be what ssh connects to. @throws Problem
 */
async function requireDoor({ site, bundle, door }: Warming): Promise<void> {
  const { host } = parseDestination(site.host.name);
  if (door?.host !== undefined && parseDestination(door.host).host === host) return;
  const open = door && followerAddress({ dr: door });
  const address = await addressOf(site.host.name, localHost());
  const own = isIP(address)
    ? [address]
    : await lookup(address, { all: true, family: 4 }).then(
        (found) => found.map((one) => one.address),
        () => [],
      );
  if (open !== undefined && own.includes(open)) return;
  throw new Problem(
    `the stream's door is open to ${open ?? "nobody"} (dr.address, or dr.host, in the release of ${bundle.name}), and ${site.host.name} is ${own[0] ?? address}`,
    `Name it in stack.yaml, deploy, and run this again: dr: { host: ${site.host.name}, follow: stream }, with dr.address where it comes from another`,
    2,
  );
}

async function followsAlready(site: Site): Promise<boolean> {
  return (await site.host.read(`${site.state}/follow.json`)) !== undefined;
}

/**
 * Who writes into the repository is named there before anything of the stack lies on a second host: what starts there by
 * accident (`docker compose up`) looks, and is held back.
 */
async function nameWriter({ site, bundle, firstHost, store, keys, say }: Warming): Promise<void> {
  if (await readActive(store, keys)) return;
  if (firstHost === undefined)
    throw new Problem(
      "which host writes into the repository is known neither from the bucket nor from the release's stack.yaml",
      `Name it there and deploy: environments: { ${site.environment}: { host: deploy@203.0.113.7 } }`,
    );
  if (firstHost === site.host.name)
    throw new Problem(
      `${firstHost} is the host that writes: it cannot follow itself`,
      "Another host: dr.host, or --host",
      2,
    );
  const id = textOf(bundle.secrets, SITE_SECRET).trim();
  await writeActive(store, keys, {
    format: 1,
    id,
    host: firstHost,
    by: whoami(),
    since: new Date().toISOString(),
  });
  say(`recovery/active.json in the bucket says now that ${firstHost} is the host that writes`);
}
