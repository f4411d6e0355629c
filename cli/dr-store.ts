/** The bucket that a stack comes back from: of stack.yaml, or named on the command line; its keys never are. */
import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { Problem } from "../operator/problem.ts";
import type { Store, StoreKeys } from "../operator/recovery/s3.ts";
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

/** @throws Problem (2) */
export async function storeOf({ repository, region, ca }: StoreOptions): Promise<Store | undefined> {
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
    style: styleOf(endpoint, bucket),
    ...(own && { ca: own }),
  };
}

/** BUCKET.ENDPOINT is no name where the endpoint is an address or has a port, and no certificate's where the bucket has a dot. */
function styleOf(endpoint: string, bucket: string): Store["style"] {
  return bucket.includes(".") || /:\d+$|^[\d.]+$/.test(endpoint) ? "path" : "host";
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
