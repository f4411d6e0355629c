/** An archive of images into a host's engine, as one compressed stream. */
import { pipeline, Readable, Transform } from "node:stream";
import { createGzip } from "node:zlib";
import type { Host, Outcome } from "../host/host.ts";
import { Problem } from "../problem.ts";
import { without } from "./archive.ts";
import { Image } from "./ask.ts";

export type Loaded = { bytes: number } & (
  | { kind: "loaded"; images: Image[] }
  /** A layer that was there is so no more. */
  | { kind: "layer missing"; why: string }
);

export type Source = {
  open(): Promise<Readable>;
  /** Files of the archive that stay here. */
  drop: ReadonlySet<string>;
};

export type LoadOptions = {
  /** For messages. */
  image: string;
  /** What it may be called there. */
  names: readonly string[];
  /** Folder of the host's engine, for messages. */
  root: string;
  signal?: AbortSignal;
};

/** gzip's checksum comes last and the engine reads the whole archive first: a stream that was cut changes nothing. */
const LOAD = `
set -u
docker load --quiet >&2 || exit
for name in "$@"; do docker image inspect --format '{{json .}}' -- "$name" 2> /dev/null; done
exit 0
`.trim();

/** @throws Problem where it cannot be loaded, or is not read to its end here */
export async function load(host: Host, source: Source, options: LoadOptions): Promise<Loaded> {
  const { image, signal } = options;
  let sent = 0;
  let fault: unknown;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      done(null, chunk);
    },
  });
  const whole = await source.open();
  async function* watched() {
    try {
      yield* without(whole, source.drop);
    } catch (error) {
      fault = error;
      throw error;
    }
  }
  const archive = Readable.from(watched(), { objectMode: false });
  const input = pipeline(archive, createGzip({ level: 6 }), count, () => undefined);
  let outcome: Outcome;
  try {
    outcome = await host.script(LOAD, [...new Set(options.names)], { input, signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error === fault ? broken(image, error) : error;
  } finally {
    input.destroy();
    // A stream that nobody began to read would keep its connection.
    whole.destroy();
  }
  signal?.throwIfAborted();
  if (outcome.exitCode === 0) {
    const lines = outcome.stdout.split("\n").filter((line) => line.startsWith("{"));
    return { kind: "loaded", bytes: sent, images: lines.map((line) => Image.parse(JSON.parse(line))) };
  }
  const why = outcome.stderr.trim().split("\n").slice(-3).join("\n");
  if (/no space left on device/i.test(why)) throw full(host, options, why);
  if (/no such file or directory|not found/i.test(why)) return { kind: "layer missing", bytes: sent, why };
  if (fault) throw broken(image, fault);
  throw new Problem(
    `${host.name} did not load ${image}: ${why}`,
    "Nothing of it is there. The engine's own words there: journalctl --unit docker --lines 50",
  );
}

function broken(image: string, error: unknown): Problem {
  return new Problem(
    `this machine's engine stopped in the middle of ${image}: ${(error as Error).message}`,
    "Nothing of it is on the host. Send it again.",
  );
}

function full(host: Host, { image, root }: LoadOptions, why: string): Problem {
  return new Problem(
    `the disk of ${host.name} (${root}) is full; ${image} was not loaded: ${why}`,
    "See there what takes the room: docker system df\nFree what no container uses: docker image prune --all",
  );
}
