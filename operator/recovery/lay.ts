/** A bundle's history and secrets on the host that takes over. */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { FILES_CREDENTIALS, POSTGRES_SECRETS } from "../../generator/components/backup/repository.ts";
import { readOwn } from "../../generator/package.ts";
import type { SentFile } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { requireDone } from "../settings/place.ts";
import type { Site } from "../site/site.ts";
import type { Bundle } from "./bundle.ts";
import type { StoreKeys } from "./s3.ts";

/** What an activation began with: one that is run again goes on with it. */
export const Recovery = z.object({
  format: z.literal(1),
  bundle: z.string(),
  release: z.string(),
  /** The new site's: see Active. */
  id: z.string(),
  begun: z.iso.datetime(),
});
export type Recovery = z.output<typeof Recovery>;

export const SITE_SECRET = "backup_site";
/** How the id of a drill's site begins: site.bash lets none of its nodes start, and none of its sidecars write. */
const DRILL_SITE = "drill";

/** Of the old host's work alone, or made anew here. */
const LEFT =
  /^(current|work(\..*)?|lock(\..*)?|onhost(\..*)?|engines|contexts|incoming-.*|recover.*|seed|copy|promotion|ballast|images-made|engine\.log|checks)(\/|$)/;

/**
 * @param keys of the bucket, as a person gave them: the bundle's may be revoked
 * @returns what is there afterwards: of an earlier try where there was one. @throws Problem; nothing was begun then
 */
export async function layBundle(
  site: Site,
  bundle: Bundle,
  keys: StoreKeys,
  now: Date,
  { drill = false } = {},
): Promise<Recovery> {
  const recovery: Recovery = {
    format: 1,
    bundle: bundle.name,
    release: bundle.meta.release,
    id: (drill ? DRILL_SITE : "") + randomBytes(12).toString("hex"),
    begun: now.toISOString(),
  };
  return Recovery.parse(JSON.parse(await sendBundle(site, bundle, keys, "recovery.json", recovery)));
}

/** @param name of the record that is kept with it. @returns the record that is there afterwards. @throws Problem */
export async function sendBundle(
  site: Site,
  bundle: Bundle,
  keys: StoreKeys,
  name: "recovery.json" | "follow.json",
  record: Pick<Recovery, "id">,
): Promise<string> {
  const files: SentFile[] = [
    ...stateFiles(bundle),
    ...bundle.secrets
      .filter(({ path }) => path !== SITE_SECRET)
      .map((file) => ({ ...file, path: `secrets/${file.path}` })),
    { path: `secrets/${SITE_SECRET}`, mode: 0o444, content: record.id },
    ...withKeys(bundle.secrets, keys).map((file) => ({ ...file, path: `keys/${file.path}` })),
    { path: name, mode: 0o600, content: `${JSON.stringify(record)}\n` },
  ];
  const folder =
    'mkdir -p -- "$(dirname -- "$1")" && { [[ -d $1 ]] || mkdir -m 0700 -- "$1"; } && chmod 0700 -- "$1"';
  requireDone(site, await site.host.script(folder, [site.state]), "making the state's folder");
  // In there nobody else reads the secrets on their way.
  const incoming = `${site.state}/incoming-${randomBytes(6).toString("hex")}`;
  const outcome = await site.host.send(incoming, files, {
    after: readOwn("operator/recovery/lay.bash"),
    args: [site.state, site.secrets, name],
  });
  if (outcome.exitCode === 75)
    throw new Problem(
      `another is at work on ${site.project} of ${site.host.name}: nothing was begun`,
      "Wait for it, and run this again: it goes on from there.",
    );
  if (outcome.exitCode === 76) throw runsAlready(site);
  if (outcome.exitCode === 77)
    throw new Problem(
      `an activation was begun on ${site.host.name}: it is to be the site that writes, and follows nobody`,
      `Go on with it: plimsoll dr activate ${site.environment}`,
    );
  requireDone(site, outcome, "laying out the bundle");
  return outcome.stdout;
}

export function runsAlready(site: Site): Problem {
  return new Problem(
    `${site.host.name} runs a release of ${site.project} already`,
    `A disaster site is made on a host that has none. What runs there: plimsoll ps ${site.environment} --host ${site.host.name}`,
  );
}

/** The history, with every release as one that is no longer at work. */
function stateFiles({ state }: Bundle): SentFile[] {
  return state
    .filter(({ path }) => !LEFT.test(path))
    .map((file) => {
      const at = /^releases\/v\d+\/state$/.test(file.path);
      return { ...file, path: `state/${file.path}`, ...(at && { content: `${stateAfter(file)}\n` }) };
    });
}

function stateAfter({ content }: SentFile): string {
  const word = Buffer.from((content ?? "") as Uint8Array)
    .toString("utf8")
    .trim();
  return word === "current" ? "superseded" : /^(running|canary|half|prepared)$/.test(word) ? "failed" : word;
}

/**
 * The secrets that hold the bucket's keys, with these instead. Those made of others too: images come out of the bucket
 * before the recipe is followed.
 */
export function withKeys(secrets: readonly SentFile[], { key, secret }: StoreKeys): SentFile[] {
  const anew: Record<string, (text: string) => string> = {
    backup_s3_key: () => key,
    backup_s3_secret: () => secret,
    [POSTGRES_SECRETS]: (text) =>
      text
        .replace(/^(repo\d-s3-key=).*$/m, (_, before) => before + key)
        .replace(/^(repo\d-s3-key-secret=).*$/m, (_, before) => before + secret),
    [FILES_CREDENTIALS]: (text) =>
      text
        .replace(/^(aws_access_key_id = ).*$/m, (_, before) => before + key)
        .replace(/^(aws_secret_access_key = ).*$/m, (_, before) => before + secret),
  };
  return secrets.flatMap((file) => {
    const change = anew[file.path];
    const text = Buffer.from((file.content ?? "") as Uint8Array).toString("utf8");
    return change ? [{ ...file, content: change(text) }] : [];
  });
}
