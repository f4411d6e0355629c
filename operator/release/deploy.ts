/** A release from this machine to its host: sent in one stream, put in place by the engine there, followed from here. */
import { createHash, randomBytes } from "node:crypto";
import { listOwn, readOwn } from "../../generator/package.ts";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import type { SentFile } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { secretsRecipe } from "../settings/recipe.ts";
import { whoami } from "../settings/who.ts";
import type { Site } from "../site/site.ts";
import { type Candidate, type Difference, writeReleaseWords } from "./candidate.ts";
import { type Context, contextChanges } from "./context.ts";
import { type End, type EngineEvent, follow, listen } from "./follow.ts";
import type { Look } from "./look.ts";
import { type ReleaseKind, settingsEnv } from "./settings-env.ts";

export type Told = {
  kind: ReleaseKind;
  /** What changed, in words; no values. */
  changes: readonly string[];
  message?: string;
  commit?: string;
  dirty?: boolean;
  /** Of the traffic, before it takes everything; 0 for no canary. */
  share: number;
  /** New secrets by file name: over stdin into files, nowhere else. */
  secrets?: ReadonlyMap<string, string>;
  onEvent(event: EngineEvent): void;
  signal?: AbortSignal;
};

/** @throws Problem where it does not come to be, with the reason; the old release serves then */
export async function putInPlace(
  site: Site,
  look: Look,
  candidate: Candidate,
  context: Context | undefined,
  difference: Difference,
  told: Told,
): Promise<End> {
  const { version } = candidate;
  const remote = site.host.kind === "ssh";
  const files: SentFile[] = [
    ...released(site, look, candidate, difference, told),
    // On this machine the context is where it is built from already.
    ...(context && remote ? await contextFiles(context, look) : []),
    ...[...(told.secrets ?? [])].map(([name, content]) => ({
      path: `release/secrets-in/${name}`,
      mode: 0o600,
      content,
    })),
  ];
  return sendAndFollow(site, look, { version, base: look.current ?? "", files, told });
}

type Sending = {
  version: string;
  base: string;
  files: readonly SentFile[];
  told: Pick<Told, "onEvent" | "signal">;
};

/** Sends what makes the release, starts the engine on it, and says how it ended. */
export async function sendAndFollow(site: Site, look: Look, sending: Sending): Promise<End> {
  const { version, base, told } = sending;
  const engine = engineFiles();
  const name = hashOf(engine);
  const files: SentFile[] = [
    ...sending.files,
    ...(look.onhost === name ? [] : [...engine, { path: "onhost.name", content: name }]),
  ];
  const unit = site.host.kind === "ssh" ? look.unit : "none";
  const lock = look.lockText === undefined ? "absent" : Buffer.from(look.lockText).toString("base64");
  const args = [site.state, version, base, unit, FOLLOW, lock];
  const incoming = `${site.state}/incoming-${randomBytes(6).toString("hex")}`;
  const events: EngineEvent[] = [];
  const onLine = listen(events, told);
  const after = `${readOwn("operator/release/prepare.bash")}\nexec bash -c "$5" follow "$1" "$2" 0\n`;
  const outcome = await site.host.send(incoming, files, { after, args, onLine, signal: told.signal });
  if (outcome.exitCode === 75) throw busy(site, outcome.stderr);
  if (outcome.exitCode === 76)
    throw new Problem(
      `${site.environment} was locked or unlocked meanwhile: nothing was changed`,
      `Who did, and why: plimsoll audit ${site.environment}. Then run this again.`,
    );
  if (outcome.exitCode === 3)
    throw new Problem(
      `somebody else has just made ${version}`,
      "Look what it is, and run this again: plimsoll releases",
    );
  return await follow(site, version, events, outcome, { ...told, first: look.current === undefined });
}

const FOLLOW = readOwn("operator/release/follow.bash");

function busy(site: Site, said: string): Problem {
  return new Problem(
    `another is at work on ${site.environment}: ${said.trim().split("\n").at(-1) ?? ""}`,
    `Follow it: plimsoll deploy ${site.environment} --attach`,
  );
}

function released(
  site: Site,
  look: Look,
  candidate: Candidate,
  difference: Difference,
  told: Told,
): SentFile[] {
  const { version, plan, words, source, produced } = candidate;
  const send = new Set([...difference.changed, "manifest.json"]);
  const text = (path: string, content: string): SentFile => ({
    path: `release/${path}`,
    mode: 0o600,
    content,
  });
  return [
    ...candidate.files
      .filter(({ path }) => send.has(path))
      .map(({ path, text: content, executable }) => ({
        path: `release/files/${path}`,
        mode: executable ? 0o755 : 0o644,
        content,
      })),
    text("files.gone", difference.gone.map((path) => `${path}\n`).join("")),
    text("settings.env", settingsEnv(site, plan, engineOptions(look, version, told))),
    text("release.yaml", writeReleaseWords(words)),
    text("release.json", releaseJson(look, version, plan, told)),
    text("secrets.recipe", secretsRecipe(produced.plan.secrets)),
    text("source/stack.yaml", source.yaml.text),
    ...(source.overrides ? [text("source/overrides.yaml", source.overrides.text)] : []),
    // Files that stack.yaml names: without them a change of one setting could not make it again.
    ...(Object.keys(source.yaml.beside ?? {}).length > 0
      ? [text("source/beside.json", JSON.stringify(source.yaml.beside))]
      : []),
    ...(Object.keys(source.pins).length > 0 ? [text("source/pins.json", JSON.stringify(source.pins))] : []),
  ];
}

export function engineOptions(
  look: Look,
  version: string,
  told: Pick<Told, "kind" | "share" | "changes">,
  secretsFrom?: string,
) {
  return {
    version,
    ...(look.current && look.plan && { previous: { version: look.current, plan: look.plan } }),
    kind: told.kind,
    by: whoami(),
    what: told.changes.join(", "),
    share: told.share,
    ...(secretsFrom && { secretsFrom }),
  };
}

export function releaseJson(
  look: Look,
  version: string,
  plan: PlanJson,
  told: Pick<Told, "kind" | "changes" | "message" | "commit" | "dirty"> & { of?: string },
): string {
  const { kind, changes, message, commit, dirty, of } = told;
  const release = {
    version,
    kind,
    from: look.current ?? null,
    ...(of && { of }),
    created: new Date(look.now * 1000).toISOString(),
    by: whoami(),
    ...(message && { message }),
    ...(commit && { commit, dirty: dirty ?? false }),
    changes,
    images: plan.images,
  };
  return `${JSON.stringify(release, null, 2)}\n`;
}

async function contextFiles(context: Context, look: Look): Promise<SentFile[]> {
  const { files, gone, manifest } = await contextChanges(context, look.context);
  return [
    ...files.map((file) => ({ ...file, path: `release/context/${file.path}` })),
    { path: "release/context.gone", content: gone.map((path) => `${path}\n`).join("") },
    { path: "release/context.manifest", content: manifest },
    { path: "release/context.path", content: context.path },
  ];
}

/** The engine's scripts, all in one folder under the hash of their content: one at work goes on with its own. */
function engineFiles(): SentFile[] {
  return listOwn("operator/onhost")
    .filter((name) => /\.(bash|sh|awk)$/.test(name))
    .sort()
    .map((name) => ({ path: `onhost/${name}`, content: readOwn(`operator/onhost/${name}`) }));
}

function hashOf(files: readonly SentFile[]): string {
  const hash = createHash("sha256");
  for (const { path, content } of files) hash.update(`${path}\n${String(content)}\n`);
  return hash.digest("hex").slice(0, 16);
}

/** The next number: of releases that failed too. */
export function nextVersion({ releases }: Pick<Look, "releases">): string {
  return `v${Math.max(0, ...[...releases.keys()].map((name) => Number(name.slice(1)) || 0)) + 1}`;
}
