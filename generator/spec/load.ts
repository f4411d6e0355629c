/** stack.yaml to the spec of one environment: merged, validated, every fault with file, line and remedy. */
import { z } from "zod";
import type { Release } from "../components/component.ts";
import type { Held } from "../plan/budget.ts";
import { type Core, coreShape, type EnvironmentKind, environmentNames } from "./core.ts";
import { type Path, parseYaml, type YamlFile } from "./document.ts";
import { type Fault, InputError } from "./fault.ts";
import { describeValue, type PlacedMessage, translateIssues, valueAt } from "./faults.ts";
import { laptop, type Machine } from "./machine.ts";
import { isMap, merge } from "./merge.ts";
import { nearest } from "./nearest.ts";
import { isUsual, type Section, stackSchema } from "./schema.ts";

/** What was said by command and not in stack.yaml. On a host it is kept in release.yaml. */
export type Choices = {
  images?: "official" | "debian";
  project?: string;
  /** The application's image, where stack.yaml names one. */
  image?: string;
  /** How many: `api` for the servers, or a process by its name. */
  scale?: Readonly<Record<string, number>>;
  /** Environment of the application; null takes a variable away. */
  config?: Readonly<Record<string, string | null>>;
  /** What the application is told, and the tag of its image where it is built. */
  release?: Release;
  /** Bytes that services were granted before: kept while they fit, so that a change of one restarts no other. */
  held?: Held;
};

export type Spec = {
  environment: EnvironmentKind;
  core: Core;
  machine: Machine;
  release?: Release;
  held?: Held;
  /** Options of each component that was not switched off, by the component's name. */
  options: ReadonlyMap<string, unknown>;
  /** Texts of the files beside stack.yaml that it names, by their path there; what cannot be read is missing. */
  beside: Readonly<Record<string, string>>;
  /** Where a word was written (`stack.yaml:12`), or undefined for a default. */
  written(path: Path): string | undefined;
  /** Faults found later, at their place in the file. */
  fault(found: PlacedMessage): Fault;
};

/** @throws InputError where the text is no YAML, or no map */
export function readStack(file: string, text: string): YamlFile {
  const yaml = parseYaml(file, text);
  if (!isMap(yaml.value)) {
    throw new InputError([
      {
        file,
        message: `expected a map of words, found ${describeValue(yaml.value)}`,
        remedy:
          "The shortest stack.yaml: name, domain, machine, and api with an image. `plimsoll init` writes one.",
      },
    ]);
  }
  return yaml;
}

/** @throws InputError with every fault of this environment */
export function loadSpec(
  yaml: YamlFile,
  environment: EnvironmentKind,
  sections: readonly Section[],
  choices: Choices = {},
): Spec {
  const { environments, ...base } = yaml.value as Record<string, unknown>;
  const written = isMap(environments) ? environments[environment] : undefined;
  const own = isMap(written) ? without(written, ["environments"]) : undefined;
  const overrideOf = (path: Path): Path => ["environments", environment, ...path];
  // Where more of the path is written: what is missing in an environment's own map is missing there.
  const placed = (path: Path): Path =>
    yaml.depth(overrideOf(path)) - 2 >= Math.max(1, yaml.depth(path)) ? overrideOf(path) : path;
  const fault = ({ path, message, remedy }: PlacedMessage): Fault => ({
    file: yaml.file,
    ...yaml.place(placed(path)),
    path: placed(path).join("."),
    message,
    remedy,
  });
  const faults = environmentFaults(environments).map(
    ({ path, ...rest }): Fault => ({ file: yaml.file, ...yaml.place(path), path: path.join("."), ...rest }),
  );

  // A laptop would share production's bucket with it: it has a volume, unless its own words name something else.
  // Nor does it send its traces among production's.
  const shared =
    environment === "local" ? without(without(base, ["backup", "repository"]), ["tracing"]) : base;
  let words = merge(shared, own) as Record<string, unknown>;
  const machineIsOwn = (own?.machine ?? undefined) !== undefined;
  if (environment === "local" && !machineIsOwn) words = { ...words, machine: words.machine ?? "s-1vcpu-1gb" };
  words = choose(words, choices);

  const { kept, off, refused } = switchOff(words, sections);
  const schema = stackSchema(sections);
  const parsed = schema.safeParse(kept);
  const known = (path: Path) => knownKeys(schema, path);
  faults.push(...refused.map(fault));
  if (!parsed.success) {
    const issues = translateIssues(parsed.error.issues, kept, (path) =>
      path.length === 0 ? [...known(path), "environments"] : known(path),
    );
    faults.push(...issues.map(fault));
  }
  if (faults.length > 0 || !parsed.success) throw new InputError(faults);

  const data = parsed.data as Record<string, unknown>;
  const core = Object.fromEntries(Object.keys(coreShape).map((key) => [key, data[key]])) as Core;
  const options = new Map(
    sections
      .filter((section) => !off.has(section.name))
      .map((section) => [section.name, valueAt(parsed.data, section.at)] as const)
      // One that nobody has unless it is asked for.
      .filter(([, value]) => value !== undefined),
  );
  return {
    environment,
    core,
    machine: environment === "local" && !machineIsOwn ? laptop : core.machine,
    release: choices.release,
    held: choices.held,
    options,
    beside: yaml.beside ?? {},
    fault,
    written: (path) =>
      yaml.depth(placed(path)) === placed(path).length
        ? `${yaml.file}:${yaml.place(placed(path)).line}`
        : undefined,
  };
}

/** The words with what was said by command in their place: it is validated like them. */
function choose(words: Record<string, unknown>, choices: Choices): Record<string, unknown> {
  const { images, project, image, scale = {}, config = {} } = choices;
  const changed = [
    ...(images === undefined ? [] : [[["images"], images] as const]),
    ...(project === undefined ? [] : [[["project"], project] as const]),
    // One that was named before the stack came to build its own means nothing any more.
    ...(image === undefined || isBuilt(words) ? [] : [[["api", "image"], image] as const]),
    ...Object.entries(scale).map(
      ([name, count]) => [name === "api" ? ["api", "servers"] : ["processes", name, "count"], count] as const,
    ),
  ];
  let chosen = words;
  for (const [path, value] of changed) chosen = put(chosen, path, value);
  for (const [name, value] of Object.entries(config)) {
    const path = ["api", "environment", name];
    chosen = value === null ? without(chosen, path) : put(chosen, path, value);
  }
  return chosen;
}

function isBuilt({ api }: Record<string, unknown>): boolean {
  return isMap(api) && api.build !== undefined;
}

function put(words: Record<string, unknown>, path: Path, value: unknown): Record<string, unknown> {
  const [first, ...rest] = path as [string, ...string[]];
  const inner = words[first];
  return { ...words, [first]: rest.length === 0 ? value : put(isMap(inner) ? inner : {}, rest, value) };
}

const ONLY_ONCE = [
  ["name", "a stack has one name in all environments"],
  ["environments", "an environment holds no environments"],
] as const;

function environmentFaults(environments: unknown): PlacedMessage[] {
  if (environments === undefined) return [];
  if (!isMap(environments)) {
    return [
      { path: ["environments"], message: `expected a map of words, found ${describeValue(environments)}` },
    ];
  }
  return Object.entries(environments).flatMap(([name, own]): PlacedMessage[] => {
    const path = ["environments", name];
    if (!(environmentNames as readonly string[]).includes(name)) {
      const near = nearest(name, environmentNames);
      const hint = near ? `; did you mean ${near}?` : "";
      return [{ path, message: `is not an environment (${environmentNames.join(", ")})${hint}` }];
    }
    if (own !== null && !isMap(own)) {
      return [{ path, message: `expected a map of words, found ${describeValue(own)}` }];
    }
    return ONLY_ONCE.filter(([word]) => isMap(own) && Object.hasOwn(own, word)).map(([word, message]) => ({
      path: [...path, word],
      message,
      remedy: "Remove it.",
    }));
  });
}

/** Takes out the parts that are `false`. Those that a stack cannot do without are refused. */
function switchOff(words: Record<string, unknown>, sections: readonly Section[]) {
  const off = new Set<string>();
  const refused: PlacedMessage[] = [];
  let kept = words;
  for (const section of sections) {
    for (let depth = 1; depth <= section.at.length; depth++) {
      const path = section.at.slice(0, depth);
      const value = valueAt(words, path);
      if (value === true && section.optional) {
        refused.push({
          path,
          message: "expected a map of words, or false to leave it out, found true",
          remedy: isUsual(section)
            ? "Remove it: it is part of every stack that does not say false."
            : `Write ${path.join(".")}: {} for all that is usual.`,
        });
        kept = without(kept, path);
      }
      if (value !== false) continue;
      if (section.optional) off.add(section.name);
      else
        refused.push({
          path,
          message: "cannot be left out",
          remedy: `Remove the word ${path.join(".")}: false.`,
        });
      kept = without(kept, path);
    }
  }
  return { kept, off, refused };
}

function without(words: Record<string, unknown>, path: Path): Record<string, unknown> {
  const [first, ...rest] = path as [string, ...string[]];
  if (!isMap(words) || !Object.hasOwn(words, first)) return words;
  const copy = { ...words };
  if (rest.length === 0) delete copy[first];
  else if (isMap(copy[first])) copy[first] = without(copy[first], rest);
  return copy;
}

/** The keys of the object schema at a path; empty for records and everything else. */
function knownKeys(schema: z.ZodType, path: Path): string[] {
  let current: z.ZodType | undefined = unwrap(schema);
  for (const step of path) {
    if (current instanceof z.ZodObject)
      current = unwrap(current.shape[String(step)] as z.ZodType | undefined);
    else if (current instanceof z.ZodRecord) current = unwrap(current.valueType as z.ZodType);
    else if (current instanceof z.ZodArray) current = unwrap(current.element as z.ZodType);
    else return [];
  }
  return current instanceof z.ZodObject ? Object.keys(current.shape) : [];
}

function unwrap(schema: z.ZodType | undefined): z.ZodType | undefined {
  let inner = schema;
  for (;;) {
    if (inner instanceof z.ZodPipe) inner = inner.in as z.ZodType;
    else if (
      inner instanceof z.ZodDefault ||
      inner instanceof z.ZodPrefault ||
      inner instanceof z.ZodOptional ||
      inner instanceof z.ZodNullable
    ) {
      inner = inner.unwrap() as z.ZodType;
    } else if (inner instanceof z.ZodUnion) {
      inner = (inner.options as z.ZodType[]).map(unwrap).find((option) => option instanceof z.ZodObject);
    } else return inner;
  }
}
