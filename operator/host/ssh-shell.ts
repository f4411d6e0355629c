/** What is said to the host's bash, and how its answer is told from the noise of a login shell. */
import { StringDecoder } from "node:string_decoder";
import type { RunOptions } from "./host.ts";
import { quote, quoteAll } from "./quote.ts";

/**
 * The one command that a login shell ever sees, the same words for sh, zsh, fish and csh (no backslash, no quote inside).
 * bash reads a length, then that many bytes of script and not one more: what follows on stdin is the script's own input.
 */
export const LOAD = `exec bash --noprofile --norc -c 'read -r n && LC_ALL=C read -r -N "$n" s && eval "$s"'`;

/** The first bytes for LOAD. */
export function framed(script: string): string {
  return `${Buffer.byteLength(script)}\n${script}`;
}

/**
 * Once it has run, output counts: what a login shell printed before is noise. On stderr it says the process group as
 * well, so that the command can be ended later.
 */
export function beginning(mark: string): string {
  return [
    `read -r -a plimsoll_stat < /proc/$$/stat && plimsoll_group=\${plimsoll_stat[4]}`,
    `printf '%s\\n' ${mark}; printf '%s %s\\n' ${mark} "\${plimsoll_group:-$$}" >&2; unset plimsoll_stat plimsoll_group`,
    'export LC_ALL=C.UTF-8 PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"',
  ].join("\n");
}

export function settings({ cwd, environment = {} }: Pick<RunOptions, "cwd" | "environment">): string[] {
  return [
    ...(cwd === undefined ? [] : [`cd -- ${quote(cwd)} || exit 1`]),
    ...Object.entries(environment).map(([name, value]) => `export ${variable(name)}=${quote(value)}`),
  ];
}

/** It stays bash's child: a command that a signal ends has an exit code then, where ssh itself would say 255. */
export function commandLine(command: string, args: readonly string[]): string {
  return `${quoteAll([command, ...args])}\nexit $?`;
}

function variable(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    throw new Error(`${JSON.stringify(name)} is no variable's name`);
  return name;
}

/** Output from the line after the mark on. */
export function afterMark(
  mark: string,
  sink: (bytes: Buffer) => void,
): { take(bytes: Buffer): void; noise(): string; rest(): string | undefined } {
  let before: Buffer = Buffer.alloc(0);
  let rest: string | undefined;
  return {
    take(bytes) {
      if (rest !== undefined) return sink(bytes);
      before = Buffer.concat([before, bytes]);
      const at = before.indexOf(mark);
      const end = at < 0 ? -1 : before.indexOf("\n", at);
      if (end < 0) return;
      rest = before
        .subarray(at + mark.length, end)
        .toString()
        .trim();
      const first = before.subarray(end + 1);
      before = before.subarray(0, at);
      if (first.length > 0) sink(first);
    },
    /** What came before the mark, or everything where it never came. */
    noise: () => before.toString(),
    /** What stood on the mark's line; undefined where it never came. */
    rest: () => rest,
  };
}

/** Calls with every whole line, and with the last one at the end. */
export function lineSplitter(onLine: (line: string) => void): { take(bytes: Buffer): void; end(): void } {
  const decoder = new StringDecoder();
  let open = "";
  return {
    take(bytes) {
      const lines = (open + decoder.write(bytes)).split("\n");
      open = lines.pop() ?? "";
      for (const line of lines) onLine(line.replace(/\r$/, ""));
    },
    end() {
      open += decoder.end();
      if (open !== "") onLine(open);
    },
  };
}
