/** One TCP connection to a host, kept by an ssh of ours; everything else goes over it. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { Problem } from "../problem.ts";
import type { Destination } from "./destination.ts";
import type { Traffic } from "./host.ts";
import { type Channels, openChannels } from "./ssh-channels.ts";
import { connectProblem, hostKeyFault, lostProblem, shellProblem } from "./ssh-faults.ts";
import { makeSocketFolder, onExit } from "./ssh-folder.ts";
import { clientArgs, masterArgs, type SshConfig, sshEnvironment } from "./ssh-options.ts";
import { afterMark, beginning, framed, LOAD } from "./ssh-shell.ts";

export type Facts = {
  uid: number;
  platform: NodeJS.Platform;
  environment: Record<string, string>;
  /** The engine's default socket: there and ours to use, there, or not there. */
  socket: "open" | "forbidden" | "absent";
};

export type Connection = {
  destination: Destination;
  /** Private to us: sockets go in here. */
  folder: string;
  control: string;
  facts: Facts;
  /** SHA256:... of the host's key. */
  fingerprint: string | undefined;
  /** Whether the connection stands; asks ssh itself. */
  stands(): Promise<boolean>;
  /** Somebody else's: it stands after us, so what we asked of it is taken back. */
  kept: boolean;
  /** `ssh -O COMMAND ARGS`: a word to our own ssh, nothing on the wire. */
  tell(command: string, args?: readonly string[]): Promise<{ ok: boolean; said: string }>;
  /** Where the connection is lost, or closed. */
  lost(): Problem | undefined;
  traffic(): Traffic;
  channels: Channels;
  close(): Promise<void>;
};

/** The host's key is not known yet: ask, keep it, try again. */
export class UnknownKey extends Error {}

/**
 * The master's own session tells us what the host is, then waits for the end of its input: when this process ends, in
 * whatever way, the session ends and the connection with it.
 */
const FACTS = `
socket=absent
if [ -S /var/run/docker.sock ]; then
  socket=forbidden
  if [ -r /var/run/docker.sock ] && [ -w /var/run/docker.sock ]; then socket=open; fi
fi
printf '%s\\0' "$(id -u)" "$(uname -s)" "$socket"
for name in HOME USER PATH LANG XDG_RUNTIME_DIR \${!DOCKER_@}; do
  if [ -n "\${!name+x}" ]; then printf '%s=%s\\0' "$name" "\${!name}"; fi
done
`;

/**
 * @param kept the socket of a connection that the user's own ssh keeps: then this is a client of it
 * @throws UnknownKey; Problem
 */
export async function connect(
  destination: Destination,
  config: SshConfig,
  say: (line: string) => void,
  kept?: string,
): Promise<Connection> {
  const folder = await makeSocketFolder();
  const control = kept ?? join(folder, "m");
  const args = kept ? ["-T", ...clientArgs(destination, kept)] : masterArgs(destination, config, control);
  // A session of its own: no Ctrl-C of ours reaches it, and it has no terminal to ask for a password.
  const child = spawn("ssh", [...args, LOAD], { stdio: "pipe", detached: true, env: sshEnvironment() });
  // A client sleeps through SIGTERM.
  const end = () => child.kill(kept ? "SIGKILL" : "SIGTERM");
  const done = onExit(folder, end);
  const traffic: Traffic = { connections: kept ? 0 : 1 };
  let log = "";
  child.stderr.on("data", (bytes: Buffer) => {
    const text = bytes.toString();
    log = (log + text).slice(-64 * 1024);
    for (const line of text.match(/^Confirm user presence.*$/gm) ?? []) say(line);
  });
  let ended = false;
  const exited = new Promise<number>((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      log += error.code === "ENOENT" ? "ssh is not installed" : error.message;
      resolve(255);
    });
    child.once("close", (code) => resolve(code ?? 255));
  }).finally(() => {
    ended = true;
    const bytes = /Transferred: sent (\d+), received (\d+) bytes/.exec(log);
    if (bytes) Object.assign(traffic, { sent: Number(bytes[1]), received: Number(bytes[2]) });
  });
  const tidy = async () => {
    done();
    await rm(folder, { recursive: true, force: true });
  };

  let closed = false;
  const line = {
    destination,
    control,
    async tell(command: string, args: readonly string[] = []) {
      const { exitCode, all } = await execa(
        "ssh",
        ["-O", command, ...args, ...clientArgs(destination, control)],
        {
          reject: false,
          all: true,
          stdin: "ignore",
          env: sshEnvironment(),
          extendEnv: false,
          timeout: 20_000,
        },
      );
      return { ok: exitCode === 0, said: all ?? "" };
    },
    stands: async () => !ended && !closed && (await line.tell("check")).ok,
    lost: () => (ended || closed ? lostProblem(destination) : undefined),
  };
  // The socket is there from here on: the first sessions open while the host still says what it is.
  let channels: Channels | undefined;
  const onLog = () => {
    if (!log.includes("Entering interactive session")) return;
    child.stderr.off("data", onLog);
    channels = openChannels(line);
  };
  if (kept) channels = openChannels(line);
  else child.stderr.on("data", onLog);

  let facts: Facts;
  try {
    facts = await learn(child, exited, (config.connectTimeout + 30) * 1000);
  } catch (error) {
    end();
    channels?.close();
    await exited;
    await tidy();
    throw whyNot(error, destination, log);
  }
  const all = channels ?? openChannels(line);
  for (const part of [child, child.stdin, child.stdout, child.stderr]) {
    (part as unknown as { unref(): void }).unref();
  }

  return {
    ...line,
    folder,
    facts,
    kept: kept !== undefined,
    channels: all,
    fingerprint: /Server host key: \S+ (SHA256:\S+)/.exec(log)?.[1],
    traffic: () => ({ ...traffic }),
    async close() {
      if (closed) return;
      closed = true;
      all.close();
      if (kept) end();
      // Asked to, it says how many bytes there were; a signal would not let it.
      else if (!ended) await line.tell("exit");
      const late = setTimeout(end, 2_000);
      await exited;
      clearTimeout(late);
      await tidy();
    },
  };
}

/** The log says where it ended. */
function whyNot(error: unknown, destination: Destination, log: string): unknown {
  if (log.includes("ssh is not installed"))
    return new Problem("ssh is not installed on this machine", "Install it: apt-get install openssh-client");
  if (hostKeyFault(log) === "unknown") return new UnknownKey();
  if (!(error instanceof NoAnswer)) return error;
  if (error.late) return connectProblem(destination, `${log}\nConnection timed out`);
  return /^debug1: (Entering interactive session|Authentication succeeded)|^Authenticated to/m.test(log)
    ? shellProblem(destination, error.exitCode, `${error.output}\n${afterLogin(log)}`)
    : connectProblem(destination, log);
}

class NoAnswer extends Error {
  readonly exitCode: number;
  readonly output: string;
  readonly late: boolean;

  constructor(exitCode: number, output: string, late: boolean) {
    super("no answer");
    this.exitCode = exitCode;
    this.output = output;
    this.late = late;
  }
}

/** @throws NoAnswer */
async function learn(
  child: ChildProcessWithoutNullStreams,
  exited: Promise<number>,
  patience: number,
): Promise<Facts> {
  const mark = `plimsoll-${randomBytes(9).toString("hex")}`;
  child.stdin.on("error", () => undefined);
  child.stdin.write(framed(`${beginning(mark)}\n${FACTS}\nprintf '%s\\n' ${mark}\nexec cat > /dev/null`));
  let text = "";
  const output = afterMark(mark, (bytes) => {
    text += bytes.toString();
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(resolve, patience, "late");
  });
  const told = new Promise<void>((resolve) => {
    child.stdout.on("data", (bytes: Buffer) => {
      output.take(bytes);
      if (text.includes(mark)) resolve();
    });
  });
  const first = await Promise.race([told, exited, late]).finally(() => clearTimeout(timer));
  if (first !== undefined) {
    throw new NoAnswer(first === "late" ? 0 : first, output.noise(), first === "late");
  }
  const [uid, system, socket, ...variables] = text.split("\0").slice(0, -1);
  return {
    uid: Number(uid),
    platform: system === "Darwin" ? "darwin" : "linux",
    socket: socket as Facts["socket"],
    environment: Object.fromEntries(
      variables.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    ),
  };
}

/** What the host's shell wrote to stderr. */
function afterLogin(log: string): string {
  const at = log.search(/^(debug1: Sending command|debug1: Entering interactive session)/m);
  return log
    .slice(Math.max(0, at))
    .split(/\r?\n/)
    .filter(
      (line) => line !== "" && !/^debug\d:|^Transferred:|^Bytes per second|^Authenticated to/.test(line),
    )
    .join("\n");
}
