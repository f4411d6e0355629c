/** Where a stack runs. This machine now; a droplet over one SSH connection is the same shape later. */
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
  /** Ends the command. */
  signal?: AbortSignal;
  /** A group of its own: a Ctrl-C in the terminal does not reach it (a package manager must not stop half-way). */
  apart?: boolean;
};

/** A process that outlives us. */
export type Started = { pid: number; alive(): boolean };

export type Host = {
  /** For messages: `this machine`. */
  name: string;
  platform: NodeJS.Platform;
  /** The user's id; 0 is root. */
  uid: number;
  /** Variables that decide which engine is meant: DOCKER_HOST and the like. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Never throws for a command that failed. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Starts a process that outlives us, its output in a file. */
  start(command: string, args: readonly string[], log: string): Promise<Started>;
  /** A client of the engine at this endpoint (`unix:///var/run/docker.sock`). */
  docker(endpoint: string): Docker;
  /** Undefined where there is no such file, or it may not be read. */
  read(path: string): Promise<string | undefined>;
  write(path: string, text: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Free bytes of the file system that holds the path; undefined where it is not on this host. */
  free(path: string): Promise<number | undefined>;
};
