/**
 * An open load: every request has its time, and is sent then, whether or not those before were answered. What is
 * measured is from that time to the answer's last byte, so an edge that stalls is not asked less while it stalls and
 * looks no better for it (coordinated omission).
 */
import { setImmediate as breathe, setTimeout as sleep } from "node:timers/promises";
import type { Client } from "./client.ts";
import type { Ask, Shape } from "./shape.ts";

export type Tally = {
  /** Requests whose time was after the warm-up. */
  requests: number;
  /** Seconds, of those that were answered (but 429) or waited for in vain. */
  waits: number[];
  /** `GET /health 200`, `GET /health ECONNRESET`: how many. */
  outcomes: Map<string, number>;
  errors: number;
  /** Answered 429. */
  limited: number;
  /** Answers (but 429) that came while it counted, to whichever request. */
  answered: number;
  /** Those that we ourselves sent more than 20 ms after their time. */
  late: number;
};

export type DriveOptions = {
  signal?: AbortSignal;
  /** About every so many seconds of the time that counts. */
  every?: number;
  onProgress?(seconds: number, tally: Tally): void;
};

export async function drive(
  client: Pick<Client, "ask">,
  next: () => Ask,
  shape: Shape,
  { signal, every = 10, onProgress }: DriveOptions = {},
): Promise<Tally> {
  const { rate, seconds, warmUp, patience } = shape;
  const tally: Tally = {
    requests: 0,
    waits: [],
    outcomes: new Map(),
    errors: 0,
    limited: 0,
    answered: 0,
    late: 0,
  };
  const began = performance.now();
  const counting = began + warmUp * 1_000;
  const over = counting + seconds * 1_000;
  const uncounted = Math.round(warmUp * rate);
  const whole = uncounted + Math.max(1, Math.round(seconds * rate));
  const open = new Set<Promise<void>>();

  async function one(due: number, counts: boolean): Promise<void> {
    const ask = next();
    const { status, why, timedOut } = await client.ask(ask, patience - (performance.now() - due) / 1_000);
    const now = performance.now();
    if (status !== 0 && status !== 429 && now >= counting && now < over) tally.answered++;
    if (!counts) return;
    const outcome = `${ask.method} ${ask.path} ${status || why}`;
    tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + 1);
    if (status === 429) return void tally.limited++;
    if (status === 0 || status >= 400) tally.errors++;
    // One that is refused at once was not fast.
    if (status !== 0 || timedOut) tally.waits.push((now - due) / 1_000);
  }

  let told = 0;
  for (let index = 0; index < whole; index++) {
    const due = began + (index * 1_000) / rate;
    const ahead = due - performance.now();
    // Answers are read in between, also where we are late.
    await (ahead > 0 ? sleep(ahead, undefined, { signal }) : breathe(undefined, { signal }));
    const counts = index >= uncounted;
    if (counts) {
      tally.requests++;
      if (performance.now() - due > 20) tally.late++;
      const passed = (due - counting) / 1_000;
      if (onProgress && passed - told >= every) {
        told = passed;
        onProgress(Math.round(passed), tally);
      }
    }
    const asked: Promise<void> = one(due, counts).finally(() => open.delete(asked));
    open.add(asked);
  }
  await Promise.all(open);
  return tally;
}
