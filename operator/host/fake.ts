/** A Host for unit tests: files in memory, commands answered by a function, every command noted. */
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import type { Host, Outcome, SentFile } from "./host.ts";

export type FakeHost = Host & {
  /** Every command line; a script is `script`, its first line, and its arguments. */
  commands: string[];
  files: Map<string, string>;
  /** What scripts and commands were given on stdin, in the order of `commands` that had any. */
  inputs: string[];
  /** The text of every script. */
  scripts: string[];
  closed: boolean;
};

export type Answer = (line: string, host: FakeHost) => Partial<Outcome> | undefined;

export type FakeOptions = Partial<
  Pick<Host, "kind" | "name" | "platform" | "uid" | "environment" | "free">
> & {
  files?: Record<string, string>;
  docker?: (endpoint: string, host: FakeHost) => Partial<Docker>;
  start?: (line: string, host: FakeHost) => boolean;
};

export function fakeHost(answer: Answer, options: FakeOptions = {}): FakeHost {
  const give = (line: string, onLine?: (line: string) => void): Outcome => {
    host.commands.push(line);
    const outcome = { exitCode: 0, stdout: "", stderr: "", ...answer(line, host) };
    for (const text of `${outcome.stdout}\n${outcome.stderr}`.split("\n")) onLine?.(text);
    return outcome;
  };
  const host: FakeHost = {
    kind: options.kind ?? "local",
    name: options.name ?? "a machine",
    platform: options.platform ?? "linux",
    uid: options.uid ?? 0,
    environment: options.environment ?? {},
    commands: [],
    files: new Map(Object.entries(options.files ?? {})),
    inputs: [],
    scripts: [],
    closed: false,
    async run(command, args, { onLine, input } = {}) {
      if (input !== undefined) host.inputs.push(await textOf(input));
      return give([command, ...args].join(" "), onLine);
    },
    async script(text, args = [], { onLine, input } = {}) {
      if (input !== undefined) host.inputs.push(await textOf(input));
      host.scripts.push(text);
      return give(["script", firstLine(text), ...args].join(" "), onLine);
    },
    async interactive(command, args) {
      return give(["interactive", command, ...args].join(" ")).exitCode;
    },
    async send(folder, files, { after, args = [], onLine } = {}) {
      for (const file of files) {
        const text = contentOf(file);
        if (text !== undefined) host.files.set(`${folder}/${file.path}`, text);
      }
      if (after !== undefined) host.scripts.push(after);
      return give(
        ["send", folder, ...(after === undefined ? [] : [firstLine(after), ...args])].join(" "),
        onLine,
      );
    },
    async tunnel(remotePort, localPort) {
      host.commands.push(`tunnel ${remotePort}`);
      return { port: localPort ?? remotePort, close: async () => undefined };
    },
    async start(command, args) {
      const line = [command, ...args].join(" ");
      host.commands.push(`start ${line}`);
      const alive = options.start?.(line, host) ?? true;
      return { pid: 4242, alive: () => alive };
    },
    docker: (endpoint) => (options.docker?.(endpoint, host) ?? {}) as Docker,
    read: async (path) => host.files.get(path),
    async write(path, text) {
      host.files.set(path, text);
    },
    exists: async (path) =>
      [...host.files.keys()].some((file) => file === path || file.startsWith(`${path}/`)),
    free: options.free ?? (async () => undefined),
    traffic: () => ({ connections: 0, sent: 0, received: 0 }),
    async close() {
      host.closed = true;
    },
  };
  return host;
}

function firstLine(script: string): string {
  return script.trim().split("\n", 1)[0] ?? "";
}

function contentOf({ content }: SentFile): string | undefined {
  if (content === undefined) return undefined;
  if (typeof content === "string") return content;
  if (content instanceof Uint8Array) return Buffer.from(content).toString();
  return "from" in content ? `from ${content.from}` : `-> ${content.link}`;
}

async function textOf(input: string | Uint8Array | Readable): Promise<string> {
  if (typeof input === "string") return input;
  if (input instanceof Uint8Array) return Buffer.from(input).toString();
  const parts: Buffer[] = [];
  for await (const part of input) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString();
}
