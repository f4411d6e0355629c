/** YAML text to a value, with the place of every path in it. */
import {
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from "yaml";
import { type Fault, InputError } from "./fault.ts";

export type Path = readonly (string | number)[];

export type YamlFile = {
  file: string;
  /** As it was read. */
  text: string;
  value: unknown;
  /** Texts of files beside it that it names, by path; where it was read from a folder. */
  beside?: Readonly<Record<string, string>>;
  /** Line and column of the value at a path, or of its nearest parent that is there. */
  place(path: Path): { line: number; column: number };
  /** True where the path itself is written in the file. */
  has(path: Path): boolean;
  /** How many steps of a path are written in the file: all of them where it is there itself. */
  depth(path: Path): number;
};

/** @throws InputError with every fault of syntax: tabs, duplicate keys, unknown tags, more than one document. */
export function parseYaml(file: string, text: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    version: "1.2",
    schema: "core",
    // Looked for below: the parser compares every key with every other.
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
  });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  if (document.errors.some(({ message }) => message.includes("call stack"))) {
    throw new InputError([{ file, message: "is nested too deeply to be read" }]);
  }
  const faults: Fault[] = document.errors.map((error) => ({
    file,
    ...at(error.pos[0]),
    ...explain(error.code, error.message),
  }));
  faults.push(
    ...document.warnings.map((warning) => ({ file, ...at(warning.pos[0]), message: warning.message })),
  );
  // Aliases and merge keys make a value appear where nobody wrote it (and make bombs); a stack.yaml needs neither.
  visit(document, {
    Alias(_, alias) {
      faults.push({
        file,
        ...at(alias.range?.[0] ?? 0),
        message: `uses the alias *${alias.source}; anchors and aliases are not read here`,
        remedy: "Write the value out, or put what environments share at the top level.",
      });
    },
    Map(_, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value))
          faults.push({
            file,
            ...at(key.range?.[0] ?? 0),
            message: "has the same key twice in one map",
            remedy: "Keep one of them.",
          });
        seen.add(key.value);
      }
    },
    Pair(_, pair) {
      if (isNode(pair.key) && !(isScalar(pair.key) && typeof pair.key.value === "string")) {
        faults.push({
          file,
          ...at(pair.key.range?.[0] ?? 0),
          message: `has the key ${String(pair.key)}; keys are texts`,
          remedy: 'Quote it if it is meant: "1".',
        });
      }
    },
  });
  if (faults.length > 0) throw new InputError(faults);

  const pairs = new WeakMap<YAMLMap, Map<string, Pair>>();
  const pairOf = (map: YAMLMap, key: string): Pair | undefined => {
    let known = pairs.get(map);
    if (known === undefined) {
      known = new Map(map.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : "", pair]));
      pairs.set(map, known);
    }
    return known.get(key);
  };
  const find = (path: Path): { node: Node | null; depth: number } => {
    let node: Node | null = document.contents;
    let found: Node | null = node;
    let depth = 0;
    for (const step of path) {
      const next: unknown = isMap(node)
        ? pairOf(node, String(step))
        : isSeq(node)
          ? node.items[Number(step)]
          : undefined;
      if (next === undefined) break;
      const pair = next as Pair;
      if (isMap(node)) {
        found = pair.key as Node;
        node = isNode(pair.value) ? pair.value : null;
      } else {
        found = next as Node;
        node = next as Node;
      }
      depth += 1;
    }
    return { node: found, depth };
  };
  return {
    file,
    text,
    value: document.toJS(),
    place: (path) => at(find(path).node?.range?.[0] ?? 0),
    has: (path) => find(path).depth === path.length,
    depth: (path) => find(path).depth,
  };
}

function explain(code: string, message: string): Pick<Fault, "message" | "remedy"> {
  switch (code) {
    case "TAB_AS_INDENT":
      return { message: "is indented with a tab", remedy: "YAML is indented with spaces: two are usual." };
    case "MULTIPLE_DOCS":
      return { message: "holds more than one document", remedy: "Remove the line ---." };
    default:
      return { message: message.replace(/\s+/g, " ").slice(0, 200) };
  }
}
