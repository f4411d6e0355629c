/** Words that several commands take, or hand on to another program. */
import { Argument, type Command, InvalidArgumentError } from "commander";
import { ExitError } from "./exit.ts";

/**
 * The words without a `--` before them. What stands where a name or a program is due and begins with a hyphen was meant
 * for us: `--help` never acts.
 */
export function handedOn(command: string, words: readonly string[]): string[] {
  const own = words[0] === "--" ? words.slice(1) : [...words];
  const [stray] = own;
  if (!stray?.startsWith("-")) return own;
  console.error(`plimsoll: options stand before the environment, found ${JSON.stringify(stray)} after it`);
  console.error(`  Its own: plimsoll ${command} --help`);
  throw new ExitError(2);
}

/** Ours, and those after `--`: commander tells them apart for nobody. */
export function partedWords(command: Command, words: readonly string[]): { own: string[]; handed: string[] } {
  const raw = (command.parent as (Command & { rawArgs?: string[] }) | null)?.rawArgs ?? [];
  const at = raw.indexOf("--");
  const count = at < 0 ? 0 : raw.length - at - 1;
  return { own: words.slice(0, words.length - count), handed: words.slice(words.length - count) };
}

/** A parser of a whole number. */
export function whole(
  least: number,
  most: number,
  expected = `Expected a whole number from ${least} to ${most}.`,
) {
  return (text: string): number => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(expected);
  };
}

/** `v12`. */
export function versionArgument(name: string, description: string): Argument {
  return new Argument(name, description).argParser((text: string) => {
    if (/^v[1-9]\d{0,8}$/.test(text)) return text;
    throw new InvalidArgumentError("Expected a release such as v12.");
  });
}
