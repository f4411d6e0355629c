/** A deploy from its beginning: look, make, compare, show, agree, put in place. */
import { produce } from "../../generator/index.ts";
import type { StackSource } from "../../generator/stack.ts";
import { ensureBase } from "../engine/base.ts";
import { endpointOf } from "../engine/find.ts";
import { BASE_IMAGE, registryAnswers } from "../engine/registry.ts";
import { Problem } from "../problem.ts";
import { appendAudit } from "../settings/audit.ts";
import { requireUnlocked } from "../settings/lock.ts";
import { requireDone } from "../settings/place.ts";
import type { Site } from "../site/site.ts";
import { chooseImages, type Images, imagesIn } from "../up/images.ts";
import {
  type Candidate,
  contextOf,
  contextPath,
  differenceOf,
  makeCandidate,
  type ReleaseWords,
  readReleaseWords,
  sourceOfRelease,
} from "./candidate.ts";
import type { Context } from "./context.ts";
import { nextVersion, putInPlace } from "./deploy.ts";
import type { End, EngineEvent } from "./follow.ts";
import { type Look, look } from "./look.ts";
import { type DeployPlan, deployPlan, imagesOf } from "./plan-text.ts";
import { requireReady } from "./preflight.ts";
import type { ReleaseKind } from "./settings-env.ts";

export type Order = {
  kind: ReleaseKind;
  /** Words of release.yaml that change. */
  words?: Partial<ReleaseWords>;
  /** A change of one setting: stack.yaml and the image stay those of the current release. */
  settingOnly?: boolean;
  secrets?: ReadonlyMap<string, string>;
  changes?: readonly string[];
  message?: string;
  commit?: string;
  dirty?: boolean;
  /** Of the traffic, first; 0 for no canary. */
  share: number;
  images?: Images;
  rebalance?: boolean;
  /** Makes a release although nothing differs. */
  force?: boolean;
  /** Brings the image to the host before anything is sent that needs it. */
  bring?(say: (line: string) => void): Promise<void>;
  say(line: string): void;
  /** Says what will be done, and asks. @throws where the answer is no */
  agree(plan: DeployPlan): Promise<void>;
  onEvent(event: EngineEvent): void;
  signal?: AbortSignal;
};

export type Ordered =
  | { kind: "nothing to do"; version: string }
  /** Before the first release: they wait for it. */
  | { kind: "supplied" }
  | { kind: "planned"; plan: DeployPlan }
  | { kind: "done"; plan: DeployPlan; end: End };

/** @throws Problem, InputError; the old release serves then */
export async function order(
  site: Site,
  given: StackSource,
  wish: Order & { dryRun?: boolean },
): Promise<Ordered> {
  const bare = produce(given, site.environment);
  const builds = contextPath(bare) !== "";
  if (builds && wish.words?.image)
    throw new Problem(
      `stack.yaml builds the application's image (api.build), and ${wish.words.image} was named`,
      "Name it in stack.yaml instead, api.image in place of api.build; or leave --image out.",
      2,
    );
  const again = () => look(site, contextPath(bare), wish.signal);
  let seen = await again();
  if (!wish.dryRun && !seen.work && isHalf(seen)) {
    wish.say("A release is neither done nor undone: bringing back what was before it");
    await site.host.script(`exec bash "$1/onhost/deploy.bash" "$1" --recover`, [site.state], {
      signal: wish.signal,
    });
    seen = await again();
  }
  if (seen.work) {
    throw new Problem(
      `${seen.work.version} is being put in place by ${seen.work.by} since ${seen.work.since}`,
      `Follow it: plimsoll deploy ${site.environment} --attach`,
    );
  }
  if (wish.settingOnly) requireUnlocked(seen.lock, site.environment);
  if (wish.settingOnly && !seen.current && wish.secrets?.size) {
    await supply(site, wish.secrets);
    await appendAudit(site, { command: wish.kind, what: (wish.changes ?? []).join(", "), outcome: "done" });
    return { kind: "supplied" };
  }
  if (wish.settingOnly && !seen.current)
    throw new Problem(
      `${site.environment} has no release yet`,
      `Deploy first: plimsoll deploy ${site.environment}`,
    );
  if (wish.share > 0 && !seen.current && seen.containers.length > 0)
    throw new Problem(
      `what runs in ${site.environment} is no release: a canary of it could not be taken back`,
      `Deploy first: plimsoll deploy ${site.environment}`,
      2,
    );
  const source = wish.settingOnly ? sourceOfRelease(given, seen) : given;
  const before = readReleaseWords(seen.release);
  const words: ReleaseWords = { ...before, ...wish.words };
  const images =
    wish.images ?? words.images ?? (seen.current ? undefined : await firstKind(site, seen, bare.files));
  if (images) words.images = images;
  if (images === "debian" && !wish.images && !before.images)
    wish.say("No registry answers the host: its images are built from Debian packages (images: debian)");
  if (builds && !wish.settingOnly) delete words.image;
  const context = wish.settingOnly ? undefined : await builtFrom(site, source, given.folder, words);
  if (!wish.settingOnly) words.tag = context?.tag;
  if (words.tag === undefined) delete words.tag;

  const input = { site, source, look: seen, words, rebalance: wish.rebalance };
  if (seen.current && !wish.force && !wish.secrets?.size) {
    const same = differenceOf(makeCandidate({ ...input, version: seen.current }), seen);
    if (same.changed.length + same.gone.length === 0) return { kind: "nothing to do", version: seen.current };
  }
  const candidate = makeCandidate({ ...input, version: nextVersion(seen) });
  const difference = differenceOf(candidate, seen);
  requireReady(site, seen, candidate.plan, imagesOf(candidate), wish.secrets);
  const plan = deployPlan(site, seen, candidate, difference, context, wish.share);
  if (wish.dryRun) return { kind: "planned", plan };
  await wish.agree(plan);
  await wish.bring?.(wish.say);
  await bringBase(site, seen, candidate, wish);
  const end = await putInPlace(site, seen, candidate, context, difference, {
    ...wish,
    changes: wish.changes ?? changesOf(plan),
  });
  return { kind: "done", plan, end };
}

/** A release that is neither done nor undone, and nobody is at work on it: the host was rebooted, or ran out of something. */
function isHalf({ releases }: Look): boolean {
  return [...releases.values()].some((state) => ["running", "canary", "half"].includes(state));
}

/** Values go over the one connection into files, and nowhere else. */
async function supply(site: Site, secrets: ReadonlyMap<string, string>): Promise<void> {
  const folder = 'mkdir -p -- "$(dirname -- "$1")" && { [[ -d $1 ]] || mkdir -m 0700 -- "$1"; }';
  requireDone(site, await site.host.script(folder, [site.secrets]), "making the secrets' folder");
  const files = [...secrets].map(([path, content]) => ({ path, mode: 0o644, content }));
  const after = "chmod 0700 .";
  const outcome = await site.host.send(site.secrets, files, { after });
  requireDone(site, outcome, "writing the secrets");
}

async function builtFrom(
  site: Site,
  source: StackSource,
  stackFolder: string,
  words: ReleaseWords,
): Promise<Context | undefined> {
  // Which folder, and which Dockerfile in it, follows from the kind of images.
  const { tag: _, ...choices } = words;
  return contextOf(produce(source, site.environment, choices), stackFolder);
}

/** Where nothing runs yet: what stack.yaml says, unless no registry answers the host. */
async function firstKind(
  site: Site,
  seen: Look,
  files: readonly { path: string; text: string }[],
): Promise<Images | undefined> {
  if (seen.docker.kind !== "ready") return undefined;
  const needed = imagesIn(files.find(({ path }) => path === "compose.yaml")?.text ?? "");
  if (seen.containers.length === 0) {
    // What was seen already answers most of it: a question less is a round trip less.
    if (needed.length > 0 && needed.every((image) => seen.images.has(image))) return undefined;
    return (await registryAnswers(site.host.docker(await endpointOf(site.host)))) ? undefined : "debian";
  }
  const { images } = await chooseImages({
    host: site.host,
    engine: await site.engine(),
    needed,
    project: site.project,
  });
  return images;
}

/** What Debian's images are built on must be there before the engine builds. */
async function bringBase(
  site: Site,
  seen: Look,
  candidate: Candidate,
  { say, signal }: Order,
): Promise<void> {
  if (candidate.plan.images !== "debian" || seen.images.has(BASE_IMAGE)) return;
  if (imagesOf(candidate).every((image) => seen.images.has(image))) return;
  await ensureBase(await site.engine(), site.host, say, { signal });
}

function changesOf(plan: DeployPlan): string[] {
  if (plan.from === null) return ["the first release"];
  const { changed, gone } = plan.files;
  return [`${changed.length + gone.length} files`, ...(plan.context > 0 ? [`${plan.context} sources`] : [])];
}
