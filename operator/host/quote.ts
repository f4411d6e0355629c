/** Words for a POSIX shell: each stays one argument, with every character as it is. */

/** @throws where there is a NUL: no argument can hold one */
export function quote(word: string): string {
  if (word.includes("\0")) throw new Error("an argument cannot hold a NUL character");
  if (/^[A-Za-z0-9_/:=.,@%+-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}

export function quoteAll(words: readonly string[]): string {
  return words.map(quote).join(" ");
}
