/** The bucket that a stack comes back from: of stack.yaml, or named on the command line; its keys never are. */
import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import type { Backup } from "../generator/components/backup/options.ts";
import { bucketOf, placesOf, uriStyle } from "../generator/components/backup/repository.ts";
import { components } from "../generator/components/index.ts";
import type { Dr, EnvironmentKind } from "../generator/spec/core.ts";
import { loadSpec, type Spec } from "../generator/spec/load.ts";
import { readStackFolder } from "../generator/stack.ts";
import { Problem } from "../operator/problem.ts";
import type { Store, StoreKeys } from "../operator/recovery/s3.ts";
import { stackFolder } from "./stacks.ts";
import { askSecret } from "./stdin.ts";

export type StoreOptions = { repository?: string; region?: string; ca?: string };

export function addStoreOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--repository <url>",
        "https://ENDPOINT/BUCKET/PATH; where there is no stack.yaml at hand, or instead of its own",
      ),
    )
    .option("--region <name>", "the bucket's region, with --repository; the endpoint's first word if absent")
    .option(
      "--ca <file>",
      "certificate (PEM) of the authority, with --repository, where it is a private one",
    );
}

export type Repository = {
  store: Store;
  /** Known from stack.yaml alone. */
  stack?: string;
  host?: string;
  dr?: Dr;
  core?: Spec["core"];
};

/** What was named, else what stack.yaml says. @throws Problem (2) */
export async function repositoryOf(
  environment: EnvironmentKind,
  options: StoreOptions & { stack?: string },
): Promise<Repository> {
  const named = await storeOf(options);
  if (named) return { store: named };
  const source = await readStackFolder(await stackFolder(options.stack));
  const { core, options: parts, beside } = loadSpec(source.yaml, environment, components);
  const backup = parts.get("backup") as Backup | undefined;
  const bucket = backup && bucketOf(placesOf(backup, core.name, environment));
  if (!bucket)
    throw new Problem(
      `${core.name} keeps no backups of ${environment} in a bucket: nothing brings it back without its host`,
      "backup.repository in stack.yaml names one. Where the lost host had another: --repository https://ENDPOINT/BUCKET/PATH",
      2,
    );
  const ca = bucket.ca === undefined ? undefined : beside[bucket.ca];
  return {
    store: { ...bucket, style: uriStyle(bucket), ca },
    stack: core.name,
    host: core.host,
    dr: core.dr,
    core,
  };
}

/** @throws Problem (2) */
async function storeOf({ repository, region, ca }: StoreOptions): Promise<Store | undefined> {
  if (repository === undefined) return undefined;
  const match =
    /^https:\/\/([a-z0-9.-]+(?::\d{1,5})?)\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:\/[\w.-]+)+)\/?$/i.exec(
      repository,
    );
  if (!match)
    throw new Problem(
      `${JSON.stringify(repository)} is no repository`,
      "Expected https://ENDPOINT/BUCKET/PATH, such as https://fra1.digitaloceanspaces.com/shop-backups/shop-production",
      2,
    );
  const [, endpoint = "", bucket = "", path = ""] = match;
  const own = ca === undefined ? undefined : await readCa(ca);
  return {
    endpoint,
    bucket,
    path,
    region: region ?? (endpoint.split(".")[0] as string),
    style: uriStyle({ endpoint, bucket }),
    ...(own && { ca: own }),
  };
}

async function readCa(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new Problem(`--ca ${file} cannot be read (${error.code})`, undefined, 2);
  });
  if (!text.includes("-----BEGIN CERTIFICATE-----"))
    throw new Problem(`--ca ${file} holds no certificate`, "Expected PEM: -----BEGIN CERTIFICATE-----", 2);
  return text;
}

const VARIABLES = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] as const;

/** From the environment, or typed unseen. @throws Problem where nobody is there to be asked */
export async function keysOf(store: Store): Promise<StoreKeys> {
  const [key, secret] = VARIABLES.map((name) => process.env[name]);
  if (key && secret) return { key, secret };
  if (!process.stdin.isTTY)
    throw new Problem(
      `the keys of ${store.bucket} at ${store.endpoint} are needed`,
      `Set both in the environment: ${VARIABLES.join(", ")}`,
      2,
    );
  return {
    key: key ?? (await askSecret(`Access key of ${store.bucket} at ${store.endpoint}`)),
    secret: secret ?? (await askSecret("Its secret key")),
  };
}
