/** Which history of the database a moment lies on: each promotion and each restore in place began another. */
import type { Target } from "./target.ts";

/** `end`: where the timeline was left for the next. */
type Stage = { timeline: number; end: bigint; reason: string };

export type History = {
  timeline: number;
  /** Seconds of the epoch: when it came into the repository, a moment after the timeline began. */
  since: number;
  /** The timelines that led to it, the first one first. */
  stages: readonly Stage[];
};

/** @param words timeline, seconds, and the file in base64: lines of timeline, LSN and reason */
export function parseHistory([timeline, since, text = ""]: readonly string[]): History {
  const lines = Buffer.from(text, "base64").toString("utf8").split("\n");
  return {
    timeline: Number(timeline),
    since: Number(since),
    stages: lines.flatMap((line) => {
      const [, left, lsn, reason] = /^(\d+)\t([0-9A-F]+\/[0-9A-F]+)\t(.*)$/.exec(line) ?? [];
      return left && lsn ? [{ timeline: Number(left), end: position(lsn), reason: reason ?? "" }] : [];
    }),
  };
}

/** The one that every restore and promotion goes above. */
export function newest(histories: readonly History[]): number {
  return Math.max(1, ...histories.map(({ timeline }) => timeline));
}

/**
 * A time is of the timeline that served then, also where a restore in place took it back later. Anything else is looked
 * for on the way to now: numbers and places in the log are given out again after a restore.
 */
export function timelineOf(target: Target, histories: readonly History[]): number {
  if (target.kind !== "time") return newest(histories);
  const began = histories.filter(({ since }) => since <= target.at).map(({ timeline }) => timeline);
  let served = Math.max(1, ...began);
  for (;;) {
    const next = histories.find(({ stages }) => {
      const last = stages.at(-1);
      return last?.timeline === served && last.reason === WHOLE;
    });
    if (!next) return served;
    served = next.timeline;
  }
}

/** PostgreSQL's words for a timeline that was gone on with at its end: a promotion, or an undo. */
const WHOLE = "no recovery target specified";

/** Whether a recovery from that backup comes to that timeline. */
export function leadsTo(
  histories: readonly History[],
  timeline: number,
  backup: { timeline: number; lsn: string | undefined },
): boolean {
  if (backup.timeline === timeline) return true;
  const stages = histories.find((one) => one.timeline === timeline)?.stages ?? [];
  const stage = stages.find((one) => one.timeline === backup.timeline);
  return stage !== undefined && backup.lsn !== undefined && position(backup.lsn) <= stage.end;
}

/** An LSN as a number of bytes. */
export function position(lsn: string): bigint {
  const [high = "0", low = "0"] = lsn.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
