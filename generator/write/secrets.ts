/**
 * Secrets on disk: made once, never rewritten by a later generate. The folder keeps others out (0700); each file is
 * readable by the container that needs it, whatever its uid, since Compose hands files over with the host's mode.
 */
import { createHash, randomBytes, randomInt } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SecretRef, Text } from "../components/component.ts";
import type { PlannedSecret } from "../plan/plan.ts";
import { readIfThere } from "./compare.ts";

export type SecretsResult = {
  folder: string;
  made: readonly string[];
  /** Secrets that a person has to supply: the file's name and what it is. */
  missing: readonly { name: string; what: string }[];
};

/** @param supply what stands for a secret that a person has not supplied: "" in local, undefined where it is a fault */
export async function makeSecrets(
  folder: string,
  secrets: readonly PlannedSecret[],
  supply: string | undefined,
): Promise<SecretsResult> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  // Wherever the stack's folder is, git must not take this one in.
  await writeFile(join(folder, ".gitignore"), "*\n");
  const made: string[] = [];
  const missing: { name: string; what: string }[] = [];
  for (const secret of secrets) {
    if ("text" in secret) continue;
    if ((await readIfThere(join(folder, secret.name))) !== undefined) continue;
    if ("random" in secret) {
      if (await createOnce(folder, secret.name, randomText(secret.random, secret.alphabet)))
        made.push(secret.name);
    } else if (supply === undefined) missing.push({ name: secret.name, what: secret.supplied });
    else if (await createOnce(folder, secret.name, supply)) made.push(secret.name);
  }
  if (missing.length > 0) return { folder, made, missing };
  for (const secret of secrets) {
    if (!("text" in secret)) continue;
    const text = await resolve(folder, secret.text);
    if ((await readIfThere(join(folder, secret.name))) === text) continue;
    await replace(folder, secret.name, text);
    made.push(secret.name);
  }
  return { folder, made, missing };
}

const ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function randomText(length: number, alphabet: "alphanumeric" | "hex" = "alphanumeric"): string {
  if (alphabet === "hex")
    return randomBytes(Math.ceil(length / 2))
      .toString("hex")
      .slice(0, length);
  return Array.from({ length }, () => ALPHANUMERIC[randomInt(ALPHANUMERIC.length)]).join("");
}

async function resolve(folder: string, text: Text): Promise<string> {
  if (typeof text === "string") return text;
  const parts = await Promise.all(
    text.map(async (part) => (typeof part === "string" ? part : encode(await value(folder, part), part.as))),
  );
  return parts.join("");
}

async function value(folder: string, { secret }: SecretRef): Promise<string> {
  // An editor ends a file with a newline that is no part of a password.
  return (await readFile(join(folder, secret), "utf8")).replace(/\r?\n$/, "");
}

function encode(text: string, as: SecretRef["as"] = "plain"): string {
  if (as === "url") return encodeURIComponent(text);
  if (as === "sha256") return createHash("sha256").update(text).digest("hex");
  return text;
}

async function writeAside(folder: string, name: string, text: string): Promise<string> {
  const aside = join(folder, `.${name}.${process.pid}.${randomBytes(4).toString("hex")}`);
  const handle = await open(aside, "wx", 0o444);
  try {
    await handle.writeFile(text);
    await handle.chmod(0o444);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return aside;
}

/** True where this call made it; false where another did. A file is there whole or not at all. */
async function createOnce(folder: string, name: string, text: string): Promise<boolean> {
  const aside = await writeAside(folder, name, text);
  try {
    await link(aside, join(folder, name));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function replace(folder: string, name: string, text: string): Promise<void> {
  await rename(await writeAside(folder, name, text), join(folder, name));
}
