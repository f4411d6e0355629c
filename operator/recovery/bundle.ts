/** The recovery bundle: what of a host is in no repository, encrypted, as a bucket keeps it. */
import { Decrypter } from "age-encryption";
import { z } from "zod";
import type { SentFile } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { bundleTime } from "./name.ts";
import { getObject, listObjects, type Store, type StoreKeys } from "./s3.ts";
import { untar } from "./untar.ts";

export const BundleMeta = z.object({
  format: z.literal(1),
  stack: z.string(),
  environment: z.enum(["local", "staging", "production"]),
  /** Compose project. */
  project: z.string(),
  /** The release that was current. */
  release: z.string().regex(/^v[1-9]\d{0,8}$/),
  created: z.iso.datetime(),
  host: z.string(),
});
export type BundleMeta = z.output<typeof BundleMeta>;

/** Files as `Host.send` takes them, each part below its own folder; modes as they were. */
export type Bundle = {
  name: string;
  meta: BundleMeta;
  generated: SentFile[];
  secrets: SentFile[];
  state: SentFile[];
};

/** `created` in seconds of the epoch, `size` in bytes. */
export type ListedBundle = { name: string; created: number; size: number };

export type Expected = { stack: string; environment: string };

/** Folder of bundles in the bucket, without a slash before. */
export function recoveryPrefix({ path }: Pick<Store, "path">): string {
  return `${path.replace(/^\//, "")}/recovery/`;
}

/** The newest first. @throws Problem where the bucket cannot be read */
export async function listBundles(store: Store, keys: StoreKeys): Promise<ListedBundle[]> {
  const prefix = recoveryPrefix(store);
  const objects = await listObjects(store, keys, prefix);
  return objects
    .flatMap(({ key, size }) => {
      const name = key.slice(prefix.length);
      const created = bundleTime(name);
      return created === undefined ? [] : [{ name, created, size }];
    })
    .sort((a, b) => b.created - a.created);
}

/** @param name the newest if absent. @throws Problem where there is none, or not that one */
export async function fetchBundle(
  store: Store,
  keys: StoreKeys,
  name?: string,
): Promise<{ name: string; bytes: Uint8Array }> {
  const bundles = await listBundles(store, keys);
  const where = `${store.bucket}${store.path}/recovery at ${store.endpoint}`;
  if (bundles.length === 0)
    throw new Problem(
      `there is no recovery bundle in ${where}`,
      "Is it the right bucket and path? The path is NAME-ENVIRONMENT unless stack.yaml said otherwise. Bundles are made by deploys where backup.recipient is set.",
    );
  const found = name === undefined ? bundles[0] : bundles.find((one) => one.name === name);
  if (!found) {
    const some = bundles.slice(0, 5).map((one) => one.name);
    throw new Problem(
      `there is no ${name} in ${where}`,
      `There are, the newest first: ${some.join(", ")}`,
      2,
    );
  }
  const bytes = await getObject(store, keys, recoveryPrefix(store) + found.name);
  return { name: found.name, bytes };
}

/** @param identity AGE-SECRET-KEY-1… @throws Problem where it does not open, is not whole, or is another stack's */
export async function openBundle(
  { name, bytes }: { name: string; bytes: Uint8Array },
  identity: string,
  expected?: Expected,
): Promise<Bundle> {
  const entries = await untar(await decrypted(name, bytes, identity)).catch((error: Error) => {
    throw new Problem(`${name} opens, and is no archive: ${error.message}`, OLDER);
  });
  const meta = metaOf(name, entries);
  if (expected && (meta.stack !== expected.stack || meta.environment !== expected.environment))
    throw new Problem(
      `${name} is of ${meta.stack} ${meta.environment}, not of ${expected.stack} ${expected.environment}`,
      "Another stack's bucket or path?",
      2,
    );
  const below = (folder: string) =>
    entries
      .filter(({ path }) => path.startsWith(`${folder}/`) && path !== `${folder}/`)
      .map((file) => ({ ...file, path: file.path.slice(folder.length + 1) }));
  const bundle = {
    name,
    meta,
    generated: below("generated"),
    secrets: below("secrets"),
    state: below("state"),
  };
  requireWhole(bundle);
  return bundle;
}

const OLDER = "An older one may do: there are several in the bucket.";

async function decrypted(name: string, bytes: Uint8Array, identity: string): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  try {
    return await decrypter.decrypt(bytes, "uint8array");
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    if (/no identity matched/.test(said))
      throw new Problem(
        `this key opens none of the recipients of ${name}`,
        "It was encrypted to another: the key that belongs to backup.recipient of that time is needed.",
      );
    if (/invalid version|non-ASCII/.test(said)) throw new Problem(`${name} is no age file`, OLDER);
    throw new Problem(`${name} is damaged or not whole: ${said || "it does not decrypt to its end"}`, OLDER);
  }
}

function metaOf(name: string, entries: readonly SentFile[]): BundleMeta {
  const file = entries.find(({ path }) => path === "plimsoll.json");
  if (!file) throw new Problem(`${name} holds no plimsoll.json: it is no recovery bundle`, OLDER);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(file.content as Uint8Array).toString("utf8"));
  } catch {
    throw new Problem(`plimsoll.json of ${name} is no JSON`, OLDER);
  }
  const { format } = json as { format?: unknown };
  if (typeof format === "number" && format > 1)
    throw new Problem(
      `${name} has format ${format}, and this plimsoll reads format 1`,
      "Take a newer plimsoll.",
    );
  const parsed = BundleMeta.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Problem(`plimsoll.json of ${name}: ${z.prettifyError(parsed.error).split("\n")[0]}`, OLDER);
}

function requireWhole({ name, meta, generated, state }: Bundle): void {
  const lacks = [
    ...["compose.yaml", "plan.json", "manifest.json"]
      .filter((path) => !generated.some((file) => file.path === path))
      .map((path) => `generated/${path}`),
    ...["current", `releases/${meta.release}/files/compose.yaml`, `releases/${meta.release}/settings.env`]
      .filter((path) => !state.some((file) => file.path === path))
      .map((path) => `state/${path}`),
  ];
  if (lacks.length > 0) throw new Problem(`${name} lacks ${lacks.join(", ")}`, OLDER);
}
