/** Files as one tar stream (POSIX ustar, with pax records where a name or size does not fit). */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import type { SentFile } from "./host.ts";
import { isFolder } from "./paths.ts";

const BLOCK = 512;
/** 8 GiB: what eleven octal digits can say. */
const OCTAL_MAXIMUM = 0o77777777777;

/** @throws (the stream) where a file cannot be read, or changes its size meanwhile */
export function tarStream(files: readonly SentFile[], now = Date.now()): Readable {
  return Readable.from(blocks(files, Math.floor(now / 1000)), { objectMode: false });
}

async function* blocks(files: readonly SentFile[], time: number): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    const { path, content = "", mode = isFolder(file) ? 0o755 : 0o644 } = file;
    if (isFolder(file)) {
      yield header({ path, mode, size: 0, time, type: "5", link: "" });
    } else if (typeof content === "object" && "link" in content) {
      yield header({ path, mode: 0o777, size: 0, time, type: "2", link: content.link });
    } else if (typeof content === "object" && "from" in content) {
      const { size } = await stat(content.from);
      yield header({ path, mode, size, time, type: "0", link: "" });
      yield* sized(content.from, size);
      yield padding(size);
    } else {
      const bytes = Buffer.from(content as string | Uint8Array);
      yield header({ path, mode, size: bytes.length, time, type: "0", link: "" });
      yield bytes;
      yield padding(bytes.length);
    }
  }
  yield Buffer.alloc(2 * BLOCK);
}

async function* sized(path: string, size: number): AsyncGenerator<Uint8Array> {
  let read = 0;
  // One byte more than there should be: a file that grows is seen.
  for await (const part of createReadStream(path, { end: size, highWaterMark: 256 * 1024 })) {
    read += part.length;
    if (read > size) break;
    yield part;
  }
  if (read !== size) throw new Error(`${path} changed while it was sent`);
}

type Entry = { path: string; mode: number; size: number; time: number; type: string; link: string };

function header(entry: Entry): Buffer {
  const records: [string, string][] = [];
  if (!fits(entry.path)) records.push(["path", entry.path]);
  if (!fits(entry.link)) records.push(["linkpath", entry.link]);
  if (entry.size > OCTAL_MAXIMUM) records.push(["size", String(entry.size)]);
  if (records.length === 0) return block(entry);
  const pax = Buffer.from(records.map(record).join(""));
  const extended = block({ ...entry, path: "pax", link: "", mode: 0o644, size: pax.length, type: "x" });
  return Buffer.concat([extended, pax, padding(pax.length), block(entry)]);
}

function fits(text: string): boolean {
  return Buffer.byteLength(text) <= 100 && /^[\x20-\x7e]*$/.test(text);
}

/** `LENGTH key=value\n`, where LENGTH counts itself. */
function record([key, value]: [string, string]): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function block({ path, mode, size, time, type, link }: Entry): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, "0")}\0`;
  bytes.write(path, 0, 100);
  bytes.write(octal(mode, 8), 100);
  bytes.write(octal(0, 8), 108);
  bytes.write(octal(0, 8), 116);
  bytes.write(octal(Math.min(size, OCTAL_MAXIMUM), 12), 124);
  bytes.write(octal(time, 12), 136);
  bytes.write("        ", 148);
  bytes.write(type, 156);
  bytes.write(link, 157, 100);
  bytes.write("ustar\x0000", 257);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return bytes;
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}
