/** Words of a user as nginx, the shell and JavaScript read them: text, never syntax. */

/** Holds a single `$` (geo does not read variables), since nginx has no escape for it. */
export const DOLLAR = "plimsoll_dollar";

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
const CONTROL = /[\u0000-\u001f\u007f]/;

function quoted(text: string): string {
  if (CONTROL.test(text)) throw new Error(`nginx: a control character in ${JSON.stringify(text)}`);
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** For values that nginx reads variables in (add_header, map's right side). @throws Error for control characters */
export function quote(text: string): string {
  return quoted(text).replaceAll("$", `\${${DOLLAR}}`);
}

/**
 * For words in which a `$`, a leading `~` or a word of the directive itself would mean something: names, paths,
 * networks, map's left side. @throws Error for `$`, control characters and words that are syntax
 */
export function literal(text: string): string {
  if (
    /[$*]|^[~=@^!\\]|^(?:default|hostnames|include|volatile|ranges|delete|proxy)$/.test(text) ||
    text === ""
  ) {
    throw new Error(`nginx: no plain word: ${JSON.stringify(text)}`);
  }
  return quoted(text);
}

/** One word of a shell command. @throws Error for control characters */
export function shellWord(text: string): string {
  if (CONTROL.test(text)) throw new Error(`sh: a control character in ${JSON.stringify(text)}`);
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A JavaScript literal. JSON is one, but for two line separators of Unicode. */
export function script(value: unknown): string {
  return JSON.stringify(value).replace(/[\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`);
}
