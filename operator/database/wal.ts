/** The archive as stretches of log without a hole, along the timelines that led to the newest one. */
import type { Range } from "./report.ts";

/** Bytes: what initdb takes, and what the nodes are made with. */
const SEGMENT = 16 * 1024 * 1024;

export type Place = { timeline: number; position: number };

/** Position: how many segments come before it on its timeline. */
export function placeOf(segment: string): Place {
  const part = (at: number) => Number.parseInt(segment.slice(at, at + 8), 16);
  return { timeline: part(0), position: part(8) * 256 + part(16) };
}

export function segmentOf({ timeline, position }: Place): string {
  const part = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
  return part(timeline) + part(Math.floor(position / 256)) + part(position % 256);
}

/** `end`: the first position that is read from the next timeline. */
export type Stage = Place & { end: number };

/** @param history of the newest timeline: lines of timeline, LSN where it was left, reason */
export function stagesOf(history: string, ranges: readonly Range[]): Stage[] {
  const left = history.split("\n").flatMap((line) => {
    const match = /^(\d+)\t([0-9A-F]+)\/([0-9A-F]+)\t/.exec(line);
    if (!match) return [];
    const [, timeline, high, low] = match as unknown as [string, string, string, string];
    const bytes = Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16);
    return [{ timeline: Number(timeline), end: Math.floor(bytes / SEGMENT) }];
  });
  const newest = Math.max(1, ...ranges.map(({ first }) => placeOf(first).timeline));
  const last = Math.max(newest, ...left.map(({ timeline }) => timeline + 1));
  const all = [...left, { timeline: last, end: Number.POSITIVE_INFINITY }];
  return all.map((stage, index) => ({ ...stage, position: all[index - 1]?.end ?? 0 }));
}

/** Whether a segment lies on the way to the newest timeline. */
export function leadsOn(stages: readonly Stage[], { timeline, position }: Place): boolean {
  return stages.some(
    (stage) => stage.timeline === timeline && position >= stage.position && position < stage.end,
  );
}

/** Seconds of the epoch: when its first and its last segment came. */
export type Stretch = { first: Place; last: Place; from: number; to: number };

/** Without a hole each, in the order of the log. What another timeline went on with is no part of it. */
export function stretchesOf(ranges: readonly Range[], stages: readonly Stage[]): Stretch[] {
  const placed = ranges.map((range) => ({
    ...range,
    first: placeOf(range.first),
    last: placeOf(range.last),
  }));
  const parts = stages.flatMap(({ timeline, position, end }) =>
    placed
      .filter(
        ({ first, last }) => first.timeline === timeline && last.position >= position && first.position < end,
      )
      .map(({ first, last, from, to }) => ({
        first: { timeline, position: Math.max(first.position, position) },
        last: { timeline, position: Math.min(last.position, end - 1) },
        from,
        to,
      })),
  );
  const whole: Stretch[] = [];
  for (const part of parts.sort((a, b) => a.first.position - b.first.position)) {
    const before = whole.at(-1);
    if (before && part.first.position === before.last.position + 1) {
      whole[whole.length - 1] = { ...before, last: part.last, to: part.to };
    } else whole.push(part);
  }
  return whole;
}
