/** The plain environment of the application: what stack.yaml says, and what was set by command. Pure. */

import { components } from "../../generator/components/index.ts";
import { produce } from "../../generator/index.ts";
import { type Choices, loadSpec, type Spec } from "../../generator/spec/load.ts";
import { EnvironmentName, EnvironmentValue } from "../../generator/spec/words.ts";
import type { StackSource } from "../../generator/stack.ts";
import { unknown } from "../operate/names.ts";
import { Problem } from "../problem.ts";
import type { Change } from "./change.ts";

export type ConfigRow = {
  name: string;
  value: string /** `command` wins. */;
  from: "stack.yaml" | "command";
};

type Api = { environment: Record<string, string>; secrets: Record<string, string> };
const apiOf = (spec: Pick<Spec, "options">) => spec.options.get("api") as Api;

export function configRows(source: StackSource, spec: Spec, said: Choices): ConfigRow[] {
  const present = apiOf(loadSpec(source.yaml, spec.environment, components, said)).environment;
  return Object.entries(present)
    .map(([name, value]): ConfigRow => {
      const set = said.config !== undefined && Object.hasOwn(said.config, name);
      return { name, value, from: set ? "command" : "stack.yaml" };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @throws Problem (2) */
export function configRow(rows: readonly ConfigRow[], name: string): ConfigRow {
  const row = rows.find((one) => one.name === name);
  if (!row)
    throw unknown(
      "variable",
      name,
      rows.map((one) => one.name),
    );
  return row;
}

/** `NAME=value`. @throws Problem (2) for a name or a value that no environment takes */
export function parseSettings(words: readonly string[]): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const word of words) {
    const at = word.indexOf("=");
    if (at < 1) throw new Problem(`${JSON.stringify(word)} sets nothing`, "For example: LOG_LEVEL=debug", 2);
    const [name, value] = [word.slice(0, at), word.slice(at + 1)];
    checkName(name);
    const parsed = EnvironmentValue.safeParse(value);
    // The value is not repeated: it may be a secret that somebody sets in the wrong place.
    if (!parsed.success)
      throw new Problem(`the value of ${name}: ${parsed.error.issues[0]?.message}`, undefined, 2);
    if (Object.hasOwn(settings, name)) throw new Problem(`${name} is set twice`, undefined, 2);
    settings[name] = parsed.data;
  }
  return settings;
}

function checkName(name: string): void {
  const parsed = EnvironmentName.safeParse(name);
  if (!parsed.success)
    throw new Problem(`${JSON.stringify(name)}: ${parsed.error.issues[0]?.message}`, undefined, 2);
}

/** @throws Problem (2), InputError: for names that are secrets or plimsoll's own */
export function setConfig(
  source: StackSource,
  spec: Spec,
  said: Choices,
  settings: Readonly<Record<string, string>>,
): Change | undefined {
  for (const name of Object.keys(settings)) refuseSecret(spec, name);
  const rows = configRows(source, spec, said);
  const different = Object.keys(settings).filter(
    (name) => rows.find((row) => row.name === name)?.value !== settings[name],
  );
  if (different.length === 0) return undefined;
  return change(
    source,
    spec,
    { ...said, config: { ...said.config, ...settings } },
    different.map((name) => `${name} set`),
  );
}

function refuseSecret(spec: Spec, name: string): void {
  if (!Object.hasOwn(apiOf(spec).secrets, name)) return;
  throw new Problem(
    `${name} is a secret: it would be seen by everybody who may look at a container`,
    `plimsoll secrets ${spec.environment} set ${name}`,
    2,
  );
}

/** @throws Problem (2) for a name that is not set */
export function unsetConfig(
  source: StackSource,
  spec: Spec,
  said: Choices,
  names: readonly string[],
): Change {
  const rows = configRows(source, spec, said);
  const config: Record<string, string | null> = { ...said.config };
  for (const name of names) {
    checkName(name);
    configRow(rows, name);
    // What stack.yaml says must be taken away by name; what a command said is forgotten.
    if (Object.hasOwn(apiOf(spec).environment, name)) config[name] = null;
    else delete config[name];
  }
  return change(
    source,
    spec,
    { ...said, config },
    names.map((name) => `${name} unset`),
  );
}

function change(source: StackSource, spec: Spec, choices: Choices, what: string[]): Change {
  produce(source, spec.environment, choices);
  return { kind: "config", choices, what };
}
