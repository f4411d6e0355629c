/** A JSON Schema as rows: word, what it may be, default, what it says. */
import { isMap } from "./merge.ts";
import type { JsonSchema } from "./schema.ts";

type Row = readonly [word: string, kind: string, standard: string, says: string];

/** Every word below a node, with dots; `NAME` stands for a name of the user's own, `[]` for each entry of a list. */
export function wordsBelow(node: JsonSchema, prefix: string): Row[] {
  const object = objectOf(node);
  const required = new Set((object?.required ?? []) as string[]);
  return Object.entries((object?.properties ?? {}) as Record<string, JsonSchema>).flatMap(([key, child]) =>
    rowsOf(`${prefix}${key}`, child, required.has(key)),
  );
}

function rowsOf(word: string, node: JsonSchema, required: boolean): Row[] {
  const says = cell(String(node.description ?? ""));
  const own: Row = [`\`${word}\``, cell(kindOf(node)), standardOf(node, required), says];
  const object = objectOf(node);
  if (object?.properties) {
    // A map that is nothing but its words needs no line of its own, unless it has something to say.
    const alone = branchesOf(node).length === 0 && says === "";
    return [...(alone ? [] : [own]), ...wordsBelow(node, `${word}.`)];
  }
  const values = node.additionalProperties;
  if (isMap(values) && objectOf(values)?.properties) return [own, ...wordsBelow(values, `${word}.NAME.`)];
  const items = itemsOf(node);
  return items ? [own, ...entryRows(items, `${word}[].`)] : [own];
}

/** Rows of a list's entries; where these are of several kinds, each word says with which of them it goes. */
function entryRows(kinds: readonly JsonSchema[], prefix: string): Row[] {
  const [first = [], ...others] = kinds.map((kind) => wordsBelow(kind, prefix));
  if (others.length === 0) return first;
  const all = [first, ...others];
  const told = kinds.map((kind) => constOf(kind));
  const words = [...new Set(all.flat().map(([word]) => word))];
  return words.map((word): Row => {
    const at = all.flatMap((rows, index) =>
      rows.filter(([own]) => own === word).map((row) => ({ row, index })),
    );
    const [one] = at as [{ row: Row; index: number }];
    const types = [...new Set(at.map(({ row }) => row[1]))];
    // Where the word is what tells the kinds apart, each value has its own thing to say.
    const says = at.map(({ row }) => (types.length > 1 && row[3] !== "" ? `${row[1]} ${row[3]}` : row[3]));
    const only = at.length === all.length ? "" : ` (${at.map(({ index }) => told[index]).join(", ")})`;
    return [word, types.join(", "), one.row[2], `${[...new Set(says)].join("; ")}${only}`];
  });
}

/** The word that tells one kind of entry from another: `type: email`. */
function constOf(kind: JsonSchema): string {
  const found = Object.entries((kind.properties ?? {}) as Record<string, JsonSchema>).find(
    ([, node]) => "const" in node,
  );
  return found ? `${found[0]}: ${String(found[1].const)}` : "";
}

/** The maps that entries of a list may be. */
function itemsOf(node: JsonSchema): JsonSchema[] | undefined {
  const list = [node, ...branchesOf(node)].find(({ items }) => isMap(items))?.items as JsonSchema | undefined;
  const kinds = list && [list, ...branchesOf(list)].filter((item) => isMap(item.properties));
  return kinds && kinds.length > 0 ? kinds : undefined;
}

function branchesOf(node: JsonSchema): JsonSchema[] {
  return [...((node.anyOf ?? []) as JsonSchema[]), ...((node.oneOf ?? []) as JsonSchema[])];
}

/** The map a word may be, among what else it may be. */
export function objectOf(node: JsonSchema): JsonSchema | undefined {
  if (isMap(node.properties)) return node;
  return branchesOf(node)
    .map(objectOf)
    .find((branch) => branch !== undefined);
}

export function kindOf(node: JsonSchema): string {
  if ("const" in node) return `\`${String(node.const)}\``.replace(/^`false`$/, "false");
  if (typeof node.title === "string") return node.title;
  if (Array.isArray(node.enum)) return node.enum.map((value) => `\`${value}\``).join(", ");
  const branches = branchesOf(node);
  if (branches.length > 0) return [...new Set(branches.map(kindOf))].join(" or ");
  if (Array.isArray(node.type)) return node.type.join(", ");
  switch (node.type) {
    case "object":
      return isMap(node.additionalProperties)
        ? `map of ${kindOf(node.additionalProperties as JsonSchema)}`
        : "map";
    case "array":
      return `list of ${isMap(node.items) ? kindOf(node.items as JsonSchema) : "anything"}`;
    case "integer":
    case "number":
      return rangeOf(node);
    case "boolean":
      return "true or false";
    case "string":
      return "text";
    default:
      return "anything";
  }
}

function rangeOf({ minimum, maximum, exclusiveMinimum, type }: JsonSchema): string {
  const what = type === "integer" ? "whole number" : "number";
  const low = minimum ?? exclusiveMinimum;
  // JavaScript's own limits are nobody's wish.
  const known = (value: unknown): value is number =>
    typeof value === "number" && Math.abs(value) < Number.MAX_SAFE_INTEGER;
  if (known(low) && known(maximum)) return `${what}, ${low} to ${maximum}`;
  if (known(low)) return `${what}, ${low} or more`;
  return known(maximum) ? `${what}, at most ${maximum}` : what;
}

function standardOf(node: JsonSchema, required: boolean): string {
  if (required) return "required";
  const { default: standard } = node;
  if (standard === undefined || (isMap(standard) && Object.keys(standard).length === 0)) return "";
  if (Array.isArray(standard) && standard.length === 0) return "none";
  return `\`${typeof standard === "string" ? standard : JSON.stringify(standard)}\``;
}

/** A pipe would end the cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\s+/g, " ");
}
