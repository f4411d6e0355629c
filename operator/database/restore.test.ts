import { expect, it } from "vitest";
import { Problem } from "../problem.ts";
import { judgeRestore, parseRestoreLook } from "./restore.ts";
import { chooseSets, type Now, parseBackups, position } from "./sets.ts";
import { parseTarget, type Target } from "./target.ts";

function problemOf(action: () => unknown): Problem {
  try {
    action();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

it("reads a time with its zone as UTC, to the microsecond", () => {
  const time = (text: string) => (parseTarget(text) as Extract<Target, { kind: "time" }>).time;
  expect(time("2026-11-20 14:05:00+03")).toBe("2026-11-20 11:05:00+00");
  expect(time("2026-11-20T14:05:00.123456Z")).toBe("2026-11-20 14:05:00.123456+00");
  expect(time("2026-11-20 14:05 -0330")).toBe("2026-11-20 17:35:00+00");
  expect(time("2026-11-20 00:05:00+05:45")).toBe("2026-11-19 18:20:00+00");
  expect(parseTarget("2026-11-20 14:05:00.5Z")).toMatchObject({
    at: Date.UTC(2026, 10, 20, 14, 5) / 1000 + 0.5,
  });
});

it("reads the other words", () => {
  expect(parseTarget("latest")).toEqual({ kind: "latest" });
  expect(parseTarget("v12")).toEqual({ kind: "name", name: "v12" });
  expect(parseTarget("xid:4711")).toEqual({ kind: "xid", xid: 4711n });
  expect(parseTarget("lsn:0/5a00128")).toEqual({ kind: "lsn", lsn: "0/5A00128" });
});

it("refuses what is no moment, and shows one that is", () => {
  const cases: [string, RegExp, RegExp][] = [
    ["2026-11-20 14:05:00", /has no zone/, /--to "2026-11-20 14:05:00\+03"/],
    ["2026-02-30 10:00:00Z", /no clock ever shows/, /^$/],
    ["2026-11-20 25:00:00Z", /no clock ever shows/, /^$/],
    ["2026-11-20 14:05:00+99", /no clock ever shows/, /^$/],
    ["2026-11-20", /is not a time/, /with its zone/],
    ["2026-11-20 14:05:00+03; drop table users", /is not a time/, /with its zone/],
    ["2026-11-20 14:05:00$(id)Z", /is not a time/, /with its zone/],
    ["yesterday's", /no moment/, /latest/],
    ["v12 --type=immediate", /no moment/, /latest/],
    ["`id`", /no moment/, /xid:4711/],
    ["", /no moment/, /lsn:/],
    ["xid:0", /no transaction's number/, /pg_current_xact_id/],
    ["xid:1e3", /no transaction's number/, /pg_current_xact_id/],
    ["lsn:5000128", /no place in the log/, /pg_current_wal_lsn/],
    ["lsn:0/5000128\n", /no place in the log/, /pg_current_wal_lsn/],
    ["lsn:0/123456789", /no place in the log/, /pg_current_wal_lsn/],
  ];
  for (const [text, message, remedy] of cases) {
    const problem = problemOf(() => parseTarget(text));
    expect(problem.message, text).toMatch(message);
    expect(problem.remedy ?? "", text).toMatch(remedy);
    expect(problem.exitCode, text).toBe(2);
  }
});

const at = (text: string) => Date.parse(text) / 1000;
const backup = (label: string, stop: string, lsn: string, more: object = {}) => ({
  label,
  error: false,
  lsn: { start: "0/0", stop: lsn },
  timestamp: { start: 0, stop: at(stop) },
  info: { size: 30_000_000, delta: 1 },
  ...more,
});
const INFO = JSON.stringify([
  {
    name: "main",
    status: { code: 0 },
    backup: [
      backup("20261118-033000F", "2026-11-18T03:31:00Z", "0/3000000"),
      backup("20261118-033000F_20261119-033000D", "2026-11-19T03:31:00Z", "0/7000000"),
      backup("20261118-033000F_20261120-033000D", "2026-11-20T03:31:00Z", "0/9000000", { error: true }),
    ],
  },
]);
const NOW: Now = {
  now: at("2026-11-20T12:00:00Z"),
  lsn: "0/A000000",
  xid: 900n,
  histories: [],
  points: { v11: "0/6000000", v12: "0/8000000" },
};
const labels = (text: string, now: Now = NOW) =>
  chooseSets(parseTarget(text), parseBackups(INFO), now).map(({ label }) => label);

it("begins with the youngest sound backup that ended before the moment", () => {
  const [full, difference] = ["20261118-033000F", "20261118-033000F_20261119-033000D"];
  expect(labels("latest")).toEqual([difference]);
  expect(labels("2026-11-20 10:00:00Z")).toEqual([difference]);
  expect(labels("2026-11-19 03:30:59Z")).toEqual([full]);
  expect(labels("v12")).toEqual([difference]);
  expect(labels("v11")).toEqual([full]);
  expect(labels("lsn:0/7000000")).toEqual([difference]);
  expect(labels("lsn:0/6FFFFFF")).toEqual([full]);
  // Its number does not tell which: the youngest first.
  expect(labels("xid:800")).toEqual([difference, full]);
  expect(position("1/0") > position("0/FFFFFFFF")).toBe(true);
});

it("refuses a moment to which nothing leads", () => {
  const message = (text: string, now: Now = NOW) => problemOf(() => labels(text, now));
  expect(message("2026-11-20 12:00:01Z").message).toMatch(/in the future/);
  expect(message("2026-11-18 03:31:00Z")).toMatchObject({
    message: expect.stringContaining("before the first backup"),
    remedy: expect.stringContaining("2026-11-18 03:31:00 UTC"),
  });
  expect(message("v13")).toMatchObject({
    message: expect.stringContaining('no release left a restore point "v13"'),
    remedy: expect.stringContaining("v11, v12"),
  });
  expect(message("lsn:0/B000000").message).toMatch(/in the future/);
  expect(message("lsn:0/2000000").message).toMatch(/before the first backup/);
  expect(message("xid:900").message).toMatch(/in the future/);
  expect(message("xid:800", { ...NOW, xact: "aborted" }).message).toMatch(/was rolled back/);
  expect(message("xid:800", { ...NOW, xact: "in progress" }).message).toMatch(/has not ended/);
  expect(problemOf(() => parseBackups("ERROR: [055]")).message).toMatch(/cannot be read/);
});

it("looks before it begins: a copy that is there, a disk that is too full", () => {
  const look = (...lines: string[]) =>
    parseRestoreLook(
      [
        `now ${NOW.now}`,
        "source postgres-1",
        "writer postgres-1 0/A000000 900 in progress",
        "point v12 0/8000000",
        ...lines,
        `info ${Buffer.from(INFO).toString("base64")}`,
        "histories 0",
      ].join("\n"),
    );
  const judged = (seen: ReturnType<typeof look>) => judgeRestore(seen, parseTarget("latest"), "production");
  const roomy = look("free 9000000000");
  expect(roomy).toMatchObject({ xid: 900n, xact: "in progress", points: { v12: "0/8000000" }, made: false });
  expect(judged(roomy)).toMatchObject({ source: "postgres-1", writer: "postgres-1" });
  expect(problemOf(() => judged(look("free 1000000"))).message).toMatch(
    /needs 1311\.\d MB, and 976\.6 kB are free/,
  );
  expect(problemOf(() => judged(look("free 9000000000", "copy running", "made"))).remedy).toMatch(
    /--drop-copy/,
  );
  // One that was cut short is in nobody's way.
  expect(judged(look("free 9000000000", "copy exited"))).toMatchObject({ source: "postgres-1" });
  expect(problemOf(() => parseRestoreLook("now 1")).message).toMatch(/pgBackRest does not answer/);
});

it("refuses where timelines may be missing: a restore would go to one that was left long ago", () => {
  const look = (start: string, ...lines: string[]) => {
    const backups = [
      backup("20261118-033000F", "2026-11-18T03:31:00Z", "0/3000000"),
      backup("20261119-033000F", "2026-11-19T03:31:00Z", "0/7000000", { archive: { start } }),
    ];
    const info = Buffer.from(JSON.stringify([{ name: "main", backup: backups }])).toString("base64");
    return () => parseRestoreLook(["now 1", "source postgres-1", `info ${info}`, ...lines].join("\n"));
  };
  const [first, third] = ["000000010000000000000007", "000000030000000000000007"];
  const known = ["history 2 100 -", "history 3 200 -"];
  expect(problemOf(look(first)).message).toMatch(/cannot be read whole/);
  expect(problemOf(look(first, ...known, "histories 3")).message).toMatch(/cannot be read whole/);
  expect(problemOf(look(third, "histories 0")).message).toMatch(/is on timeline 3, and the newest .* is 1:/);
  expect(problemOf(look(third, "timeline 4", ...known, "histories 2")).message).toMatch(/is on timeline 4/);
  expect(look(third, "timeline 3", ...known, "histories 2")().histories).toHaveLength(2);
  expect(look(first, "timeline 1", "histories 0")().histories).toEqual([]);
});
