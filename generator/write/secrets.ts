/**
 * Secrets on disk: made once, never rewritten by a later generate. The folder keeps others out (0700); each file is
 * readable by the container that needs it, whatever its uid, since Compose hands files over with the host's mode.
 */
import { createHash, randomBytes, randomInt } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SecretRef, Text } from "../components/component.ts";
import type { PlannedSecret } from "../plan/plan.ts";
import { InputError } from "../spec/fault.ts";
import { display } from "../stack.ts";
import { readIfThere } from "./compare.ts";

export type SecretsResult = {
  folder: string;
  made: readonly string[];
};

/** Its owner writes the value into it. */
const SUPPLIED = 0o644;

/**
 * @param supply what stands for a secret that a person has not supplied: "" in local, undefined where it is a fault
 * @throws InputError before anything is made, for secrets that were not supplied; for values that no env file can hold
 */
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
  const absent: PlannedSecret[] = [];
  for (const secret of secrets) {
    if ("text" in secret || (await readIfThere(join(folder, secret.name))) !== undefined) continue;
    absent.push(secret);
  }
  const missing = absent.flatMap((secret) => ("supplied" in secret && supply === undefined ? [secret] : []));
  if (missing.length > 0) {
    throw new InputError(
      missing.map(({ name, supplied }) => ({
        file: display(join(folder, name)),
        message: `does not exist: ${supplied}, which a person supplies`,
        remedy: "Write its value into that file.",
      })),
    );
  }
  for (const secret of absent) {
    const text = "random" in secret ? randomText(secret.random, secret.alphabet) : (supply ?? "");
    const mode = "random" in secret ? 0o444 : SUPPLIED;
    if (await createOnce(folder, secret.name, text, mode)) made.push(secret.name);
  }
  for (const secret of secrets) {
    if (!("text" in secret)) continue;
    const text = await resolve(folder, secret.text);
    if ((await readIfThere(join(folder, secret.name))) === text) continue;
    await rename(await writeAside(folder, secret.name, text, 0o444), join(folder, secret.name));
    made.push(secret.name);
  }
  return { folder, made };
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

async function value(folder: string, { secret, oneLine }: SecretRef): Promise<string> {
  const path = join(folder, secret);
  // An editor ends a file with a newline that is no part of a password.
  const text = (await readFile(path, "utf8")).replace(/\r?\n$/, "");
  if (oneLine && /[\r\n\0]/.test(text)) {
    throw new InputError([
      {
        file: display(path),
        message: "holds more than one line, and an env file has no way to write that",
        remedy: "With `secrets_as: files` in api of stack.yaml it is handed over as it is.",
      },
    ]);
  }
  return text;
}

function encode(text: string, as: SecretRef["as"] = "plain"): string {
  if (as === "url") return encodeURIComponent(text);
  if (as === "sha256") return createHash("sha256").update(text).digest("hex");
  return text;
}

async function writeAside(folder: string, name: string, text: string, mode: number): Promise<string> {
  const aside = join(folder, `.${name}.${process.pid}.${randomBytes(4).toString("hex")}`);
  const handle = await open(aside, "wx", mode);
  try {
    await handle.writeFile(text);
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return aside;
}

/** True where this call made it; false where another did. A file is there whole or not at all. */
async function createOnce(folder: string, name: string, text: string, mode: number): Promise<boolean> {
  const aside = await writeAside(folder, name, text, mode);
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
