/**
 * An S3 service for the tests, over TLS with a certificate authority of its own: moto's S3 in a container, which takes
 * nothing but requests signed with a key that is good at that moment. It has an address on this machine, so every
 * container with a way out reaches it, those inside of a test droplet too.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { s3Image } from "./s3-image.ts";
import { eventually } from "./wait.ts";

export type S3Options = {
  /** Part of its container's name: `repository`. */
  name: string;
  /** Networks of Docker that it shall have an address in too: see connect(). */
  network?: string;
  /** Buckets that are made; `backups` if absent. */
  buckets?: readonly string[];
  /** Bytes that all buckets may hold together: a PUT beyond it is refused. 2 GiB if absent. */
  limit?: number;
};

/** `good`; `wrong`: another secret than the stack's; `expired`; `unknown`: taken away. */
export type KeyState = "good" | "wrong" | "expired" | "unknown";

export type S3 = {
  /** ADDRESS:PORT on this machine, for `backup.repository.s3.endpoint`. Stays the same over cut() and restore(). */
  endpoint: string;
  region: string;
  /** The first of the buckets. */
  bucket: string;
  accessKey: string;
  secretKey: string;
  /** PEM file of the authority, on this machine. */
  ca: string;
  container: string;
  /** Gives it an address and its container's name in a network. @returns ADDRESS:9000 there, in the certificate */
  connect(network: string): Promise<string>;
  disconnect(network: string): Promise<void>;
  /** `silent`: connections hang. `refused`: they end at once. */
  cut(how: "silent" | "refused"): Promise<void>;
  /** Undoes cut(). */
  restore(): Promise<void>;
  /** What the stack's key is to it from now on. */
  key(state: KeyState): Promise<void>;
  /** From now on all buckets together may hold so many bytes; undefined: as at the start. */
  limit(bytes: number | undefined): Promise<void>;
  /** Keys of the objects that begin with it, in order. */
  list(prefix?: string, bucket?: string): Promise<{ key: string; size: number }[]>;
  read(key: string, bucket?: string): Promise<Buffer>;
  put(key: string, content: string | Buffer, bucket?: string): Promise<void>;
  remove(key: string, bucket?: string): Promise<void>;
  /** Lines of what was asked, oldest first: address, method, URI, bytes, code of the refusal. */
  requests(): Promise<string[]>;
  /** Takes it away whole. Safe to call twice. PLIMSOLL_E2E_KEEP keeps it. */
  stop(): Promise<void>;
};

/** moto knows others too, and then wants each request at that region's own address. */
const REGION = "us-east-1";
const LIMIT = 2 * 1024 ** 3;
const ADMIN = { access: "TESTADMIN", secret: randomBytes(20).toString("hex") };

async function docker(args: readonly string[], input?: string | Buffer): Promise<string> {
  return (await execa("docker", args, input === undefined ? {} : { input })).stdout.trim();
}

/** @throws with the container's output; nothing is left behind then */
export async function startS3(options: S3Options): Promise<S3> {
  const image = await s3Image();
  const run = process.env.PLIMSOLL_E2E_RUN;
  const container = ["s3", run, options.name, randomBytes(3).toString("hex")].filter(Boolean).join("-");
  const label = ["--label", `plimsoll.test.droplet=${run ?? "yes"}`];
  const folder = await mkdtemp(join(tmpdir(), `${container}-`));
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    if (process.env.PLIMSOLL_E2E_KEEP) return console.error(`kept: ${container} (${folder})`);
    await execa("docker", ["rm", "--force", "--volumes", container], { reject: false });
    await execa("docker", ["network", "rm", container], { reject: false });
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return await makeS3({ options, image, container, label, folder, stop });
  } catch (error) {
    const { all } = await execa("docker", ["logs", "--tail", "20", container], { reject: false, all: true });
    await stop();
    throw new Error(`the S3 server did not start: ${(error as Error).message}\n${all}`);
  }
}

type Made = {
  options: S3Options;
  image: string;
  container: string;
  label: readonly string[];
  folder: string;
  stop: () => Promise<void>;
};

async function makeS3({ options, image, container, label, folder, stop }: Made): Promise<S3> {
  const { gateway, own } = await ownNetwork(container, label);
  const port = 20_000 + (randomBytes(2).readUInt16BE() % 10_000);
  const endpoint = `${gateway}:${port}`;
  const [bucket = "backups", ...others] = options.buckets ?? ["backups"];
  const accessKey = `KEY${randomBytes(8).toString("hex").toUpperCase()}`;
  const secretKey = randomBytes(20).toString("hex");
  const ca = join(folder, "ca.pem");
  const names = new Set([`IP:${gateway}`, `IP:${own}`, "IP:127.0.0.1", "DNS:localhost", `DNS:${container}`]);
  await docker([
    ...["create", "--name", container, "--network", container, "--ip", own, ...label],
    ...["--publish", `${gateway}:${port}:9000`, "--memory", "768m"],
    ...[
      "--log-opt",
      "max-size=20m",
      "--tmpfs",
      "/state",
      "--tmpfs",
      "/tls",
      "--mount",
      "type=volume,dst=/tmp",
    ],
    // What is larger than this lies on the volume and not in memory.
    ...["--env", "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE=262144", "--env", "S3_IGNORE_SUBDOMAIN_BUCKETNAME=1"],
    ...["--init", image, "sh", "-c", "until [ -e /state/keys.json ]; do sleep 0.1; done; exec server.py"],
  ]);
  await docker(["start", container]);
  const certify = () => docker(["exec", container, "certify.sh", ...names]);
  let state: KeyState = "good";
  let limit = options.limit ?? LIMIT;
  const tell = async () => {
    const secret = { good: secretKey, wrong: "another", expired: "expired", unknown: undefined }[state];
    const keys = { [ADMIN.access]: ADMIN.secret, ...(secret && { [accessKey]: secret }) };
    const text = JSON.stringify({ keys, limit });
    await docker(
      ["exec", "-i", container, "sh", "-c", "cat > /state/new && mv /state/new /state/keys.json"],
      text,
    );
  };
  await certify();
  await writeFile(ca, `${await docker(["exec", container, "cat", "/tls/ca.pem"])}\n`);
  await tell();
  // Its modules take long to load on a machine that has much else to do.
  await eventually(async () => void (await curl("its start", ["https://localhost:9000/healthy"])), 240);

  /** From inside, so that it works while the way there is cut. */
  async function curl(what: string, args: readonly string[], input?: string | Buffer): Promise<Buffer> {
    const sign = ["--aws-sigv4", `aws:amz:${REGION}:s3`, "--user", `${ADMIN.access}:${ADMIN.secret}`];
    const all = ["curl", "--silent", "--show-error", "--fail-with-body", "--cacert", "/tls/ca.pem", ...sign];
    const result = await execa("docker", ["exec", "-i", container, ...all, ...args], {
      encoding: "buffer",
      reject: false,
      input: input ?? "",
    });
    const out = Buffer.from(result.stdout);
    if (result.exitCode !== 0)
      throw new Error(`${what}: ${Buffer.from(result.stderr).toString()} ${out.toString().slice(0, 500)}`);
    return out;
  }
  const url = (key: string, from = bucket) =>
    `https://localhost:9000/${from}/${key.split("/").map(encodeURIComponent).join("/")}`;
  const put = async (key: string, content: string | Buffer, into?: string) =>
    void (await curl(`put ${key}`, ["--upload-file", "-", url(key, into)], content));
  for (const name of [bucket, ...others])
    await curl(`make ${name}`, ["--request", "PUT", `https://localhost:9000/${name}`]);

  let undo: (() => Promise<unknown>) | undefined;
  const s3: S3 = {
    endpoint,
    region: REGION,
    bucket,
    accessKey,
    secretKey,
    ca,
    container,
    async connect(network) {
      await docker(["network", "connect", network, container]);
      const format = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
      const address = await docker(["container", "inspect", "--format", format, container]);
      names.add(`IP:${address}`);
      await certify();
      await docker(["kill", "--signal", "HUP", container]);
      return `${address}:9000`;
    },
    async disconnect(network) {
      await docker(["network", "disconnect", network, container]);
    },
    async cut(how) {
      await s3.restore();
      if (how === "silent") {
        await docker(["pause", container]);
        undo = () => docker(["unpause", container]);
      } else {
        await docker(["network", "disconnect", "--force", container, container]);
        undo = () => docker(["network", "connect", "--ip", own, container, container]);
      }
    },
    async restore() {
      await undo?.();
      undo = undefined;
    },
    async key(now) {
      state = now;
      await tell();
    },
    async limit(bytes) {
      limit = bytes ?? options.limit ?? LIMIT;
      await tell();
    },
    async list(prefix = "", from = bucket) {
      const found: { key: string; size: number }[] = [];
      for (let after = ""; ; after = found.at(-1)?.key ?? "") {
        const query = `list-type=2&prefix=${encodeURIComponent(prefix)}&start-after=${encodeURIComponent(after)}`;
        const text = (await curl("list", [`https://localhost:9000/${from}?${query}`])).toString();
        for (const [, entry = ""] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
          const word = (name: string) => entry.match(new RegExp(`<${name}>(.*?)</${name}>`, "s"))?.[1] ?? "";
          found.push({ key: word("Key"), size: Number(word("Size")) });
        }
        if (!text.includes("<IsTruncated>true")) return found;
      }
    },
    read: (key, from) => curl(`read ${key}`, [url(key, from)]),
    put,
    async remove(key, from) {
      await curl(`remove ${key}`, ["--request", "DELETE", url(key, from)]);
    },
    async requests() {
      const { all } = await execa("docker", ["logs", container], { all: true });
      return all.split("\n").filter((line) => /^\S+ (GET|PUT|POST|HEAD|DELETE) /.test(line));
    },
    stop,
  };
  if (options.network) await s3.connect(options.network);
  return s3;
}

/** A subnet of its own, so that its addresses stay over a cut. */
async function ownNetwork(
  name: string,
  labels: readonly string[],
): Promise<{ gateway: string; own: string }> {
  for (let attempt = 1; ; attempt++) {
    const [third = 0, low = 0] = randomBytes(2);
    const prefix = `10.214.${third}`;
    const first = low & 0xf0;
    const words = ["network", "create", "--subnet", `${prefix}.${first}/28`, ...labels, name];
    const made = await execa("docker", words, { reject: false });
    if (made.exitCode === 0) return { gateway: `${prefix}.${first + 1}`, own: `${prefix}.${first + 2}` };
    if (attempt === 10 || !/overlap/i.test(made.stderr)) throw new Error(made.stderr);
  }
}
