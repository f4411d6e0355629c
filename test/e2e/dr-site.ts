/** Two droplets and a bucket: a small real stack on the first, its key on the laptop, and nothing on the second. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa, type ResultPromise } from "execa";
import { expect } from "vitest";
import { parse, parseDocument } from "yaml";
import { generate } from "../../generator/index.ts";
import { type Droplet, startDroplet } from "./droplet.ts";
import { buildCli, removeCli, type Said } from "./operate-cli.ts";
import { type S3, startS3 } from "./s3.ts";

export const DOMAIN = "rolling.example.com";
export const PROJECT = "rolling-production";
export const ROOT = `/srv/plimsoll/${PROJECT}`;

export type Call = { cwd?: string; environment?: Readonly<Record<string, string>>; input?: string };

export type DrSite = Awaited<ReturnType<typeof openDrSite>>;

/** @param words of stack.yaml for production, by dotted path */
export async function openDrSite(words: Readonly<Record<string, unknown>> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "dr-"));
  const empty = await mkdtemp(join(tmpdir(), "dr-empty-"));
  const stack = join(folder, "stacks/rolling");
  await cp(resolve("test/deploy/stack"), stack, { recursive: true });
  const main = await buildCli();
  const droplets: Droplet[] = [];
  let s3: S3 | undefined;
  const config = join(folder, "ssh_config");
  const key = join(folder, "recovery.key");

  async function close(): Promise<void> {
    for (const droplet of droplets) await droplet.stop();
    await s3?.stop();
    await removeCli();
    if (process.env.PLIMSOLL_E2E_KEEP) return console.error(`kept: ${folder}`);
    await rm(folder, { recursive: true, force: true });
    await rm(empty, { recursive: true, force: true });
  }

  /** A further droplet that ssh knows by its address. */
  async function droplet(name: string): Promise<Droplet> {
    const one = await startDroplet({ name });
    droplets.push(one);
    await writeFile(
      config,
      (await Promise.all(droplets.map(({ sshConfig }) => readFile(sshConfig, "utf8")))).join("\n"),
    );
    return one;
  }

  try {
    const starting = startS3({ name: "dr" }).then((started) => {
      s3 = started;
      return started;
    });
    const [bucket, first] = await Promise.all([starting, droplet("dr-first")]);

    function begin(
      words: readonly string[],
      { input, cwd = folder, environment = {} }: Call = {},
    ): ResultPromise {
      return execa(process.execPath, [main, ...words], {
        reject: false,
        cwd,
        env: {
          NODE_NO_WARNINGS: "1",
          PLIMSOLL_SSH_CONFIG: config,
          AWS_ACCESS_KEY_ID: bucket.accessKey,
          AWS_SECRET_ACCESS_KEY: bucket.secretKey,
          ...environment,
        },
        ...(input === undefined ? { stdin: "ignore" as const } : { input }),
      });
    }
    async function run(words: readonly string[], call?: Call): Promise<Said> {
      const { exitCode = -1, stdout, stderr } = await begin(words, call);
      return { exitCode, stdout: String(stdout), stderr: String(stderr) };
    }
    /** @throws where it does not end with 0 */
    async function must(words: readonly string[], call?: Call): Promise<Said> {
      const said = await run(words, call);
      expect(said.exitCode, `plimsoll ${words.join(" ")}\n${said.stdout}\n${said.stderr}`).toBe(0);
      return said;
    }
    async function setProduction(given: Readonly<Record<string, unknown>>): Promise<void> {
      const file = join(stack, "stack.yaml");
      const document = parseDocument(await readFile(file, "utf8"));
      for (const [path, value] of Object.entries(given)) {
        const at = path.split(".");
        if (value === undefined) document.deleteIn(["environments", "production", ...at]);
        else document.setIn(["environments", "production", ...at], document.createNode(value));
      }
      await writeFile(file, document.toString());
    }

    const { recipient } = JSON.parse(
      (await must(["dr", "key", "--out", key, "--json"])).stdout.replace(/^[^{]*/, ""),
    ) as { recipient: string };
    await cp(bucket.ca, join(stack, "s3-ca.pem"));
    await setProduction({
      host: `deploy@${first.address}`,
      machine: MACHINE,
      images: "debian",
      certificates: false,
      postgres: { memory: "256MB" },
      redis: {},
      backup: {
        schedule: "0 0 1 1 *",
        verify: "0 0 1 1 *",
        repository: {
          s3: { endpoint: bucket.endpoint, region: bucket.region, bucket: bucket.bucket, ca: "s3-ca.pem" },
        },
        recipient,
      },
      ...words,
    });
    await writeFile(join(stack, "app/release"), "v1\n");
    /** What a host has at hand: our own images. The application's is in the bucket and nowhere else. */
    const atHand = ["debian:forky-slim", ...(await ownImages(stack))];
    await first.images(atHand);

    return {
      folder,
      /** A folder without a stack: who comes there has the key and nothing else. */
      empty,
      stack,
      key,
      s3: bucket,
      first,
      droplet,
      atHand,
      begin,
      run,
      must,
      setProduction,
      close,
      /** The bucket's keys, as secrets of production. */
      async supplyKeys(): Promise<void> {
        const keys = { backup_s3_key: bucket.accessKey, backup_s3_secret: bucket.secretKey };
        for (const [name, input] of Object.entries(keys))
          await must(["secrets", "production", "set", name, "--stdin", "--yes"], { input });
      },
      /** What a person types who has no checkout. */
      repository: [
        ...["--repository", `https://${bucket.endpoint}/${bucket.bucket}/${PROJECT}`],
        ...["--region", bucket.region, "--ca", bucket.ca],
      ],
      sql: (on: Droplet, statement: string, node = "postgres-1") =>
        inService(
          on,
          node,
          "psql -h 127.0.0.1 -U postgres -d rolling_db -XqAt -v ON_ERROR_STOP=1",
          statement,
        ),
      inService: (on: Droplet, service: string, command: string) => inService(on, service, command),
      /** As the application does, on the sessions that are kept. */
      redis: (on: Droplet, ...words: readonly string[]) =>
        inService(
          on,
          "redis-sessions",
          `env REDISCLI_AUTH="$(cat ${ROOT}/secrets/production/redis_sessions_app_password)" redis-cli --no-auth-warning --user app ${words.join(" ")}`,
        ),
      /** What the door answers: status and release. */
      async answers(on: Droplet): Promise<string> {
        const { stdout } = await execa(
          "curl",
          [
            ...["-sk", "-m", "10", "-o", "/dev/null", "-w", "%{http_code} %header{x-release}"],
            ...["--resolve", `${DOMAIN}:443:${on.address}`, `https://${DOMAIN}/work`],
          ],
          { reject: false },
        );
        return stdout;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Built on this machine where they are missing: their tags are hashes of what they are made of. */
async function ownImages(stack: string): Promise<string[]> {
  const { folder } = await generate({ stackFolder: stack, environment: "production" });
  const compose = parse(await readFile(join(folder, "compose.yaml"), "utf8")) as {
    services: Record<string, { image: string; build?: { context: string } }>;
  };
  const own = new Map(
    Object.values(compose.services).flatMap(({ image, build }) =>
      build && image.startsWith("plimsoll/") ? [[image, join(folder, build.context)] as const] : [],
    ),
  );
  for (const [image, context] of own) {
    const there = await execa("docker", ["image", "inspect", image], { reject: false });
    if (there.exitCode !== 0) await execa("docker", ["build", "--tag", image, context]);
  }
  return [...own.keys()];
}

const MACHINE = { cpus: 2, memory: "4GB", disk: "40GB" };

async function inService(on: Droplet, service: string, command: string, input = ""): Promise<string> {
  const id = `docker ps -q --filter label=com.docker.compose.project=${PROJECT} --filter label=com.docker.compose.service=${service} | head -n 1`;
  return (await on.exec(`docker exec -i $(${id}) ${command}`, { input })).trim();
}
