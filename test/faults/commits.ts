/** The order in which transactions were committed, from the write-ahead log itself: what a recovery goes by. */
import type { RunningStack } from "../e2e/engine.ts";

export type End = {
  xid: number;
  committed: boolean;
  lsn: bigint;
  /** Microseconds of the epoch. */
  at: bigint;
};

/**
 * Ends of transactions from a place in the log on, in its order.
 * @throws where the log no longer has that place
 */
export async function endsSince(stack: RunningStack, node: string, lsn: string): Promise<End[]> {
  // It ends at the end of the log, which it calls an error too.
  const script = `TZ=UTC pg_waldump --path "$PGDATA/pg_wal" --rmgr Transaction --start ${lsn} 2>/tmp/waldump ||
    { tail -n 1 /tmp/waldump >&2; grep -q 'error in WAL record at' /tmp/waldump; }`;
  const text = await stack.exec(node, ["bash", "-c", script]);
  return text.split("\n").flatMap(endOf);
}

const LINE =
  /tx: +(\d+), lsn: ([0-9A-F]+)\/([0-9A-F]+),.* desc: (COMMIT|ABORT) (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\.(\d{6}) UTC/;

export function endOf(line: string): End[] {
  const [, xid, high, low, word, day, time, micro] = LINE.exec(line) ?? [];
  if (xid === undefined) return [];
  return [
    {
      xid: Number(xid),
      committed: word === "COMMIT",
      lsn: (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`),
      at: BigInt(Date.parse(`${day}T${time}Z`)) * 1000n + BigInt(micro as string),
    },
  ];
}

export function lsnText(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase();
}

/** How many of them a recovery replays before it stops, as PostgreSQL's xlogrecovery.c has it (inclusive). */
export const until = {
  /** Before the first end, commit or not, that is later. */
  time: (ends: readonly End[], at: bigint) =>
    upTo(
      ends.findIndex((end) => end.at > at),
      ends,
    ),
  xid: (ends: readonly End[], xid: number) => upTo(ends.findIndex((end) => end.xid === xid) + 1, ends),
  lsn: (ends: readonly End[], lsn: bigint) =>
    upTo(
      ends.findIndex((end) => end.lsn > lsn),
      ends,
    ),
};

function upTo(count: number, ends: readonly End[]): number {
  return count < 0 ? ends.length : count;
}
