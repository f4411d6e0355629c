/** A service as lines: every key of its part of the Compose file with its value, as short as it can be said. */
import { isMap } from "../../spec/merge.ts";

/** Maps whose keys are worth a line each; a list of mounts or ports has a line for each entry. */
const KEYED = ["target", "source", "path"];

export function flatten(value: unknown, path: readonly string[] = []): Map<string, string> {
  const lines = new Map<string, string>();
  const add = (inner: unknown, key: string) => {
    for (const [name, text] of flatten(inner, [...path, key])) lines.set(name, text);
  };
  if (isMap(value) && Object.keys(value).length > 0) {
    for (const [key, inner] of Object.entries(value)) add(inner, key);
  } else if (Array.isArray(value) && value.length > 0 && value.every(isMap)) {
    for (const entry of value) {
      const by = KEYED.find((key) => entry[key] !== undefined) ?? "";
      lines.set([...path, String(entry[by] ?? lines.size)].join("."), entryText(entry, by));
    }
  } else lines.set(path.join("."), textOf(value));
  return lines;
}

/** A mount or a port in a line: what it is told apart by stands in the key. */
function entryText(entry: Record<string, unknown>, by: string): string {
  const { type, read_only, bind: _, [by]: __, ...rest } = entry;
  const words = [...Object.values(rest).map(textOf), ...(read_only === true ? ["read only"] : [])];
  return words.length > 0 ? words.join(" ") : textOf(type ?? "");
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(textOf).join(" ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
