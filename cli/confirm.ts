/** Yes or no. Nobody there to be asked is a no. */
import { createInterface } from "node:readline/promises";

export async function confirmYes(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await Promise.race([
      asking.question(`${question} [y/N] `),
      new Promise<string>((resolve) =>
        asking.once("SIGINT", () => resolve("")).once("close", () => resolve("")),
      ),
    ]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
}
