/** Where a stack runs: this machine, or a droplet over one SSH connection. */
import type { Readable } from "node:stream";
import type Docker from "dockerode";

export type Outcome = {
  /** 127 where the command does not exist, 124 where it took too long. */
  exitCode: number;
  stdout: string;
  stderr: string;
};

export type RunOptions = {
  cwd?: string;
  environment?: Readonly<Record<string, string>>;
  /** Milliseconds. */
  timeout?: number;
  /** Called with every line of stdout and stderr as it comes. */
  onLine?(line: string): void;
  /** Ends the command, on the host too. */
  signal?: AbortSignal;
  /** A group of its own: a Ctrl-C in the terminal does not reach it (a package manager must not stop half-way). */
  apart?: boolean;
  /** What it reads on stdin; nothing if absent. The place for secrets: seen by no process list and in no log. */
  input?: string | Uint8Array | Readable;
};

export type InteractiveOptions = {
  /** A terminal for the command; one if absent where we have one ourselves. */
  tty?: boolean;
  cwd?: string;
  environment?: Readonly<Record<string, string>>;
};

export type SentFile = {
  /** Below the folder, with `/`; one that ends in `/` is a folder (for its mode). */
  path: string;
  /** 0o644 if absent, 0o755 for a folder. */
  mode?: number;
  /** Text or bytes, a file of this machine, or a symbolic link. Absent for a folder. */
  content?: string | Uint8Array | { from: string } | { link: string };
};

export type SendOptions = Pick<RunOptions, "onLine" | "signal" | "timeout"> & {
  /** A bash script that is run in the folder once all files are in place, in the same round trip. */
  after?: string;
  /** Its arguments: `$1`, `$2`. */
  args?: readonly string[];
};

export type Tunnel = {
  /** On this machine, at 127.0.0.1. */
  port: number;
  close(): Promise<void>;
};

export type Traffic = {
  /** TCP connections to the host so far. */
  connections: number;
  /** Bytes, ciphered, in both directions; undefined where it is not known (before `close()` over SSH). */
  sent?: number;
  received?: number;
};

/** A process that outlives us. */
export type Started = { pid: number; alive(): boolean | Promise<boolean> };

export type Host = {
  kind: "local" | "ssh";
  /** For messages: `this machine`, `deploy@203.0.113.7`. */
  name: string;
  platform: NodeJS.Platform;
  /** The user's id; 0 is root. */
  uid: number;
  /** Variables that decide which engine is meant: DOCKER_HOST and the like. */
  environment: Readonly<Record<string, string | undefined>>;
  /**
   * Never throws for a command that failed.
   * @throws Problem where the connection to the host is lost
   */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /**
   * A bash script, in one round trip; args are `$1`, `$2`. Nothing of it is in a process list. It says `set -e` itself.
   * Like `run` it never throws for a script that failed.
   */
  script(text: string, args?: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** In the user's own terminal: stdin, stdout, stderr and signals. @returns the exit code, 128 + n after a signal */
  interactive(command: string, args: readonly string[], options?: InteractiveOptions): Promise<number>;
  /**
   * Files into a folder, in one stream, each replaced by rename once all of them have come: a stream that breaks
   * leaves the folder as it was. Never outside of the folder, through no symbolic link in it. Removes nothing.
   * @returns the outcome of `after`
   * @throws Problem where a path leads out of the folder, or the files cannot be written
   */
  send(folder: string, files: readonly SentFile[], options?: SendOptions): Promise<Outcome>;
  /** A port of the host, at its 127.0.0.1, on this machine; on a free port if none is named. */
  tunnel(remotePort: number, localPort?: number): Promise<Tunnel>;
  /** Starts a process that outlives us, its output in a file. */
  start(command: string, args: readonly string[], log: string): Promise<Started>;
  /** A client of the engine at this endpoint of the host (`unix:///var/run/docker.sock`). */
  docker(endpoint: string): Docker;
  /** Undefined where there is no such file, or it may not be read. */
  read(path: string): Promise<string | undefined>;
  write(path: string, text: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Free bytes of the file system that holds the path; undefined where it is not on this host. */
  free(path: string): Promise<number | undefined>;
  traffic(): Traffic;
  /** Ends the connection and its tunnels. Safe to call twice. What was started with `start` goes on. */
  close(): Promise<void>;
};
