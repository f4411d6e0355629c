/**
 * What Filebeat makes of the lines of one file, and when: an equal for tests, after the source of its `while_pattern` and
 * of filestream's waits. Lines that match, one after another, are one document. It ends with a line that does not match,
 * or when none was read for `timeout`; beyond `max_lines` lines are taken and dropped.
 */
import { BACKOFF, MULTILINE } from "../components/elk/filebeat.ts";

/** Seconds. */
export type Printed = { readonly at: number; readonly line: string };
export type Document = { readonly at: number; readonly text: string };
type Multiline = Omit<typeof MULTILINE, "timeout"> & { readonly timeout: string };

export function documents(printed: readonly Printed[], multiline: Multiline = MULTILINE): Document[] {
  const trace = new RegExp(multiline.pattern);
  const timeout = seconds(multiline.timeout);
  const found: Document[] = [];
  let lines: string[] = [];
  let before = 0;
  const end = (at: number) => {
    if (lines.length > 0) found.push({ at, text: lines.slice(0, multiline.max_lines).join("\n") });
    lines = [];
  };
  for (const { at, line } of looks(printed)) {
    if (at - before >= timeout) end(before + timeout);
    if (trace.test(line)) lines.push(line);
    else {
      end(at);
      found.push({ at, text: line });
    }
    before = at;
  }
  end(before + timeout);
  return found;
}

/** All that was there when Filebeat looked. */
export function joined(lines: readonly string[]): string[] {
  return documents(lines.map((line) => ({ at: 0, line }))).map(({ text }) => text);
}

/** When each line is read: at the file's end Filebeat waits, twice as long each time that nothing was added. */
function looks(printed: readonly Printed[]): Printed[] {
  let now = 0;
  let wait = seconds(BACKOFF.init);
  return printed.map(({ at, line }) => {
    while (at > now) {
      now += wait;
      wait = Math.min(2 * wait, seconds(BACKOFF.max));
    }
    wait = seconds(BACKOFF.init);
    return { at: now, line };
  });
}

function seconds(text: string): number {
  if (!/^\d+s$/.test(text)) throw new Error(`not in seconds: ${text}`);
  return Number.parseInt(text, 10);
}
