/** A Host for unit tests: files in memory, commands answered by a function, every command noted. */
import type Docker from "dockerode";
import type { Host, Outcome } from "./host.ts";

export type FakeHost = Host & { commands: string[]; files: Map<string, string> };

export type Answer = (line: string, host: FakeHost) => Partial<Outcome> | undefined;

export function fakeHost(
  answer: Answer,
  options: Partial<Pick<Host, "platform" | "uid" | "environment" | "free">> & {
    files?: Record<string, string>;
    docker?: (endpoint: string, host: FakeHost) => Partial<Docker>;
    start?: (line: string, host: FakeHost) => boolean;
  } = {},
): FakeHost {
  const host: FakeHost = {
    name: "a machine",
    platform: options.platform ?? "linux",
    uid: options.uid ?? 0,
    environment: options.environment ?? {},
    commands: [],
    files: new Map(Object.entries(options.files ?? {})),
    async run(command, args, runOptions) {
      const line = [command, ...args].join(" ");
      host.commands.push(line);
      const outcome = { exitCode: 0, stdout: "", stderr: "", ...answer(line, host) };
      for (const text of `${outcome.stdout}\n${outcome.stderr}`.split("\n")) runOptions?.onLine?.(text);
      return outcome;
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
  };
  return host;
}
