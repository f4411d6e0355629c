/** To which instants a restore can go: holes, timelines, backups that lead nowhere. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reachOf } from "./reach.ts";
import type { InfoBackup, Range } from "./report.ts";
import { placeOf, segmentOf, stagesOf, stretchesOf } from "./wal.ts";

const segment = (position: number, timeline = 1) => segmentOf({ timeline, position });
/** A segment comes each minute. */
const range = (first: number, last: number, timeline = 1): Range => ({
  first: segment(first, timeline),
  last: segment(last, timeline),
  from: first * 60,
  to: last * 60,
});
const backup = (label: string, start: number, stop: number, timeline = 1): InfoBackup => ({
  label,
  type: "full",
  timestamp: { start: start * 60, stop: stop * 60 },
  database: { id: 1 },
  archive: { start: segment(start, timeline), stop: segment(stop, timeline) },
  info: { size: 1, delta: 1, repository: { delta: 1 } },
});
const reach = (ranges: Range[], backups: InfoBackup[], history = "") =>
  reachOf({
    info: [
      {
        status: { code: 0, message: "ok" },
        archive: [{ id: "18-1", database: { id: 1 } }],
        backup: backups,
        repo: [],
      },
    ],
    archives: [{ id: "18-1", history, ranges }],
  });

describe("segments", () => {
  it("are named as PostgreSQL names them", () => {
    expect(placeOf("00000002000000010000000A")).toEqual({ timeline: 2, position: 256 + 10 });
    expect(segmentOf({ timeline: 2, position: 256 + 10 })).toBe("00000002000000010000000A");
  });

  it("have a name for each place, and one place for each name", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.integer({ min: 0, max: 2 ** 39 }),
        (timeline, position) => {
          expect(placeOf(segmentOf({ timeline, position }))).toEqual({ timeline, position });
        },
      ),
    );
  });
});

describe("without a hole", () => {
  it("goes from the end of the first backup to the last segment", () => {
    expect(reach([range(1, 300)], [backup("A", 3, 5), backup("B", 200, 201)])).toEqual({
      reaches: [{ from: 5 * 60, to: 300 * 60, since: "A" }],
      gaps: [],
      useless: [],
    });
  });

  it("reaches a backup's own end where nothing was archived since", () => {
    const late = { ...backup("A", 3, 5), timestamp: { start: 180, stop: 400 } };
    expect(reach([range(1, 5)], [late]).reaches).toEqual([{ from: 400, to: 400, since: "A" }]);
  });

  it("reaches nothing where there is no backup, or no archive", () => {
    expect(reach([range(1, 9)], []).reaches).toEqual([]);
    expect(reach([], [backup("A", 3, 5)])).toEqual({ reaches: [], gaps: [], useless: ["A"] });
  });
});

describe("with a hole", () => {
  it("ends before it, and begins again with the next backup", () => {
    expect(reach([range(1, 10), range(13, 30)], [backup("A", 3, 5), backup("B", 20, 21)])).toEqual({
      reaches: [
        { from: 300, to: 600, since: "A" },
        { from: 21 * 60, to: 30 * 60, since: "B" },
      ],
      gaps: [{ first: segment(11), last: segment(12), segments: 2, from: 600, until: 21 * 60 }],
      useless: [],
    });
  });

  it("says so where no backup was made since", () => {
    const { reaches, gaps } = reach([range(1, 10), range(12, 30)], [backup("A", 3, 5)]);
    expect(reaches).toHaveLength(1);
    expect(gaps).toEqual([
      { first: segment(11), last: segment(11), segments: 1, from: 600, until: undefined },
    ]);
  });

  it("is of no account before the first backup", () => {
    expect(reach([range(1, 2), range(5, 30)], [backup("A", 6, 7)]).gaps).toEqual([]);
  });

  it("within a backup's own log leaves it useless", () => {
    expect(reach([range(1, 4), range(6, 9)], [backup("A", 3, 6)])).toMatchObject({
      reaches: [],
      useless: ["A"],
    });
  });
});

describe("timelines", () => {
  // Left within segment 10, which the second timeline has again.
  const history = "1\t0/A800000\tno recovery target specified\n";

  it("go over into each other where one was left", () => {
    const { reaches, gaps } = reach([range(1, 9), range(10, 20, 2)], [backup("A", 3, 5)], history);
    expect(reaches).toEqual([{ from: 300, to: 1200, since: "A" }]);
    expect(gaps).toEqual([]);
  });

  it("do not fill each other's holes: what the old primary still wrote leads nowhere", () => {
    const ranges = [range(1, 15), range(10, 12, 2), range(14, 20, 2)];
    expect(reach(ranges, [backup("A", 3, 5)], history).gaps).toMatchObject([
      { first: segment(13, 2), segments: 1 },
    ]);
    expect(reach(ranges, [backup("A", 3, 5), backup("B", 11, 12, 1)], history).useless).toEqual(["B"]);
  });

  it("end where the newest has archived nothing yet", () => {
    const stages = stagesOf(history, [range(1, 9)]);
    expect(stages.map(({ timeline }) => timeline)).toEqual([1, 2]);
    expect(stretchesOf([range(1, 12)], stages)).toMatchObject([{ last: { position: 9 } }]);
  });

  it("may be many", () => {
    const lines = "1\t0/A800000\tx\n2\t0/14800000\tx\n";
    const ranges = [range(1, 9), range(10, 19, 2), range(20, 25, 3)];
    expect(reach(ranges, [backup("A", 3, 5)], lines).reaches).toEqual([{ from: 300, to: 1500, since: "A" }]);
  });
});
