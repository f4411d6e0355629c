/** A droplet over one SSH connection as a Host. */

import { pipeline } from "node:stream";
import { createGzip } from "node:zlib";
import { Problem } from "../problem.ts";
import { type Destination, destinationWords, parseDestination } from "./destination.ts";
import type { Host, InteractiveOptions, Outcome, RunOptions, SendOptions, SentFile } from "./host.ts";
import { fetchHostKey, type HostKey, keepHostKey, knownHostsFile } from "./known-hosts.ts";
import { checkPaths, isFolder } from "./paths.ts";
import { quoteAll } from "./quote.ts";
import type { Result, ScriptOptions } from "./ssh-channels.ts";
import { type Connection, connect, UnknownKey } from "./ssh-connection.ts";
import { openForwards } from "./ssh-engine.ts";
import { clientArgs, type SshConfig } from "./ssh-options.ts";
import { beginning, commandLine, settings } from "./ssh-shell.ts";
import { tarStream } from "./tar.ts";
import { inTerminal } from "./terminal.ts";
import { UNPACK } from "./unpack.ts";

export type SshOptions = {
  /** Accepts exactly this key of a host that is not known yet, and no other key of one that is. */
  fingerprint?: string;
  /** Asked at the first contact; nobody is there to be asked if absent. */
  trust?(key: HostKey): Promise<boolean>;
  /** Where something waits for a person (a touch of a security key). */
  say?(line: string): void;
  /** Instead of the user's ssh_config; PLIMSOLL_SSH_CONFIG if absent. */
  configFile?: string;
  /** Seconds; 10 if absent. */
  connectTimeout?: number;
};

/** @throws Problem that says why there is no connection; nothing was changed then */
export async function sshHost(where: string, options: SshOptions = {}): Promise<Host> {
  const destination = parseDestination(where);
  const config: SshConfig = {
    file: options.configFile ?? (process.env.PLIMSOLL_SSH_CONFIG || undefined),
    connectTimeout: options.connectTimeout ?? 10,
  };
  return hostOver(await getThrough(destination, config, options));
}

async function getThrough(
  destination: Destination,
  config: SshConfig,
  options: SshOptions,
): Promise<Connection> {
  const say = options.say ?? (() => undefined);
  let extra: string[] = [];
  let connection: Connection;
  try {
    connection = await connect(destination, config, extra, say);
  } catch (error) {
    if (!(error instanceof UnknownKey)) throw error;
    extra = await firstContact(destination, config, options);
    connection = await connect(destination, config, extra, say).catch((again) => {
      throw again instanceof UnknownKey
        ? new Problem(
            `the key of ${destination.text} was kept, and ssh does not find it`,
            `Try: ssh -v ${destinationWords(destination)}`,
          )
        : again;
    });
  }
  const { fingerprint } = connection;
  if (options.fingerprint && fingerprint && fingerprint !== options.fingerprint) {
    await connection.close();
    throw otherKey(destination, options.fingerprint, fingerprint);
  }
  return connection;
}

/** @returns options for the connection where the key is kept in no file of the user's */
async function firstContact(
  destination: Destination,
  config: SshConfig,
  { fingerprint, trust }: SshOptions,
): Promise<string[]> {
  const file = await knownHostsFile(destination, config);
  const key = await fetchHostKey(destination, config);
  if (fingerprint !== undefined) {
    if (key.fingerprint !== fingerprint) throw otherKey(destination, fingerprint, key.fingerprint, key.type);
  } else if (!trust) {
    throw new Problem(
      `${destination.text} is not known yet, and nobody is here to be asked; its key is\n  ${key.type} ${key.fingerprint}`,
      [
        "Compare it in the provider's console: for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done",
        `If it is the same: --fingerprint ${key.fingerprint}`,
      ].join("\n"),
    );
  } else if (!(await trust(key))) {
    throw new Problem(`the key of ${destination.text} was not accepted: nothing was sent to it`);
  }
  if (file === undefined) {
    throw new Problem(
      `the key of ${destination.text} cannot be kept: your ssh_config has UserKnownHostsFile none`,
      "A key that is not kept cannot be checked next time. Name a file there.",
    );
  }
  await keepHostKey(file, key);
  return [];
}

function otherKey(destination: Destination, expected: string, found: string, type = ""): Problem {
  return new Problem(
    `${destination.text} shows another key than the one expected: nothing was done there\n  expected ${expected}\n  it shows ${found}${type ? ` (${type})` : ""}`,
    "Compare in the provider's console: for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done",
  );
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
      forwards.close();
      await connection.close();
    },
  };
}

function outcome({ exitCode, stdout, stderr }: Result): Outcome {
  return { exitCode, stdout, stderr };
}
