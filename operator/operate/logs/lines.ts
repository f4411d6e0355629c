/** Docker's log stream to lines: frames of two streams in one connection, each line with the time that Docker saw it. */

export type LogLine = {
  service: string;
  container: string;
  stream: "stdout" | "stderr";
  /** RFC 3339 with nine digits: texts that compare as times do. */
  at: string;
  text: string;
};

export type Chunked = { stream: "stdout" | "stderr"; at: string; text: string };

/**
 * Cuts what comes into lines. Source of the format: Docker's API, "Attach to a container", stream format.
 * @param framed false for a container with a terminal: its stream is the bare text
 */
export function lineCutter(framed: boolean, onLine: (line: Chunked) => void) {
  let pending: Buffer = Buffer.alloc(0);
  const rest = { stdout: "", stderr: "" };
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const take = (stream: "stdout" | "stderr", bytes: Uint8Array) => {
    const lines = (rest[stream] + decoders[stream].decode(bytes, { stream: true })).split("\n");
    rest[stream] = lines.pop() as string;
    for (const line of lines) onLine(parted(stream, line));
  };
  return {
    push(bytes: Buffer) {
      if (!framed) return take("stdout", bytes);
      pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
      while (pending.length >= 8) {
        const end = 8 + pending.readUInt32BE(4);
        if (pending.length < end) return;
        take(pending[0] === 2 ? "stderr" : "stdout", pending.subarray(8, end));
        pending = pending.subarray(end);
      }
    },
    /** What came without a line's end. */
    end() {
      for (const stream of ["stdout", "stderr"] as const) {
        if (rest[stream] !== "") onLine(parted(stream, rest[stream]));
        rest[stream] = "";
      }
    },
  };
}

function parted(stream: "stdout" | "stderr", line: string): Chunked {
  const space = line.indexOf(" ");
  const text = space < 0 ? "" : line.slice(space + 1);
  return { stream, at: space < 0 ? line : line.slice(0, space), text: text.replace(/\r$/, "") };
}

/** The time just after, as the API takes it: seconds and nanoseconds. */
export function after(at: string): string {
  const seconds = Math.floor(Date.parse(at) / 1000);
  const fraction = (/\.(\d+)/.exec(at)?.[1] ?? "").padEnd(9, "0").slice(0, 9);
  const next = Number(fraction) + 1;
  return next >= 1e9 ? `${seconds + 1}.000000000` : `${seconds}.${String(next).padStart(9, "0")}`;
}

export function compareLines(a: LogLine, b: LogLine): number {
  return a.at < b.at ? -1 : a.at > b.at ? 1 : 0;
}
