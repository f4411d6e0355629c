/** zod's issues in the words of this house: what was found, what was expected, the nearest right word. */
import type { z } from "zod";
import type { Path } from "./document.ts";
import { isMap } from "./merge.ts";
import { nearest } from "./nearest.ts";

export type PlacedMessage = { path: Path; message: string; remedy?: string };

type Issue = z.core.$ZodIssue;

const KINDS: Record<string, string> = {
  object: "a map of words",
  record: "a map of words",
  array: "a list",
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

export function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "nothing (null)";
  if (Array.isArray(value)) return "a list";
  if (isMap(value)) return "a map of words";
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/** @param knownKeys the keys that the schema has at a path, for the nearest right one */
export function translateIssues(
  issues: readonly Issue[],
  root: unknown,
  knownKeys: (path: Path) => readonly string[],
  prefix: Path = [],
): PlacedMessage[] {
  return issues.flatMap((issue): PlacedMessage[] => {
    const path = [...prefix, ...(issue.path as Path)];
    const found = valueAt(root, path);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => unknownKey([...path, key], knownKeys(path)));
    }
    if (issue.code === "invalid_key") {
      const why = issue.issues[0]?.message ?? "is not a name that can be used here";
      return [{ path, message: `${why}, found the key ${describeValue(path.at(-1))}` }];
    }
    if (issue.code === "invalid_union") {
      const inner = bestBranch(issue.errors as Issue[][]);
      if (inner) return translateIssues(inner, root, knownKeys, path);
    }
    if (found === undefined && !issue.message.startsWith("expected") && issue.code === "invalid_type") {
      return [{ path, message: `is missing; expected ${KINDS[issue.expected] ?? issue.expected}` }];
    }
    return [{ path, message: `${expectation(issue)}, found ${describeValue(found)}` }];
  });
}

function unknownKey(path: Path, known: readonly string[]): PlacedMessage {
  const key = String(path.at(-1));
  const near = nearest(key, known);
  if (near !== undefined) return { path, message: `is not a word of stack.yaml; did you mean ${near}?` };
  const list = known.length > 0 ? `Known here: ${known.join(", ")}.` : undefined;
  return { path, message: "is not a word of stack.yaml", remedy: list };
}

/** The branch that understood the value's kind and complains about something inside it. */
function bestBranch(branches: Issue[][]): Issue[] | undefined {
  const inside = branches.filter((issues) =>
    issues.every((issue) => issue.path.length > 0 || !["invalid_type", "invalid_value"].includes(issue.code)),
  );
  return inside.length === 1 ? inside[0] : undefined;
}

function expectation(issue: Issue): string {
  if (issue.message.startsWith("expected")) return issue.message;
  switch (issue.code) {
    case "invalid_type":
      return `expected ${KINDS[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `expected ${issue.values.map(String).join(" or ")}`;
    case "too_big":
      return `expected at most ${issue.maximum}${issue.origin === "string" ? " characters" : ""}`;
    case "too_small":
      return `expected at least ${issue.minimum}${issue.origin === "string" ? " characters" : ""}`;
    default:
      return issue.message;
  }
}
