/** `docker save`'s tar stream: what is in it, and the same stream without some of its files, byte for byte. */
import { z } from "zod";

const BLOCK = 512;
/** Bytes; pax records and manifest.json are a few kilobytes. */
const SMALL = 8 * 1024 * 1024;

export type Entry = { path: string; size: number; type: string };

/** Bytes as they came. Headers and padding are no content; the end of the archive belongs to no entry. */
export type Piece = { entry?: Entry; content: boolean; bytes: Uint8Array };

/** Of manifest.json, which every `docker save` writes, whatever else is in the archive. */
const Manifest = z.array(z.object({ Config: z.string(), Layers: z.array(z.string()).nullable() }));
type Manifest = z.infer<typeof Manifest>;

export type Survey = {
  manifest: Manifest;
  /** Bytes of each plain file. */
  sizes: ReadonlyMap<string, number>;
  /** Some names are links to others: nothing can be left out by name. */
  links: boolean;
};

/** Reads an archive to its end. @throws where it is cut, no tar archive, or not one of images */
export async function survey(archive: AsyncIterable<Uint8Array>): Promise<Survey> {
  const sizes = new Map<string, number>();
  const manifest: Uint8Array[] = [];
  let links = false;
  for await (const { entry, content, bytes } of pieces(archive)) {
    if (!entry) continue;
    if (entry.type === "1" || entry.type === "2") links = true;
    if (entry.type === "0") sizes.set(entry.path, entry.size);
    if (entry.path !== "manifest.json" || !content) continue;
    if (entry.size > SMALL) throw new Error("its manifest.json is too large");
    manifest.push(bytes);
  }
  if (manifest.length === 0) throw new Error("it has no manifest.json");
  return { manifest: Manifest.parse(JSON.parse(Buffer.concat(manifest).toString())), sizes, links };
}

/** The archive without these files. @throws where it is cut: what came of it is not to be used */
export async function* without(
  archive: AsyncIterable<Uint8Array>,
  paths: ReadonlySet<string>,
): AsyncGenerator<Uint8Array> {
  for await (const { entry, bytes } of pieces(archive)) {
    if (!entry || !paths.has(entry.path)) yield bytes;
  }
}

export async function* pieces(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Piece> {
  const source = reader(archive);
  try {
    let records: Record<string, string> = {};
    let head: Uint8Array[] = [];
    for (;;) {
      const block = await source.take(BLOCK);
      if (block.every((byte) => byte === 0)) {
        yield { content: false, bytes: Buffer.concat([...head, block]) };
        for await (const bytes of source.rest()) yield { content: false, bytes };
        return;
      }
      const found = parseHeader(block);
      head.push(block);
      if (/[xgLK]/.test(found.type)) {
        if (found.size > SMALL) throw new Error("the archive has a header that is too large");
        const text = await source.take(found.size);
        head.push(text, await source.take(padding(found.size)));
        if (found.type === "x") records = { ...records, ...parseRecords(text) };
        if (found.type === "L") records.path = text.toString().replace(/\0.*$/s, "");
        continue;
      }
      const size = records.size === undefined ? found.size : Number(records.size);
      const entry = { ...found, size, path: records.path ?? found.path };
      yield { entry, content: false, bytes: Buffer.concat(head) };
      for await (const bytes of source.next(size)) yield { entry, content: true, bytes };
      yield { entry, content: false, bytes: await source.take(padding(size)) };
      records = {};
      head = [];
    }
  } finally {
    await source.close();
  }
}

function parseHeader(block: Buffer): Entry {
  const text = (from: number, length: number) =>
    block
      .subarray(from, from + length)
      .toString()
      .replace(/\0.*$/s, "");
  const octal = (from: number, length: number) => Number.parseInt(text(from, length).trim() || "0", 8);
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (sum !== octal(148, 8)) throw new Error("the archive is damaged: a header's checksum is wrong");
  const [name, prefix] = [
    text(0, 100),
    block.toString("latin1", 257, 263) === "ustar\0" ? text(345, 155) : "",
  ];
  // What does not fit into octal digits is binary, with the first bit set.
  const large = ((block[124] ?? 0) & 0x80) !== 0;
  const size = large ? Number(block.readBigUInt64BE(128)) : octal(124, 12);
  const type = text(156, 1) || "0";
  if (!Number.isSafeInteger(size)) throw new Error("the archive is damaged: a size is no number");
  return { path: prefix ? `${prefix}/${name}` : name, size: /[0x7gLK]/.test(type) ? size : 0, type };
}

/** `LENGTH key=value\n`, where LENGTH counts itself. */
function parseRecords(bytes: Buffer): Record<string, string> {
  const records: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const length = Number.parseInt(bytes.toString("latin1", at, at + 20), 10);
    if (!(length > 0)) throw new Error("the archive is damaged: a pax record has no length");
    const [, key = "", value = ""] =
      /^\d+ ([^=]+)=(.*)\n$/s.exec(bytes.toString("utf8", at, at + length)) ?? [];
    records[key] = value;
    at += length;
  }
  return records;
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function reader(archive: AsyncIterable<Uint8Array>) {
  const iterator = archive[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);

  async function more(): Promise<boolean> {
    const { done, value } = await iterator.next();
    if (!done) held = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return !done;
  }

  /** As it comes, never more than that many bytes. */
  async function* next(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0; ) {
      if (held.length === 0 && !(await more())) throw new Error("the archive ends in the middle");
      const part = held.subarray(0, left);
      held = held.subarray(part.length);
      left -= part.length;
      if (part.length > 0) yield part;
    }
  }

  return {
    next,
    async take(size: number): Promise<Buffer> {
      const parts: Buffer[] = [];
      for await (const part of next(size)) parts.push(part);
      return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
    },
    async *rest(): AsyncGenerator<Buffer> {
      do {
        if (held.length > 0) yield held;
      } while (await more());
    },
    close: async () => void (await iterator.return?.()),
  };
}
