/** A sign of life on the stdin of a script that holds something for us. */
import type { Writable } from "node:stream";

/** Milliseconds. The script ends where nothing comes for a minute, four times as long. */
export const PULSE = 15_000;

/**
 * A line now and then, for as long as `input` is open: where power or network goes without a word, sshd notices only after
 * hours, and so long a script that waits for the end of its stdin would hold what it holds.
 */
export function pulse(input: Writable): void {
  const timer = setInterval(() => input.writable && input.write("\n"), PULSE);
  // What it stands for keeps us alive, not this.
  timer.unref();
  for (const over of ["finish", "close"]) input.once(over, () => clearInterval(timer));
}
