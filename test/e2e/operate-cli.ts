/** The command line as a person calls it, on a stack of a test. */
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa, type ResultPromise } from "execa";

export type CliOptions = {
  /** Stands before the environment, as options do: `--stack`, `--host`. */
  flags: readonly string[];
  environment?: Readonly<Record<string, string>>;
};

export type Said = { exitCode: number; stdout: string; stderr: string };

/** As it is shipped, and it starts ten times as fast: in a folder of this run's own. */
const folder = resolve("node_modules", `.plimsoll-cli-${process.pid}`);

export async function buildCli(): Promise<string> {
  await execa(process.execPath, ["build.mjs", folder]);
  return join(folder, "main.js");
}

export async function removeCli(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

export function cliOn(main: string, { flags, environment = {} }: CliOptions) {
  const env = { NODE_NO_WARNINGS: "1", ...environment };
  const begin = (
    command: string,
    words: readonly string[],
    input?: string,
    own: object = {},
  ): ResultPromise =>
    execa(process.execPath, [main, command, ...flags, "local", ...words], {
      reject: false,
      env: { ...env, ...own },
      ...(input === undefined ? { stdin: "ignore" as const } : { input }),
    });
  return {
    begin,
    async run(
      command: string,
      words: readonly string[] = [],
      input?: string,
      own: object = {},
    ): Promise<Said> {
      const { exitCode = -1, stdout, stderr } = await begin(command, words, input, own);
      return { exitCode, stdout: String(stdout), stderr: String(stderr) };
    },
    /** In a terminal: script(1) makes one. Both streams come as one. */
    async inTerminal(command: string, words: readonly string[], input = ""): Promise<Said> {
      const line = [process.execPath, main, command, ...flags, "local", ...words].map(quoted).join(" ");
      const { exitCode = -1, stdout } = await execa(
        "script",
        ["--quiet", "--return", "--command", line, "/dev/null"],
        {
          reject: false,
          env,
          input,
        },
      );
      return { exitCode, stdout: String(stdout), stderr: "" };
    },
  };
}

export type Cli = ReturnType<typeof cliOn>;

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
