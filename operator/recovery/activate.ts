/** The whole stack on a new host, from the bucket and one key alone, on the assumption that the first host is gone. */
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { readNote } from "../failback/note.ts";
import type { SentFile } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { engineOptions, nextVersion, releaseJson, sendAndFollow } from "../release/deploy.ts";
import { attach, type End, type EngineEvent } from "../release/follow.ts";
import { type Look, look } from "../release/look.ts";
import { requireNoDrill, requireReady } from "../release/preflight.ts";
import { settingsEnv } from "../release/settings-env.ts";
import { requireDone } from "../settings/place.ts";
import { whoami } from "../settings/who.ts";
import type { Site } from "../site/site.ts";
import { imagesIn } from "../up/images.ts";
import { type Active, readActive, writeActive } from "./active.ts";
import type { Bundle } from "./bundle.ts";
import type { Catalog } from "./catalog.ts";
import { layBundle, type Recovery, runsAlready } from "./lay.ts";
import type { Store, StoreKeys } from "./s3.ts";

export type Activation = {
  site: Site;
  bundle: Bundle;
  catalog: Catalog | undefined;
  store: Store;
  keys: StoreKeys;
  /** Where the database has to come to, of a site that was closed before: TIMELINE LSN. Checked before anything serves. */
  expected?: string;
  /** The site that was closed for it, as ssh takes it. */
  before?: string;
  /** Says what will be done, and asks. @throws where the answer is no */
  agree(plan: ActivationPlan): Promise<void>;
  say(line: string): void;
  onEvent(event: EngineEvent): void;
  signal?: AbortSignal;
  /** A rehearsal: nobody is told that this host took over, and it has no way out. */
  drill?: Rehearsal;
};

export type Rehearsal = {
  /** In place of the release's compose.yaml, and what is laid over it while volumes are filled. */
  compose: string;
  seed: string;
};

export type ActivationPlan = {
  stack: string;
  environment: string;
  host: string;
  release: string;
  bundle: string;
  /** Bytes; undefined for a stack without PostgreSQL. */
  database: number | undefined;
  /** Goes on with what an earlier try began. */
  again: boolean;
  /** The host was kept warm: a copy of the database is there, and ends following. */
  follows: boolean;
};

export type Activated = {
  version: string;
  release: string;
  bundle: string;
  host: string;
  database: Recovered | undefined;
  /** When the first try began, which may be an earlier one. */
  begun: string;
  /** In seconds; none where it was active already. */
  steps: { step: string; seconds: number }[];
};

export type Recovered = {
  /** When the last transaction that is there was committed, seconds of the epoch; undefined where the backup was the end. */
  reached: number | undefined;
  timeline: number;
  /** Bytes. */
  size: number;
  /** The backup that it came from. */
  set: string;
};

/** @throws Problem; before the yes nothing was touched, and after it a second run goes on */
export async function activate(wish: Activation): Promise<Activated> {
  const { site, bundle, catalog, store, keys, say, onEvent, signal } = wish;
  const plan = planOf(bundle);
  const seen = await look(site, "", signal);
  if (!wish.drill) requireNoDrill(site, seen);
  const begun = await begunHere(site);
  if (seen.current) {
    if (!begun) throw runsAlready(site);
    if (!wish.drill) await requireNotLeft(wish, begun);
    say(`${site.host.name} is active already, since ${begun.begun}`);
    return activated(site, begun, seen.current, []);
  }
  if (seen.work) {
    if (!begun)
      throw new Problem(
        `${seen.work.version} is being put in place on ${site.host.name} since ${seen.work.since}`,
        "Wait until it has ended, then run this again.",
      );
    say(`Follows what is at work on ${site.host.name} since ${seen.work.since}`);
    const { version, events } = await attach(site, seen.work.version, { onEvent, signal });
    // It may have been another's: a copy that is kept warm ends well too, and serves nobody.
    if (!(await look(site, "", signal)).current)
      throw new Problem(
        `${version} has ended on ${site.host.name}, and nothing serves there: it was none of this activation's`,
        "Run this again: it goes on from there.",
      );
    return activated(site, begun, version, events);
  }
  if (begun && begun.bundle !== bundle.name)
    throw new Problem(
      `an activation with another bundle (${begun.bundle}) was begun on ${site.host.name}`,
      `Go on with that one: --bundle ${begun.bundle}`,
      2,
    );
  const follows = (await site.host.read(`${site.state}/follow.json`)) !== undefined;
  requireFit(site, { ...seen, drill: undefined }, bundle, catalog, follows ? 1 : 0);
  await wish.agree({
    stack: plan.name,
    environment: plan.environment,
    host: site.host.name,
    release: bundle.meta.release,
    bundle: bundle.name,
    database: catalog?.backup.size,
    again: begun !== undefined,
    follows,
  });
  const recovery = await layBundle(site, bundle, keys, new Date(), { drill: wish.drill !== undefined });
  if (!wish.drill) await writeActive(store, keys, activeOf(wish, recovery));
  const { version, events } = await release(wish, plan, recovery);
  return activated(site, recovery, version, events);
}

/** DNS must not come to point at a site that another took over from. @throws Problem where it is no longer the one that writes */
async function requireNotLeft({ site, store, keys }: Activation, begun: Recovery): Promise<void> {
  const note = await readNote(site);
  if (note)
    throw new Problem(
      `${site.host.name} was activated on ${begun.begun}, and ${note.phase === "gone" ? "was left" : "is being left"} for ${note.to}`,
      note.phase === "gone"
        ? `${note.to} is the site that serves: plimsoll ps ${site.environment} --host ${note.to}`
        : `Go on with that move, or take it back with --undo: plimsoll dr failback ${site.environment} --from ${site.host.name} --host ${note.to}`,
    );
  const active = await readActive(store, keys);
  // Where the bucket names nobody, nobody took over.
  if (!active || active.id === begun.id) return;
  throw new Problem(
    `${site.host.name} was activated on ${begun.begun}, and is no longer the site that writes: ${active.host} took over on ${active.since}`,
    `That one is active. Another host has to be empty; to come back to this one, empty it, and: plimsoll dr failback ${site.environment} --from ${active.host} --host ${site.host.name}`,
  );
}

async function activated(
  site: Site,
  recovery: Recovery,
  version: string,
  events: readonly EngineEvent[],
): Promise<Activated> {
  return {
    version,
    release: recovery.release,
    bundle: recovery.bundle,
    begun: recovery.begun,
    host: site.host.name,
    database: await recovered(site),
    steps: stepsDone(events),
  };
}

export function planOf(bundle: Bundle): PlanJson {
  return JSON.parse(textOf(bundle.state, `releases/${bundle.meta.release}/files/plan.json`)) as PlanJson;
}

export function textOf(files: readonly SentFile[], path: string): string {
  const found = files.find((file) => file.path === path);
  if (!found) throw new Problem(`the bundle lacks ${path}`, "An older one may do: --bundle NAME");
  return Buffer.from((found.content ?? "") as Uint8Array).toString("utf8");
}

function activeOf({ site, before }: Activation, recovery: Recovery): Active {
  return {
    format: 1,
    id: recovery.id,
    host: site.host.name,
    ...(before && { before }),
    by: whoami(),
    since: recovery.begun,
  };
}

export async function begunHere(site: Site): Promise<Recovery | undefined> {
  const text = await site.host.read(`${site.state}/recovery.json`);
  return text === undefined ? undefined : (JSON.parse(text) as Recovery);
}

/**
 * What can be known of a host before anything is begun.
 * @param there nodes that have the database already. @throws Problem where it would not do
 */
export function requireFit(
  site: Site,
  seen: Look,
  bundle: Bundle,
  catalog: Catalog | undefined,
  there = 0,
): void {
  const plan = planOf(bundle);
  const images = imagesIn(textOf(bundle.generated, "compose.yaml"));
  const coming = new Map(bundle.secrets.map(({ path }) => [path, ""]));
  // What follows is what it goes on from.
  requireReady(site, { ...seen, follows: false }, plan, images, coming);
  requireDisk(site, seen, plan, catalog, there);
}

/** Each node holds the database once, and replays its log. @param there nodes that have it already. @throws Problem */
export function requireDisk(
  site: Site,
  { free }: Look,
  plan: PlanJson,
  catalog: Catalog | undefined,
  there = 0,
): void {
  if (!catalog || free === undefined) return;
  const nodes =
    plan.backups.flatMap((offer) => ("cluster" in offer ? offer.cluster.nodes : [])).length - there;
  const needed = Math.ceil(catalog.backup.size * nodes * 1.15) + 2 * 1024 ** 3;
  if (free >= needed) return;
  const gib = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  throw new Problem(
    `${site.host.name} has ${gib(free)} free, and ${gib(needed)} are needed: ${nodes} times the database (${gib(catalog.backup.size)}), its log and the images`,
    `A host with the disk of the plan's machine: ${plan.machine.slug}`,
  );
}

/** As the first release of this host, with the files of the bundle's: what comes after goes on as ever. */
async function release(
  { site, bundle, expected, onEvent, signal, drill }: Activation,
  plan: PlanJson,
  recovery: Recovery,
): Promise<End> {
  const seen = await look(site, "", signal);
  const version = nextVersion(seen);
  const told = {
    kind: drill ? ("drill" as const) : ("recovery" as const),
    share: 0,
    changes: [`${recovery.release} of ${bundle.meta.host}, from ${recovery.bundle}`],
    of: recovery.release,
  };
  return sendAndFollow(site, seen, {
    version,
    base: recovery.release,
    told: { onEvent, signal },
    files: [
      // In a drill no bundle is made either.
      text("files.gone", drill ? `${RECIPIENTS}\n` : ""),
      ...(drill
        ? [{ ...text("files/compose.yaml", drill.compose), mode: 0o644 }, text("seed.yaml", drill.seed)]
        : []),
      text("seed", seedLines(plan)),
      ...(expected ? [text("expected", `${expected}\n`)] : []),
      ...wordsOf(site, bundle, plan, seen, version, told),
    ],
  });
}

/** A file of a release that is sent. */
export function text(path: string, content: string): SentFile {
  return { path: `release/${path}`, mode: 0o600, content };
}

/** What a release says of itself, and what was set by command when the bundle was made. */
export function wordsOf(
  site: Site,
  bundle: Bundle,
  plan: PlanJson,
  seen: Look,
  version: string,
  told: Parameters<typeof releaseJson>[3] & Parameters<typeof engineOptions>[2],
): SentFile[] {
  const set = bundle.state.find(({ path }) => path === `releases/${bundle.meta.release}/release.yaml`);
  return [
    text("release.json", releaseJson(seen, version, plan, told)),
    text("release.yaml", set ? textOf(bundle.state, set.path) : "{}\n"),
    text("settings.env", settingsEnv(site, plan, engineOptions(seen, version, told))),
  ];
}

/** Steps that were done, in seconds. */
export function stepsDone(events: readonly EngineEvent[]): { step: string; seconds: number }[] {
  return events.flatMap(({ step, state, seconds }) =>
    state === "done" && seconds !== undefined ? [{ step, seconds }] : [],
  );
}

/** Whom bundles are sealed to: bundle.bash makes none without it. */
const RECIPIENTS = "backup-files/recipients";

/**
 * What seed.bash fills, in its words: PostgreSQL first, which takes longest. Logs come back once all serves, by a command of
 * their own: nobody waits for them.
 */
export function seedLines({ backups }: Pick<PlanJson, "backups">): string {
  const clusters = backups.flatMap((offer) =>
    "cluster" in offer ? [`postgres ${offer.cluster.nodes[0]} ${offer.cluster.dataDirectory}`] : [],
  );
  const volumes = backups.flatMap((offer) =>
    "volume" in offer ? [`${offer.broughtBy ? "later" : "files"} ${offer.what} ${offer.volume}`] : [],
  );
  return [...clusters, ...volumes].map((line) => `${line}\n`).join("");
}

async function recovered(site: Site): Promise<Recovered | undefined> {
  const outcome = await site.host.script('[[ ! -s $1/recovered ]] || cat -- "$1/recovered"', [site.state]);
  return parseRecovered(requireDone(site, outcome, "reading how far the database goes").stdout);
}

export function parseRecovered(line: string): Recovered | undefined {
  const [reached, timeline, size, set] = line.trim().split(" ");
  if (!reached || !set) return undefined;
  return {
    reached: reached === "-" ? undefined : Number(reached),
    timeline: Number(timeline),
    size: Number(size),
    set,
  };
}
