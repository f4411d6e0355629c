/** Quantities as people read them, the same on every machine. */
import { GiB, MiB } from "../spec/words.ts";

/** Bytes as `512 MB`, `1.6 GB`, `40 GB`: powers of 1024, as everywhere in stack.yaml. */
export function bytes(value: number): string {
  if (value >= 1024 * GiB) return `${trim(value / (1024 * GiB))} TB`;
  // 1023.6 MB must not become "1024 MB".
  if (Math.round(value / MiB) >= 1024) return `${trim(value / GiB)} GB`;
  return `${Math.round(value / MiB)} MB`;
}

function trim(value: number): string {
  return String(value >= 10 ? Math.round(value) : Number(value.toFixed(1)));
}

/** 100% only where it is all of it: 99.8% of a line is still below it. */
export function percent(part: number, whole: number): string {
  const share = whole === 0 ? 0 : (100 * part) / whole;
  return `${share > 99 && share < 100 ? 99 : Math.round(share)}%`;
}

/** `api-1` and its like: what stands before the number, and the number. */
function numbered(name: string): { stem: string; number: number } | undefined {
  const match = /^(.+)-(\d+)$/.exec(name);
  return match ? { stem: match[1] as string, number: Number(match[2]) } : undefined;
}

/** Names of numbered services drawn together: `api-1`, `api-2`, `api-3` become `api-1..3`. */
export function joinNames(names: readonly string[]): string {
  const parts = names.map(numbered);
  const [first] = parts;
  const run =
    names.length > 1 &&
    first !== undefined &&
    parts.every((part, index) => part?.stem === first.stem && part.number === first.number + index);
  return run ? `${first.stem}-${first.number}..${first.number + names.length - 1}` : names.join(", ");
}

/** Gathers what has the same key, in order of first appearance. */
export function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** Words into lines of at most `width` characters, indent included. A word that is longer has a line of its own. */
export function wrap(text: string, width: number, indent = 0): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && indent + last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines.map((line) => `${" ".repeat(indent)}${line}`);
}
