/** What a script on a host found, line by line: a key, a space, the rest. One round trip brings many. */
import { readOwn } from "../../generator/package.ts";
import type { Host, RunOptions } from "../host/host.ts";

export type Facts = {
  one(key: string): string | undefined;
  /** Undefined where it is no number. */
  number(key: string): number | undefined;
  all(key: string): string[];
  /** What was sent in base64. */
  encoded(key: string): string | undefined;
};

export function parseFacts(text: string): Facts {
  const values = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const match = /^([a-z_]+) (.*)$/.exec(line);
    if (!match) continue;
    const [, key, value] = match as unknown as [string, string, string];
    values.set(key, [...(values.get(key) ?? []), value]);
  }
  const one = (key: string) => values.get(key)?.[0];
  return {
    one,
    number(key) {
      const text = one(key);
      const value = Number(text);
      return text === undefined || text === "" || Number.isNaN(value) ? undefined : value;
    },
    all: (key) => values.get(key) ?? [],
    encoded: (key) => {
      const text = one(key);
      return text === undefined ? undefined : Buffer.from(text, "base64").toString("utf8");
    },
  };
}

/** @throws Error where the host did not run it */
export async function gather(
  host: Host,
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Facts> {
  const { exitCode, stdout, stderr } = await host.script(readOwn(`operator/checks/${file}`), args, options);
  if (exitCode !== 0) {
    const why =
      exitCode === 124 ? "it took too long" : stderr.trim().split("\n").at(-1) || `exit ${exitCode}`;
    throw new Error(`${host.name} could not be looked at: ${why}`);
  }
  return parseFacts(stdout);
}
