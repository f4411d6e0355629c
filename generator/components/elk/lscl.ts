/** Logstash's pipeline language, written from data: every text is quoted, so that none can become syntax. */

/** A variable of Logstash's environment: how a secret gets into the pipeline without being in its text. */
export type Variable = { readonly variable: string };
export type Value = string | number | boolean | Variable | readonly Value[] | ReadonlyMap<string, Value>;
export type Plugin = { readonly plugin: string; readonly settings: Readonly<Record<string, Value>> };
export type Pipeline = {
  readonly input: readonly Plugin[];
  readonly filter: readonly Plugin[];
  readonly output: readonly Plugin[];
};

const NAME = /^[a-z][a-z0-9_]*$/;

export function writePipeline(pipeline: Pipeline): string {
  return (["input", "filter", "output"] as const)
    .map((section) => `${section} {\n${pipeline[section].map(plugin).join("")}}\n`)
    .join("");
}

function plugin({ plugin: name, settings }: Plugin): string {
  const lines = Object.entries(settings).map(([key, value]) => `    ${word(key)} => ${write(value)}\n`);
  return `  ${word(name)} {\n${lines.join("")}  }\n`;
}

function word(name: string): string {
  if (!NAME.test(name)) throw new Error(`not a name in a Logstash pipeline: ${JSON.stringify(name)}`);
  return name;
}

function write(value: Value): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!/^-?\d+(?:\.\d+)?$/.test(String(value)))
      throw new Error(`not a number that Logstash reads: ${value}`);
    return String(value);
  }
  if (value instanceof Map) {
    return `{ ${[...value].map(([key, inner]) => `${quote(key)} => ${write(inner)}`).join(" ")} }`;
  }
  if (Array.isArray(value)) return `[${value.map(write).join(", ")}]`;
  const { variable } = value as Variable;
  if (!/^[A-Z][A-Z0-9_]*$/.test(variable))
    throw new Error(`not a variable's name: ${JSON.stringify(variable)}`);
  return `"\${${variable}}"`;
}

/**
 * A text in quotes. Logstash knows no escapes unless told so (config.support_escapes): a backslash is a backslash, but
 * one before a quote keeps the string open. So the quotes are chosen to suit the text.
 *
 * @throws Error for the few texts the language cannot hold: both kinds of quotes, a backslash before the end, or
 * `${` that Logstash would replace from its environment
 */
export function quote(text: string): string {
  if (text.includes("${")) throw new Error(`Logstash would replace a variable in ${JSON.stringify(text)}`);
  const mark = text.includes('"') ? "'" : '"';
  if (text.includes(mark) || text.endsWith("\\")) {
    throw new Error(`no string of a Logstash pipeline can hold ${JSON.stringify(text)}`);
  }
  return mark + text + mark;
}
