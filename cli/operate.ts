/** What commands that touch an engine share: faults in words, Ctrl-C, and a name typed before anything is destroyed. */
import { createInterface } from "node:readline/promises";
import { terminalIsHeld } from "../operator/host/terminal.ts";
import { formatProblem, Problem } from "../operator/problem.ts";
import { ExitError } from "./exit.ts";
import { asTyped } from "./hint.ts";

export type OperateOptions = {
  /** Ctrl-C is the usual end of it (a log that is followed, a tunnel): nothing is said. */
  endless?: boolean;
};

/**
 * Runs it with a signal that Ctrl-C aborts. The first ends what is under way in good order, the second ends us at once.
 * `interrupted` says what state things are in then.
 */
export async function operate(
  action: (signal: AbortSignal) => Promise<void>,
  interrupted: () => Promise<string>,
  { endless = false }: OperateOptions = {},
): Promise<void> {
  const ending = new AbortController();
  const onSignal = () => {
    // A shell or a psql in our terminal: what is interrupted is in there.
    if (terminalIsHeld()) return;
    if (ending.signal.aborted) process.exit(130);
    if (!endless) console.error("\nStopping; press Ctrl-C again to end at once.");
    ending.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    await action(ending.signal);
  } catch (error) {
    if (ending.signal.aborted) {
      console.error(asTyped(await interrupted().catch(() => "Interrupted.")));
      process.exit(130);
    }
    if (!(error instanceof Problem)) throw error;
    console.error(asTyped(`plimsoll: ${formatProblem(error)}`));
    throw new ExitError(error.exitCode === 2 ? 2 : 1);
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

/** @throws Problem (2) where the name is not given, by --confirm or by hand */
export async function confirmName(
  what: string,
  name: string,
  given?: string,
  whose = "stack",
): Promise<void> {
  if (given === name) return;
  if (given !== undefined) {
    throw new Problem(
      `--confirm ${given} is not the ${whose}'s name`,
      `${what}\nExpected: --confirm ${name}`,
      2,
    );
  }
  if (!process.stdin.isTTY) {
    throw new Problem(`${what} Nobody is here to ask.`, `Say it in advance: --confirm ${name}`, 2);
  }
  const answer = await ask(`${what}\nType the ${whose}'s name (${name}) to go on: `);
  if (answer !== name) throw new Problem("that is not its name: nothing was removed", undefined, 2);
}

/** Yes where nobody is there to be asked: what is done is said in any case. */
export async function agree(what: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return true;
  return /^(y(es)?)?$/i.test(await ask(`${what} Install it? [Y/n] `));
}

/** No is the answer of everything but a y. @throws Problem where Ctrl-C or the end of the input is the answer */
export async function askYes(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await ask(`${question} [y/N] `));
}

/** @throws Problem where Ctrl-C or the end of the input is the answer */
async function ask(question: string): Promise<string> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await Promise.race([
      asking.question(question),
      new Promise<undefined>((resolve) => asking.once("SIGINT", resolve).once("close", resolve)),
    ]);
    if (answer === undefined) {
      // Off the question's own line.
      console.error("");
      throw new Problem("no answer: nothing was changed");
    }
    return answer.trim();
  } finally {
    asking.close();
  }
}
