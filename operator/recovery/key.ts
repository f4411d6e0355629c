/** The one thing that must be kept elsewhere: an age identity, and the recipient that bundles are encrypted to. */
import { writeFile } from "node:fs/promises";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { Problem } from "../problem.ts";

export type RecoveryKey = { identity: string; recipient: string };

const IDENTITY = /^AGE-SECRET-KEY-1[0-9A-Z]{58}$/;

export async function makeKey(): Promise<RecoveryKey> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** As `age-keygen` writes it, so that `age -d -i FILE` reads it too. */
export function keyFile({ identity, recipient }: RecoveryKey, created: Date): string {
  return `# created: ${created.toISOString().replace(/\.\d+Z$/, "Z")}\n# public key: ${recipient}\n${identity}\n`;
}

/** Mode 0600. @throws Problem (2) where there is a file already: it may open bundles that nothing else opens */
export async function writeKey(path: string, key: RecoveryKey, created = new Date()): Promise<void> {
  try {
    await writeFile(path, keyFile(key, created), { mode: 0o600, flag: "wx" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST")
      throw new Problem(
        `${path} exists, and is not overwritten: bundles may open with it alone`,
        "Take another name: --out FILE",
        2,
      );
    throw new Problem(`${path} cannot be written (${code})`, undefined, 2);
  }
}

/** The identity in the text of a key file. @throws Problem (2) */
export async function readKey(text: string, where: string): Promise<RecoveryKey> {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const said = lines.filter((line) => line !== "" && !line.startsWith("#"));
  const found = said.filter((line) => IDENTITY.test(line));
  const wanted = "Expected a file as `plimsoll dr key` writes it, with one line AGE-SECRET-KEY-1…";
  if (said.some((line) => line.startsWith("age1")) && found.length === 0)
    throw new Problem(`${where} holds a recipient, which encrypts: it opens nothing`, wanted, 2);
  if (found.length !== 1)
    throw new Problem(`${where} holds ${found.length === 0 ? "no key" : "more than one key"}`, wanted, 2);
  const identity = found[0] as string;
  try {
    return { identity, recipient: await identityToRecipient(identity) };
  } catch {
    throw new Problem(`the key in ${where} is not whole: its checksum is wrong`, wanted, 2);
  }
}
