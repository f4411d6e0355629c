/** From bytes to text: what cannot be a stack.yaml is refused before a parser sees it. */
import { type Fault, InputError } from "./fault.ts";

/** Far above any real stack.yaml, far below what would trouble a parser. Bytes. */
export const LARGEST_FILE = 256 * 1024;

/** @throws InputError where the bytes are too many, not UTF-8, or hold NUL bytes. A byte order mark is dropped. */
export function decodeText(file: string, bytes: Uint8Array): string {
  const refuse = (fault: Omit<Fault, "file">): never => {
    throw new InputError([{ file, ...fault }]);
  };
  if (bytes.byteLength > LARGEST_FILE) {
    refuse({
      message: `is ${Math.ceil(bytes.byteLength / 1024)} KB; at most ${LARGEST_FILE / 1024} KB is read`,
      remedy: "A stack.yaml has some 40 lines. Is this the right file?",
    });
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return refuse({ message: "is not UTF-8", remedy: "Save it with the encoding UTF-8." });
  }
  const nul = text.indexOf("\0");
  if (nul >= 0) {
    const before = text.slice(0, nul).split("\n");
    refuse({
      line: before.length,
      column: (before.at(-1) as string).length + 1,
      message: "holds a NUL byte",
    });
  }
  return text;
}
