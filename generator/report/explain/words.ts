/** The words of stack.yaml that could be behind a setting: those that are written, and defaults of parts that matter. */
import type { Path, YamlFile } from "../../spec/document.ts";
import { isMap } from "../../spec/merge.ts";
import type { JsonSchema } from "../../spec/schema.ts";

export type Word = { path: readonly string[]; value: unknown; written: boolean; node: JsonSchema };

/** @param parts the parts whose defaults are wanted, as `["postgres"]` */
export function wordsOf(
  yaml: YamlFile,
  environment: string,
  schema: JsonSchema,
  parts: readonly (readonly string[])[],
): Word[] {
  const { environments, ...base } = yaml.value as Record<string, unknown>;
  const own = isMap(environments) && isMap(environments[environment]) ? environments[environment] : {};
  const written = new Map<string, Word>();
  for (const root of [base, own]) {
    for (const { path, value } of leaves(root)) {
      written.set(path.join("."), { path, value, written: true, node: nodeAt(schema, path) ?? {} });
    }
  }
  const defaults = parts
    .flatMap((path) => defaultsOf(nodeAt(schema, path) ?? {}, path))
    .filter(
      ({ path }) =>
        !written.has(path.join(".")) &&
        ![...written.keys()].some((key) => key.startsWith(`${path.join(".")}.`)),
    );
  return [...written.values(), ...defaults];
}

/** stack.yaml with one word changed, where it counts: in the environment's own words if it stands there. */
export function withWord(yaml: YamlFile, environment: string, path: Path, value: unknown): YamlFile {
  const own: Path = ["environments", environment, ...path];
  return { ...yaml, value: set(yaml.value, yaml.has(own) ? own : path, value) };
}

function set(root: unknown, [first, ...rest]: Path, value: unknown): unknown {
  if (first === undefined) return value;
  const copy: Record<string | number, unknown> = isMap(root) ? { ...root } : {};
  const inner = rest.length === 0 ? value : set(copy[first], rest, value);
  if (inner === undefined) delete copy[first];
  else copy[first] = inner;
  return copy;
}

function leaves(value: unknown, path: readonly string[] = []): { path: readonly string[]; value: unknown }[] {
  if (!isMap(value)) return [{ path, value }];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function defaultsOf(node: JsonSchema, path: readonly string[]): Word[] {
  const inner = objectOf(node);
  if (inner) {
    return Object.entries(inner.properties as Record<string, JsonSchema>).flatMap(([key, child]) =>
      defaultsOf(child, [...path, key]),
    );
  }
  return node.default === undefined ? [] : [{ path, value: node.default, written: false, node }];
}

function nodeAt(schema: JsonSchema, path: readonly string[]): JsonSchema | undefined {
  let node: JsonSchema | undefined = schema;
  for (const key of path) {
    const object: JsonSchema | undefined = node && objectOf(node);
    const more: unknown = object?.additionalProperties ?? node?.additionalProperties;
    node =
      (object?.properties as Record<string, JsonSchema> | undefined)?.[key] ??
      (isMap(more) ? (more as JsonSchema) : undefined);
  }
  return node;
}

/** The map a word may be, among what else it may be. */
function objectOf(node: JsonSchema): JsonSchema | undefined {
  if (isMap(node.properties)) return node;
  return ((node.anyOf ?? []) as JsonSchema[]).map(objectOf).find((branch) => branch !== undefined);
}
