/** `.env.production` of the front end, for its build on the CDN. Read by Vite: dotenv, then dotenv-expand. */
import type { File } from "../component.ts";

export function frontendFile(variables: Readonly<Record<string, string>>): File {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${quote(value)}\n`);
  return { path: "frontend/.env.production", content: { text: lines.join("") } };
}

/** dotenv has no escapes for its quotes, so one is taken that the value does not hold; `$` would be expanded. */
function quote(value: string): string {
  const literal = value.replaceAll("$", "\\$");
  if (/^[\w.:/@+-]*$/.test(value)) return literal;
  const mark = quoteFor(value);
  return `${mark}${literal}${mark}`;
}

/** Undefined where the value holds all three kinds of quotes: check.ts refuses that. */
export function quoteFor(value: string): string | undefined {
  // In double quotes dotenv makes line ends of \n: they come last, and never with a backslash inside.
  return ["'", "`", ...(value.includes("\\") ? [] : ['"'])].find((mark) => !value.includes(mark));
}
