/** A command in the user's own terminal. */
import { spawn, spawnSync } from "node:child_process";
import { constants } from "node:os";

/** Set while a command has the terminal: Ctrl-C is the command's then, and not a reason for us to stop. */
let held = 0;

export function terminalIsHeld(): boolean {
  return held > 0;
}

/** What the terminal is set to, as stty reads it. */
function modes(): string | undefined {
  const { status, stdout } = spawnSync("stty", ["-g"], {
    stdio: ["inherit", "pipe", "ignore"],
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * stdin, stdout and stderr are ours; a Ctrl-C reaches the command because it is in our process group, other signals
 * because they are handed on.
 * @param options.stubborn it may sleep through SIGTERM (a client of an ssh connection does): then it is killed
 * @returns the exit code; 128 + n after a signal; 127 where there is no such command
 */
export async function inTerminal(
  command: string,
  args: readonly string[],
  options: { cwd?: string; environment?: Readonly<Record<string, string>>; stubborn?: boolean } = {},
): Promise<number> {
  const before = options.stubborn ? modes() : undefined;
  const child = spawn(command, args, {
    stdio: "inherit",
    env: { ...process.env, ...options.environment },
    ...(options.cwd && { cwd: options.cwd }),
  });
  const stay = () => undefined;
  let killed = false;
  let handed: NodeJS.Signals | undefined;
  const handOn = (signal: NodeJS.Signals) => {
    handed = signal;
    child.kill(signal);
    if (options.stubborn) setTimeout(() => (killed = child.kill("SIGKILL")), 300).unref();
  };
  process.on("SIGINT", stay).on("SIGQUIT", stay).on("SIGTERM", handOn).on("SIGHUP", handOn);
  held++;
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", (error: NodeJS.ErrnoException) =>
        error.code === "ENOENT" ? resolve(127) : reject(error),
      );
      child.once("exit", (code, signal) => {
        const ended = (options.stubborn && handed) || signal;
        resolve(ended ? 128 + constants.signals[ended] : (code ?? 1));
      });
    });
  } finally {
    held--;
    // It had no time to put the terminal back.
    if (killed && before) spawnSync("stty", [before], { stdio: "inherit" });
    process.off("SIGINT", stay).off("SIGQUIT", stay).off("SIGTERM", handOn).off("SIGHUP", handOn);
  }
}
