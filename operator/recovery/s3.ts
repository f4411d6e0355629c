/** Reading a bucket: S3's own signatures by aws4fetch, over node:https, which takes a private CA. */
import { request } from "node:https";
import { AwsV4Signer } from "aws4fetch";
import { Problem } from "../problem.ts";

export type Store = {
  /** Host, with a port where it is not 443. */
  endpoint: string;
  region: string;
  bucket: string;
  /** Folder in the bucket, with a slash before: `/shop-production`. */
  path: string;
  /** Whether the bucket is part of the path or of the host's name. */
  style: "host" | "path";
  /** PEM, where its certificate is of no public authority. */
  ca?: string;
};

export type StoreKeys = { key: string; secret: string };

export type StoredObject = {
  key: string /** Bytes. */;
  size: number /** Seconds of the epoch. */;
  modified: number;
};

type Answer = { status: number; body: Buffer };

/** Milliseconds without a byte. */
const SILENCE = 30_000;
const TRIES = 3;

/** @param prefix without a slash before. @throws Problem */
export async function listObjects(store: Store, keys: StoreKeys, prefix: string): Promise<StoredObject[]> {
  const objects: StoredObject[] = [];
  let token: string | undefined;
  do {
    const query = new URLSearchParams({ "list-type": "2", prefix });
    if (token !== undefined) query.set("continuation-token", token);
    const text = (await ask(store, keys, "", query)).toString("utf8");
    for (const [, entry = ""] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
      const key = tag(entry, "Key");
      if (key === undefined) continue;
      const modified = Math.floor(Date.parse(tag(entry, "LastModified") ?? "") / 1000);
      objects.push({ key, size: Number(tag(entry, "Size") ?? 0), modified });
    }
    token = tag(text, "IsTruncated") === "true" ? tag(text, "NextContinuationToken") : undefined;
  } while (token !== undefined);
  return objects;
}

/** @throws Problem */
export async function getObject(store: Store, keys: StoreKeys, key: string): Promise<Buffer> {
  return ask(store, keys, key);
}

/** Replaces what is there. @throws Problem */
export async function putObject(store: Store, keys: StoreKeys, key: string, body: string): Promise<void> {
  await ask(store, keys, key, undefined, body);
}

function tag(text: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
  return found
    ?.replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");
}

async function ask(
  store: Store,
  keys: StoreKeys,
  key: string,
  query?: URLSearchParams,
  put?: string,
): Promise<Buffer> {
  let fault: Error | undefined;
  for (let tried = 0; tried < TRIES; tried++) {
    if (tried > 0) await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** tried));
    try {
      const { status, body } = await once(store, keys, key, query, put);
      if (status === 200) return body;
      const refused = refusal(store, key, status, body.toString("utf8"));
      if (status < 500 && status !== 429) throw refused;
      fault = refused;
    } catch (error) {
      if (error instanceof Problem) throw error;
      fault = unreachable(store, error as NodeJS.ErrnoException);
    }
  }
  throw fault;
}

async function once(
  store: Store,
  keys: StoreKeys,
  key: string,
  query?: URLSearchParams,
  put?: string,
): Promise<Answer> {
  const { endpoint, bucket, region, style, ca } = store;
  const base = style === "path" ? `https://${endpoint}/${bucket}` : `https://${bucket}.${endpoint}`;
  const { url, method, headers } = await new AwsV4Signer({
    url: `${base}/${key}${query ? `?${query}` : ""}`,
    ...(put !== undefined && { method: "PUT", body: put }),
    accessKeyId: keys.key,
    secretAccessKey: keys.secret,
    service: "s3",
    region,
  }).sign();
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method, headers: Object.fromEntries(headers), ...(ca && { ca }) },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on("data", (part: Buffer) => parts.push(part));
        answer.on("error", reject);
        answer.on("end", () => {
          const body = Buffer.concat(parts);
          const expected = Number(answer.headers["content-length"] ?? body.length);
          if (expected !== body.length) reject(new Error(`${body.length} of ${expected} bytes came`));
          else resolve({ status: answer.statusCode ?? 0, body });
        });
      },
    );
    sent.setTimeout(SILENCE, () => sent.destroy(new Error(`no answer for ${SILENCE / 1000} s`)));
    sent.on("error", reject);
    sent.end(put);
  });
}

function refusal({ endpoint, bucket, region }: Store, key: string, status: number, text: string): Problem {
  const code = tag(text, "Code") ?? `status ${status}`;
  const where = `bucket ${bucket} at ${endpoint}`;
  if (code === "NoSuchBucket")
    return new Problem(`there is no ${where}`, "backup.repository in stack.yaml names it.");
  if (code === "NoSuchKey") return new Problem(`there is no ${key} in ${where}`);
  if (code === "InvalidAccessKeyId" || code === "SignatureDoesNotMatch")
    return new Problem(
      `${where} does not take these keys: ${code}`,
      `Another key, its secret, or the region (${region}) is wrong.`,
    );
  if (status === 401 || status === 403)
    return new Problem(`${where} refuses: ${code}`, "The keys need to list and to read the bucket.");
  return new Problem(`${where} answered ${code}${tag(text, "Message") ? `: ${tag(text, "Message")}` : ""}`);
}

function unreachable({ endpoint }: Store, { code, message }: NodeJS.ErrnoException): Problem {
  if (/CERT|SIGNED|ISSUER|ALTNAME|VERIFY/i.test(code ?? ""))
    return new Problem(
      `the certificate of ${endpoint} is not trusted (${code})`,
      "A private authority's certificate: backup.repository.s3.ca in stack.yaml, or --ca FILE with --repository.",
    );
  return new Problem(`${endpoint} cannot be reached: ${code ?? message}`);
}
