/** Scripts over a connection: each in a session of its own, and the next sessions always open before they are needed. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Problem } from "../problem.ts";
import type { Outcome, RunOptions } from "./host.ts";
import type { Connection } from "./ssh-connection.ts";
import { lostProblem } from "./ssh-faults.ts";
import { clientArgs, sshEnvironment } from "./ssh-options.ts";
import { afterMark, framed, LOAD, lineSplitter } from "./ssh-shell.ts";

/** Sessions that are open before they are needed: what follows at once on a script finds the second. */
const READY = 2;

/** sshd allows ten sessions a connection: ours, those that wait, one to end others, a terminal, and these. */
const AT_ONCE = 5;

/** Milliseconds between the polite and the other signal. */
const GRACE = 5_000;

export type Sinks = { stdout(bytes: Buffer): void; stderr(bytes: Buffer): void };

export type ScriptOptions = Pick<RunOptions, "input" | "onLine" | "timeout" | "signal"> & {
  /** Output goes there as it comes, and not into the outcome. */
  sinks?: Sinks;
};

export type Result = Outcome & {
  /** Whether the script came to its mark. */
  begun: boolean;
};

export type Channels = {
  /**
   * @param script is given the mark that it must print (`beginning`) before any output counts
   * @throws Problem where the connection is lost; the input's own error
   */
  run(script: (mark: string) => string, options?: ScriptOptions): Promise<Result>;
  close(): void;
};

/** What it needs of a connection, which need not be whole yet. */
export type Line = Pick<Connection, "destination" | "control" | "stands" | "lost">;

type Channel = { child: ChildProcessWithoutNullStreams; exited: Promise<number>; ended(): boolean };

export function openChannels(connection: Line): Channels {
  let ready: Channel[] = [];
  let closed = false;
  let active = 0;
  // Both go down where the host allows fewer sessions than sshd does by itself.
  let atOnce = AT_ONCE;
  let spare = READY;
  const queue: (() => void)[] = [];

  function open(): Channel {
    const child = spawn("ssh", ["-T", ...clientArgs(connection.destination, connection.control), LOAD], {
      stdio: "pipe",
      // Out of reach of a Ctrl-C in our terminal: commands are ended by their signal, on the host too.
      detached: true,
      env: sshEnvironment(),
    });
    let over = false;
    const exited = new Promise<number>((resolve) => {
      child.once("error", () => resolve(255));
      child.once("close", (code) => resolve(code ?? 255));
    }).finally(() => {
      over = true;
    });
    child.stdin.on("error", () => undefined);
    return { child, exited, ended: () => over || child.exitCode !== null };
  }

  /** The one that waits keeps nobody from exiting. */
  function hold({ child }: Channel, held: boolean): void {
    for (const part of [child, child.stdin, child.stdout, child.stderr]) {
      const thing = part as unknown as { ref(): void; unref(): void };
      if (held) thing.ref();
      else thing.unref();
    }
  }

  function prepare(): void {
    if (closed) return;
    ready = ready.filter((channel) => !channel.ended());
    while (ready.length < spare) {
      const channel = open();
      hold(channel, false);
      ready.push(channel);
      void channel.exited.then(() => {
        if (ready.includes(channel)) spare = Math.max(0, spare - 1);
      });
    }
  }

  function take(): Channel {
    const channel = ready.find((candidate) => !candidate.ended()) ?? open();
    ready = ready.filter((candidate) => candidate !== channel);
    hold(channel, true);
    return channel;
  }

  async function turn(): Promise<void> {
    if (active < atOnce) active++;
    else await new Promise<void>((resolve) => queue.push(resolve));
  }

  function done(): void {
    active--;
    for (let next = queue[0]; next && active < atOnce; next = queue[0]) {
      queue.shift();
      active++;
      next();
    }
  }

  async function run(script: (mark: string) => string, options: ScriptOptions = {}): Promise<Result> {
    for (;;) {
      await turn();
      let result: Result;
      let alone: boolean;
      try {
        const lost = connection.lost();
        if (lost) throw lost;
        if (options.signal?.aborted) return { exitCode: 1, stdout: "", stderr: "", begun: false };
        alone = active === 1;
        result = await once(script, options);
        if (result.exitCode !== 255) return result;
        if (!(await connection.stands())) throw lostProblem(connection.destination);
        if (result.begun) return result;
        atOnce = Math.max(1, Math.min(atOnce, active - 1));
        spare = 0;
      } finally {
        done();
      }
      // Refused before anything of it was run: again, once there is room. A stream cannot be read a second time.
      if (alone || options.input instanceof Readable) throw noSession(result);
    }
  }

  async function once(script: (mark: string) => string, options: ScriptOptions): Promise<Result> {
    const channel = take();
    const mark = `plimsoll-${randomBytes(9).toString("hex")}`;
    const running = exchange(channel, mark, script(mark), options, end);
    prepare();
    return running;
  }

  /** In a session of its own: the first has its hands full. */
  async function end(group: string): Promise<void> {
    const { child, exited } = take();
    const kill = (signal: string) => `kill -${signal} -- -${group} 2>/dev/null || exit 0`;
    const script = `${kill("TERM")}\nfor n in {1..${GRACE / 100}}; do kill -0 -- -${group} 2>/dev/null || exit 0; sleep 0.1; done\n${kill("KILL")}`;
    child.stdout.resume();
    child.stderr.resume();
    child.stdin.end(framed(script));
    await exited;
  }

  function noSession({ stderr }: Outcome): Problem {
    return new Problem(
      `${connection.destination.text} opens no further session on the connection: ${stderr.trim()}`,
      "Expected in its sshd_config: MaxSessions 10 (the default) or more.",
    );
  }

  prepare();
  return {
    run,
    close() {
      closed = true;
      for (const { child } of ready) child.kill("SIGKILL");
    },
  };
}

async function exchange(
  { child, exited }: Channel,
  mark: string,
  script: string,
  { input, onLine, timeout, signal, sinks }: ScriptOptions,
  end: (group: string) => Promise<void>,
): Promise<Result> {
  const parts: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  const splitters = onLine && { stdout: lineSplitter(onLine), stderr: lineSplitter(onLine) };
  const reader = (name: "stdout" | "stderr") => {
    const output = afterMark(mark, (bytes) => {
      if (sinks) return sinks[name](bytes);
      parts[name].push(bytes);
      splitters?.[name].take(bytes);
    });
    child[name].on("data", output.take);
    return output;
  };
  const stdout = reader("stdout");
  const stderr = reader("stderr");

  let ending: "late" | "aborted" | undefined;
  const stop = (why: "late" | "aborted") => {
    if (ending) return;
    ending = why;
    const group = /^\d+$/.exec(stderr.rest() ?? "")?.[0];
    // Without a group the script has not begun: it ends with its input.
    const asked = group ? end(group) : Promise.resolve();
    void asked.finally(() => {
      // A client of the connection sleeps through SIGTERM, and its pipes are the connection's as well: whatever on the
      // host still holds them (a child in a group of its own) must not hold us.
      child.kill("SIGKILL");
      child.stdout.destroy();
      child.stderr.destroy();
    });
  };
  const onAbort = () => stop("aborted");
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer = timeout ? setTimeout(stop, timeout, "late") : undefined;

  let fault: unknown;
  child.stdin.write(framed(script));
  feed(child, input).catch((error: NodeJS.ErrnoException) => {
    // A command need not read its input. Anything else is the input's own fault: what came is not to be used.
    if (error.code === "EPIPE" || error.code === "ERR_STREAM_PREMATURE_CLOSE") return;
    fault = error;
    stop("aborted");
  });
  const code = await exited.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  });
  for (const splitter of Object.values(splitters ?? {})) splitter.end();
  if (fault) throw fault;
  const begun = stdout.rest() !== undefined;
  const text = (name: "stdout" | "stderr", noise: string) =>
    begun ? Buffer.concat(parts[name]).toString().replace(/\n$/, "") : noise;
  return {
    exitCode: ending === "late" ? 124 : ending && code === 255 ? 1 : code,
    stdout: text("stdout", stdout.noise()),
    stderr: text("stderr", stderr.noise()),
    begun,
  };
}

async function feed(child: ChildProcessWithoutNullStreams, input: ScriptOptions["input"]): Promise<void> {
  if (input === undefined || typeof input === "string" || input instanceof Uint8Array)
    child.stdin.end(input ?? "");
  else await pipeline(input, child.stdin);
}
