/** A command in the user's own terminal. */
import { spawn } from "node:child_process";
import { constants } from "node:os";

/** Set while a command has the terminal: Ctrl-C is the command's then, and not a reason for us to stop. */
let held = 0;

export function terminalIsHeld(): boolean {
  return held > 0;
}

/**
 * stdin, stdout and stderr are ours; a Ctrl-C reaches the command because it is in our process group, other signals
 * because they are handed on.
 * @returns the exit code; 128 + n after a signal; 127 where there is no such command
 */
export async function inTerminal(
  command: string,
  args: readonly string[],
  options: { cwd?: string; environment?: Readonly<Record<string, string>> } = {},
): Promise<number> {
  const child = spawn(command, args, {
    stdio: "inherit",
    env: { ...process.env, ...options.environment },
    ...(options.cwd && { cwd: options.cwd }),
  });
  const stay = () => undefined;
  const handOn = (signal: NodeJS.Signals) => child.kill(signal);
  process.on("SIGINT", stay).on("SIGQUIT", stay).on("SIGTERM", handOn).on("SIGHUP", handOn);
  held++;
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", (error: NodeJS.ErrnoException) =>
        error.code === "ENOENT" ? resolve(127) : reject(error),
      );
      child.once("exit", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  } finally {
    held--;
    process.off("SIGINT", stay).off("SIGQUIT", stay).off("SIGTERM", handOn).off("SIGHUP", handOn);
  }
}
