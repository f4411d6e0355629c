import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

type Value = string | number | bigint | boolean | undefined;
export type ReceivedSpan = {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  attributes: Record<string, Value>;
  resource: Record<string, Value>;
};

/** What plays a part: `url` or port, and an end. */
type Played = { port: number; close(): void };

async function listening(server: Server): Promise<Played> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket.on("error", () => {})));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

/** A traces' backend: OTLP/HTTP with protobuf, as its specification has it. */
export async function playBackend() {
  const spans: ReceivedSpan[] = [];
  const headers: Record<string, unknown>[] = [];
  const server = createHttpServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url !== "/v1/traces" || request.headers["content-type"] !== "application/x-protobuf")
      return void response.writeHead(415).end();
    headers.push(request.headers);
    spans.push(...readSpans(Buffer.concat(chunks)));
    response.writeHead(200, { "Content-Type": "application/x-protobuf" }).end();
  });
  return { ...(await listening(server)), spans, headers };
}

/** A backend that takes connections and never answers. */
export function playSilence(): Promise<Played> {
  return listening(createServer(() => {}));
}

/** A Redis that knows nothing: of RESP as much as this application's commands need. */
export function playRedis(): Promise<Played> {
  const answer = (command: string) =>
    ({
      INFO: bulk("redis_version:7.4.0\r\nloading:0\r\n"),
      HGET: "$-1\r\n",
      EXISTS: ":0\r\n",
      PING: "+PONG\r\n",
    })[command] ?? "+OK\r\n";
  return listening(
    createServer((socket) => {
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        for (let whole = /^\*(\d+)\r\n/.exec(text); whole; whole = /^\*(\d+)\r\n/.exec(text)) {
          const words: string[] = [];
          let at = whole[0].length;
          for (let word = 0; word < Number(whole[1]); word++) {
            const size = /^\$(\d+)\r\n/.exec(text.slice(at));
            if (!size || text.length < at + size[0].length + Number(size[1]) + 2) return;
            words.push(text.slice(at + size[0].length, at + size[0].length + Number(size[1])));
            at += size[0].length + Number(size[1]) + 2;
          }
          text = text.slice(at);
          socket.write(answer(words[0]?.toUpperCase() ?? ""));
        }
      });
    }),
  );
}

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

/** A PostgreSQL whose every table is empty: the startup, the simple and the extended query of its protocol 3.0. */
export function playPostgres(): Promise<Played> {
  const message = (kind: string, body: Buffer | string = "") => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(4 + Buffer.byteLength(body));
    return Buffer.concat([Buffer.from(kind), length, Buffer.from(body)]);
  };
  const ready = message("Z", "I");
  const done = message("C", "SELECT 0\0");
  const answers: Record<string, Buffer> = {
    Q: Buffer.concat([done, ready]),
    P: message("1"),
    B: message("2"),
    D: message("n"),
    E: done,
    S: ready,
  };
  return listening(
    createServer((socket) => {
      let got = Buffer.alloc(0);
      let started = false;
      socket.on("data", (chunk) => {
        got = Buffer.concat([got, chunk]);
        for (;;) {
          const head = started ? 1 : 0;
          if (got.length < head + 4) return;
          const size = head + got.readInt32BE(head);
          if (got.length < size) return;
          const kind = String.fromCharCode(got[0] as number);
          got = got.subarray(size);
          socket.write(started ? (answers[kind] ?? "") : Buffer.concat([message("R", "\0\0\0\0"), ready]));
          started = true;
        }
      });
    }),
  );
}

type Fields = Map<number, (Buffer | bigint)[]>;

/** The wire format of protobuf, which needs no schema to be taken apart. */
function fieldsOf(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    const value = wire === 0 ? varint() : take(wire === 2 ? Number(varint()) : wire === 1 ? 8 : 4);
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

/** Numbers of fields: opentelemetry-proto, trace/v1/trace.proto and common/v1/common.proto. */
function readSpans(body: Buffer): ReceivedSpan[] {
  const all = (fields: Fields | undefined, field: number) => (fields?.get(field) ?? []) as Buffer[];
  const parts = (fields: Fields | undefined, field: number) => all(fields, field).map(fieldsOf);
  const hex = (fields: Fields, field: number) => all(fields, field)[0]?.toString("hex") ?? "";
  const attributes = (fields: Fields | undefined, field: number) =>
    Object.fromEntries(
      parts(fields, field).map((pair) => [String(all(pair, 1)[0]), plainValue(parts(pair, 2)[0])] as const),
    );
  return parts(fieldsOf(body), 1).flatMap((resourceSpans) => {
    const resource = attributes(parts(resourceSpans, 1)[0], 1);
    return parts(resourceSpans, 2)
      .flatMap((scopeSpans) => parts(scopeSpans, 2))
      .map((span) => ({
        traceId: hex(span, 1),
        spanId: hex(span, 2),
        parentSpanId: hex(span, 4),
        name: String(all(span, 5)[0]),
        kind: Number(span.get(6)?.[0] ?? 0),
        attributes: attributes(span, 9),
        resource,
      }));
  });
}

function plainValue(any: Fields | undefined): Value {
  const text = any?.get(1)?.[0];
  if (text !== undefined) return String(text);
  const whole = any?.get(3)?.[0];
  return whole === undefined ? undefined : Number(whole);
}
