/** What comes over stdin, and what a person types without seeing it. */
import { Problem } from "../operator/problem.ts";

const MOST = 1024 * 1024;

/** @throws Problem (2) where it is a terminal, or far too much */
export async function readStdin(): Promise<string> {
  if (process.stdin.isTTY) throw new Problem("nothing comes over stdin", "Pipe it in: ... --stdin <file", 2);
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of process.stdin) {
    parts.push(Buffer.from(part));
    size += part.length;
    if (size > MOST) throw new Problem("more than 1 MB comes over stdin", undefined, 2);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** Asked without echo. @throws Problem where nobody is there, or Ctrl-C is the answer */
export async function askSecret(question: string): Promise<string> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new Problem("nobody is here to be asked for the value", "Pipe it in: ... --stdin <file", 2);
  }
  const { password, isCancel } = await import("@clack/prompts");
  const answer = await password({ message: question, output: process.stderr });
  if (isCancel(answer)) throw new Problem("no answer: nothing was changed", undefined, 2);
  return answer ?? "";
}
