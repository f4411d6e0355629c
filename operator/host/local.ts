/** This machine as a Host. */
import { spawn } from "node:child_process";
import { access, mkdir, open, readFile, statfs, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { execa } from "execa";
import type { Host, Outcome, RunOptions, Started } from "./host.ts";
import { place } from "./place.ts";
import { relayPort } from "./port.ts";
import { dockerClient } from "./socket.ts";
import { inTerminal } from "./terminal.ts";

export function localHost(): Host {
  return {
    kind: "local",
    name: "this machine",
    platform: process.platform,
    uid: process.getuid?.() ?? -1,
    environment: process.env,
    run,
    script,
    interactive: inTerminal,
    async send(folder, files, { after, args = [], ...options } = {}) {
      await place(folder, files);
      if (after === undefined) return { exitCode: 0, stdout: "", stderr: "" };
      return script(after, args, { ...options, cwd: folder });
    },
    async tunnel(remotePort, localPort = remotePort) {
      if (localPort === remotePort) return { port: remotePort, close: async () => undefined };
      return relayPort(remotePort, localPort);
    },
    start,
    docker: dockerClient,
    read: (path) => readFile(path, "utf8").catch(() => undefined),
    async write(path, text) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    },
    exists: (path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    free: (path) =>
      statfs(path).then(
        ({ bavail, bsize }) => bavail * bsize,
        () => undefined,
      ),
    traffic: () => ({ connections: 0, sent: 0, received: 0 }),
    close: async () => undefined,
  };
}

/** bash reads the script from a descriptor of its own: stdin stays for the input, and no process list shows it. */
async function script(
  text: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<Outcome> {
  const load = 'IFS= read -r -d "" script <&3 || true; exec 3<&-; eval "$script"';
  return run("bash", ["--noprofile", "--norc", "-c", load, "bash", ...args], options, text);
}

async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
  third?: string,
): Promise<Outcome> {
  const child = execa(command, args, {
    reject: false,
    stdio: [
      options.input === undefined ? "ignore" : "pipe",
      "pipe",
      "pipe",
      ...(third === undefined ? [] : [Buffer.from(third)]),
    ],
    all: true,
    // A shell's own locale would translate the messages that are looked at.
    env: { LC_ALL: "C.UTF-8", ...options.environment },
    maxBuffer: 64 * 1024 * 1024,
    ...(options.input !== undefined && { input: options.input }),
    ...(options.cwd && { cwd: options.cwd }),
    ...(options.timeout && { timeout: options.timeout }),
    ...(options.signal && { cancelSignal: options.signal }),
    ...(options.apart && { detached: true, cleanup: false }),
  });
  if (options.onLine) {
    try {
      for await (const line of child.iterable({ from: "all" })) options.onLine(String(line));
    } catch {
      // The iterable throws where the command fails; the outcome below says the same.
    }
  }
  const result = await child;
  const missing = result.code === "ENOENT";
  return {
    exitCode: missing ? 127 : result.timedOut ? 124 : (result.exitCode ?? 1),
    stdout: String(result.stdout ?? ""),
    stderr: missing ? `${command}: not found` : String(result.stderr ?? ""),
  };
}

async function start(command: string, args: readonly string[], log: string): Promise<Started> {
  await mkdir(dirname(log), { recursive: true });
  const file = await open(log, "a", 0o640);
  const child = spawn(command, args, { detached: true, stdio: ["ignore", file.fd, file.fd] });
  let ended = false;
  child.once("exit", () => {
    ended = true;
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  }).finally(() => file.close());
  child.unref();
  return { pid: child.pid as number, alive: () => !ended };
}
