/** The recovery key in a file of this machine. */
import { readFile } from "node:fs/promises";
import { Problem } from "../operator/problem.ts";
import { type RecoveryKey, readKey } from "../operator/recovery/key.ts";

/** @throws Problem (2) */
export async function identityOf(file: string): Promise<RecoveryKey> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new Problem(
      `--identity ${file} cannot be read (${error.code})`,
      "The recovery key: the file that `plimsoll dr key` wrote, which is kept away from the host.",
      2,
    );
  });
  return readKey(text, file);
}
