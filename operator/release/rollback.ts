/** Back to a release that is kept: a new release with its files, its image and its secrets, byte for byte. */
import { gunzipSync } from "node:zlib";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { Problem } from "../problem.ts";
import type { Site } from "../site/site.ts";
import { engineOptions, nextVersion, releaseJson, sendAndFollow } from "./deploy.ts";
import type { End, EngineEvent } from "./follow.ts";
import { type Release, readReleases, unknownRelease } from "./history.ts";
import { look } from "./look.ts";
import { requireReady } from "./preflight.ts";
import { settingsEnv } from "./settings-env.ts";

export type RollbackPlan = {
  from: string;
  to: string;
  version: string;
  /** Releases after it that applied migrations: none of those is undone. */
  migrations: readonly string[];
};

export type Rollback = {
  /** The release before the current one if absent. */
  to?: string;
  message?: string;
  agree(plan: RollbackPlan): Promise<void>;
  onEvent(event: EngineEvent): void;
  signal?: AbortSignal;
};

/** @throws Problem; what runs goes on then */
export async function rollback(site: Site, wish: Rollback): Promise<{ plan: RollbackPlan; end: End }> {
  const seen = await look(site, "", wish.signal);
  if (!seen.current || !seen.plan) {
    throw new Problem(`${site.environment} has no release yet: there is nothing to go back to`, undefined, 2);
  }
  if (seen.work)
    throw new Problem(
      `${seen.work.version} is being put in place by ${seen.work.by}`,
      "Wait for it, or abort the canary.",
    );
  const releases = await readReleases(site);
  const target = targetOf(releases, seen.current, wish.to);
  const kept = await readKept(site, target.version);
  const version = nextVersion(seen);
  requireReady(site, seen, kept.plan, []);
  const plan: RollbackPlan = {
    from: seen.current,
    to: target.version,
    version,
    migrations: kept.migrated.filter((name) => Number(name.slice(1)) > Number(target.version.slice(1))),
  };
  await wish.agree(plan);
  const told = {
    kind: "rollback" as const,
    share: 0,
    changes: [`back to ${target.version}`],
    message: wish.message,
    of: target.version,
  };
  const text = (path: string, content: string) => ({ path: `release/${path}`, mode: 0o600, content });
  const end = await sendAndFollow(site, seen, {
    version,
    base: target.version,
    told: wish,
    files: [
      text("files.gone", ""),
      text(
        "release.json",
        releaseJson(seen, version, kept.plan, { ...told, commit: target.commit, dirty: target.dirty }),
      ),
      text("release.yaml", kept.words),
      text("settings.env", settingsEnv(site, kept.plan, engineOptions(seen, version, told, target.version))),
    ],
  });
  return { plan, end };
}

/** A release that served once: one that failed is nothing to go back to. */
function targetOf(releases: readonly Release[], current: string, to: string | undefined): Release {
  const served = releases.filter(({ state }) => state === "superseded");
  if (to !== undefined) {
    const found = releases.find(({ version }) => version === to);
    if (!found) throw unknownRelease(to, releases);
    if (found.version === current) throw new Problem(`${to} is the current release`, undefined, 2);
    if (found.state !== "superseded")
      throw new Problem(`${to} never served: it is ${found.state}`, undefined, 2);
    return found;
  }
  const from = releases.find(({ version }) => version === current)?.from;
  const target = served.find(({ version }) => version === from) ?? served[0];
  if (!target) throw new Problem("no release before the current one is kept", undefined, 2);
  return target;
}

type Kept = { plan: PlanJson; words: string; migrated: string[] };

async function readKept(site: Site, version: string): Promise<Kept> {
  const { stdout, exitCode } = await site.host.script(KEPT, [site.state, version]);
  const of = (key: string) => new RegExp(`^${key} (\\S*)$`, "m").exec(stdout)?.[1];
  const plan = of("plan");
  if (exitCode !== 0 || !plan)
    throw new Problem(`the files of ${version} cannot be read on ${site.host.name}`);
  const unpack = (packed: string) => gunzipSync(Buffer.from(packed, "base64")).toString("utf8");
  return {
    plan: JSON.parse(unpack(plan)) as PlanJson,
    words: of("words") ? unpack(of("words") as string) : "{}\n",
    migrated: [...stdout.matchAll(/^migrated (v\d+)$/gm)].map(([, name]) => name as string),
  };
}

/** What was applied differs between before and after: then a release brought migrations. */
const KEPT = `set -uo pipefail
cd -- "$1/releases"
pack() { gzip -nc -- "$1" | base64 -w0; echo; }
printf 'plan '; pack "$2/files/plan.json" || exit 1
[[ ! -f $2/release.yaml ]] || { printf 'words '; pack "$2/release.yaml"; }
part() { sed -n "/^# $2\\$/,/^# /p" "$1/migrations" | grep -v '^# '; }
for folder in v*; do
  [[ -f $folder/migrations ]] && grep -qxE 'current|superseded' "$folder/state" || continue
  [[ $(part "$folder" before) == "$(part "$folder" after)" ]] || echo "migrated $folder"
done
exit 0`;
