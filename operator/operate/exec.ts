/** A command in a container that runs, in the user's terminal. */
import { Problem } from "../problem.ts";
import { containerOf, dockerArgs, type Running } from "./running.ts";

export type Terminal = { /** Whether our stdin is one. */ stdin: boolean; stdout: boolean };

export const ourTerminal = (): Terminal => ({
  stdin: process.stdin.isTTY === true,
  stdout: process.stdout.isTTY === true,
});

/** With a terminal where both ends are one: a pipe must get the bytes as they are. */
export function terminalFlags({ stdin, stdout }: Terminal): string[] {
  return stdin && stdout ? ["-it"] : ["-i"];
}

export type ExecOptions = {
  terminal: Terminal;
  user?: string;
  /** Plain: it is seen in process lists. */
  environment?: Readonly<Record<string, string>>;
};

/** @returns the command's exit code */
export async function execInteractive(
  running: Running,
  service: string,
  command: readonly string[],
  { terminal, user, environment = {} }: ExecOptions,
): Promise<number> {
  const { id } = containerOf(running, service);
  const args = [
    "exec",
    ...terminalFlags(terminal),
    ...(user ? ["--user", user] : []),
    ...Object.entries(environment).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    id,
    ...command,
  ];
  return running.site.host.interactive("docker", dockerArgs(running.project.engine, args), {
    tty: terminal.stdin && terminal.stdout,
  });
}

/** @throws Problem (2) where there is no command, or one that no kernel takes */
export function requireCommand(command: readonly string[], example: string): void {
  if (command.length === 0) throw new Problem("no command was given", `For example: ${example}`, 2);
  if (command.some((word) => word.includes("\0")))
    throw new Problem("a command cannot hold NUL", undefined, 2);
}
