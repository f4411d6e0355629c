/** A droplet over one SSH connection as a Host. */

import { pipeline } from "node:stream";
import { createGzip } from "node:zlib";
import { Problem } from "../problem.ts";
import { parseDestination } from "./destination.ts";
import { getThrough, type SshOptions } from "./first-contact.ts";
import type { Host, InteractiveOptions, Outcome, RunOptions, SendOptions, SentFile } from "./host.ts";
import { checkPaths, isFolder } from "./paths.ts";
import { quoteAll } from "./quote.ts";
import type { Result, ScriptOptions } from "./ssh-channels.ts";
import type { Connection } from "./ssh-connection.ts";
import { openForwards } from "./ssh-engine.ts";
import { clientArgs, type SshConfig } from "./ssh-options.ts";
import { beginning, commandLine, settings } from "./ssh-shell.ts";
import { tarStream } from "./tar.ts";
import { inTerminal } from "./terminal.ts";
import { UNPACK } from "./unpack.ts";

export type { SshOptions } from "./first-contact.ts";

/** @throws Problem that says why there is no connection; nothing was changed then */
export async function sshHost(where: string, options: SshOptions = {}): Promise<Host> {
  const destination = parseDestination(where);
  const config: SshConfig = {
    file: options.configFile ?? (process.env.PLIMSOLL_SSH_CONFIG || undefined),
    connectTimeout: options.connectTimeout ?? 10,
  };
  return hostOver(await getThrough(destination, config, options));
}

function hostOver(connection: Connection): Host {
  const { destination, facts, channels } = connection;
  const forwards = openForwards(connection, script);

  function within(text: string, options: RunOptions): Promise<Result> {
    return channels.run((mark) => [beginning(mark), ...settings(options), text].join("\n"), options);
  }

  async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return outcome(await within(commandLine(command, args), options));
  }

  async function script(
    text: string,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<Outcome> {
    return outcome(await within(`set -- ${quoteAll(args)}\n${text}`, options));
  }

  /** Bytes as they are; undefined where the script failed. */
  async function bytes(text: string, args: readonly string[]): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    const sinks: ScriptOptions["sinks"] = { stdout: (part) => parts.push(part), stderr: () => undefined };
    const whole = (mark: string) => [beginning(mark), `set -- ${quoteAll(args)}`, text].join("\n");
    const { exitCode } = await channels.run(whole, { sinks });
    return exitCode === 0 ? Buffer.concat(parts) : undefined;
  }

  async function send(
    folder: string,
    files: readonly SentFile[],
    { after, args = [], ...options }: SendOptions = {},
  ): Promise<Outcome> {
    checkPaths(files);
    const modes = files.filter((file) => isFolder(file) && file.mode !== undefined);
    const words = [folder, ...modes.flatMap(({ mode = 0, path }) => [mode.toString(8), path])];
    const whole = (mark: string) =>
      [
        UNPACK,
        `(place ${quoteAll(words)}); placed=$?; [ "$placed" = 0 ] || exit "$placed"; unset placed; unset -f place`,
        // Only what comes from here on is the outcome.
        beginning(mark),
        ...(after === undefined ? [] : [...settings({ cwd: folder }), `set -- ${quoteAll(args)}`, after]),
      ].join("\n");
    const input = pipeline(tarStream(files), createGzip({ level: 6 }), () => undefined);
    const result = await channels.run(whole, { ...options, input });
    if (!result.begun) {
      options.signal?.throwIfAborted();
      throw new Problem(
        `the files cannot be written to ${folder} on ${destination.text}: ${result.stderr.trim().split("\n").slice(-3).join("\n")}`,
        "Nothing there was replaced by half of it.",
      );
    }
    return outcome(result);
  }

  async function interactive(
    command: string,
    args: readonly string[],
    { tty = Boolean(process.stdin.isTTY && process.stdout.isTTY), ...options }: InteractiveOptions = {},
  ): Promise<number> {
    if (!tty) return piped([...settings(options), commandLine(command, args)].join("\n"));
    // stdin is the person's: the script comes as a word that no login shell can misread.
    const text = [
      'export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"',
      ...settings(options),
      commandLine(command, args),
    ].join("\n");
    const word = Buffer.from(text).toString("base64");
    const remote = `exec bash --noprofile --norc -c 'eval "$(echo ${word} | base64 -d)"'`;
    const lost = connection.lost();
    if (lost) throw lost;
    const code = await inTerminal(
      "ssh",
      [process.stdin.isTTY ? "-t" : "-tt", ...clientArgs(destination, connection.control), remote],
      { stubborn: true },
    );
    if (code === 255 && !(await connection.stands())) throw connection.lost();
    return code;
  }

  /** Without a terminal: streams, and a signal that ends the command on the host too. */
  async function piped(text: string): Promise<number> {
    const ending = new AbortController();
    let code = 0;
    const end = (signal: NodeJS.Signals) => {
      code = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal as string] ?? 1;
      ending.abort();
    };
    process.on("SIGINT", end).on("SIGTERM", end).on("SIGHUP", end);
    try {
      const result = await channels.run((mark) => `${beginning(mark)}\n${text}`, {
        input: process.stdin.isTTY ? undefined : process.stdin,
        signal: ending.signal,
        sinks: { stdout: (part) => process.stdout.write(part), stderr: (part) => process.stderr.write(part) },
      });
      return code || result.exitCode;
    } finally {
      process.off("SIGINT", end).off("SIGTERM", end).off("SIGHUP", end);
      process.stdin.pause();
    }
  }

  return {
    kind: "ssh",
    name: destination.text,
    platform: facts.platform,
    uid: facts.uid,
    environment: facts.environment,
    run,
    script,
    interactive,
    send,
    tunnel: forwards.tunnel,
    async start(command, args, log) {
      const { stdout } = await script(
        'mkdir -p -- "$(dirname -- "$1")" || exit 1; log=$1; shift; setsid -- "$@" < /dev/null >> "$log" 2>&1 & echo $!',
        [log, command, ...args],
      );
      const pid = Number(stdout.trim());
      return {
        pid,
        alive: async () => (await script('kill -0 "$1" 2> /dev/null', [String(pid)])).exitCode === 0,
      };
    },
    docker: forwards.docker,
    read: async (path) => (await bytes('exec cat -- "$1"', [path]))?.toString(),
    async write(path, text) {
      const { exitCode, stderr } = await script(
        'set -e; mkdir -p -- "$(dirname -- "$1")"; part=$(mktemp -- "$1.part-XXXXXX"); trap \'rm -f -- "$part"\' EXIT; cat > "$part"; size=$(stat -c %s -- "$part"); [ "$size" = "$2" ]; chmod --reference="$1" -- "$part" 2> /dev/null || chmod 644 -- "$part"; mv -fT -- "$part" "$1"',
        [path, String(Buffer.byteLength(text))],
        { input: text },
      );
      if (exitCode !== 0)
        throw new Problem(`${path} on ${destination.text} cannot be written: ${stderr.trim()}`);
    },
    exists: async (path) => (await script('[ -e "$1" ]', [path])).exitCode === 0,
    async free(path) {
      const { exitCode, stdout } = await script('df --block-size=1 --output=avail -- "$1" | tail -n 1', [
        path,
      ]);
      const value = Number.parseInt(stdout, 10);
      return exitCode === 0 && Number.isFinite(value) ? value : undefined;
    },
    traffic: connection.traffic,
    async close() {
      await forwards.close();
      await connection.close();
    },
  };
}

function outcome({ exitCode, stdout, stderr }: Result): Outcome {
  return { exitCode, stdout, stderr };
}
