import { pause } from "../lifecycle.ts";

export type Task = { name: string; everySeconds: number; run(): Promise<void> };

/** Milliseconds from `now` to the next whole multiple of the interval, so that restarts do not shift the beat. */
export function untilNext(everySeconds: number, now: number): number {
  const interval = everySeconds * 1_000;
  return interval - (now % interval);
}

/** Runs a task at its beat until aborted; a run that takes longer than the interval skips beats, never overlaps. */
export async function runAtBeat(
  task: Task,
  signal: AbortSignal,
  told: (task: Task, milliseconds: number, error?: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    const started = Date.now();
    try {
      await task.run();
      told(task, Date.now() - started);
    } catch (error) {
      told(task, Date.now() - started, error);
    }
    await pause(untilNext(task.everySeconds, Date.now()), signal);
  }
}
