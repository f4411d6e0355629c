import { describe, expect, it } from "vitest";
import { plain } from "../../generator/report/paint.ts";
import { lostOf } from "./failover.ts";
import { longestSilence } from "./probes.ts";
import { DrillReport, drillId, measure, shortcomings, tenfold } from "./report.ts";
import { emptied, parseRestoreDrill } from "./restore.ts";
import { findDrill, parseDrills } from "./store.ts";
import { drillLines, drillText } from "./text.ts";

const T = 1_795_881_600;
const report: DrillReport = {
  version: 1,
  id: drillId("restore", T * 1000),
  kind: "restore",
  how: "a copy beside the running database",
  stack: "shop",
  environment: "production",
  by: "ana@laptop",
  release: "v12",
  began: T,
  seconds: 70.5,
  outcome: "passed",
  versions: { PostgreSQL: "18.6" },
  backup: null,
  risk: {
    now: T,
    segment: "00000001000000000000000A",
    saved: T - 100,
    lost: { commits: 3, bytes: 4096, first: T - 42, last: T - 1 },
    seconds: 42,
  },
  reached: T - 100,
  size: 1024 ** 3,
  steps: [
    { name: "container", seconds: 1, rto: true },
    { name: "restore", seconds: 30, rto: true },
    { name: "recovery", seconds: 5, rto: true },
    { name: "opening", seconds: 2, rto: true },
    { name: "reading", seconds: 90, rto: false },
  ],
  rto: measure(3600, 38),
  rpo: measure(3600, 42),
  checks: [{ name: "courses", passed: true, said: "t" }],
  tables: [{ name: "public.a|b", copy: 5, running: 6 }],
  legs: [],
  faults: [],
  notes: ["one"],
};

describe("a report", () => {
  it("is what the schema says, and its Markdown has every figure", () => {
    expect(DrillReport.parse(report)).toEqual(report);
    const text = drillText(report);
    expect(text).toMatch(/^# Restore drill of shop production: passed$/m);
    expect(text).toMatch(/^\| RTO \| .* \| 60m \(3600 s\) \| 38 s \| met \|$/m);
    expect(text).toContain(
      "3 commits were on the host alone (4 KB of log), the first of 2026-11-28 15:59:18Z: 42 s of work.",
    );
    expect(text).toContain("Ten times the data, and as many times the log: about 6m (353 s)");
    // A bar in a name ends no cell.
    expect(text).toContain("| public.a\\|b | 5 | 6 |");
    expect(text).not.toContain("What went wrong");
  });

  it("passes only where everything was measured and met, and every check is true", () => {
    expect(shortcomings(report)).toEqual([]);
    expect(shortcomings({ ...report, rto: measure(30, 38) })).toEqual(["RTO was missed"]);
    expect(shortcomings({ ...report, rpo: measure(30, null) })).toEqual(["RPO was not measured"]);
    expect(
      shortcomings({ ...report, faults: ["x"], checks: [{ name: "y", passed: false, said: "" }] }),
    ).toEqual(["x", "not true: y"]);
    const text = drillText({ ...report, outcome: "failed", rto: measure(30, 38) });
    expect(text).toMatch(/\| MISSED \|$/m);
    expect(text).toMatch(/^- RTO was missed$/m);
  });

  it("says nothing of ten times the data where nothing was restored", () => {
    expect(tenfold(report)).toBe(1 + 300 + 50 + 2);
    expect(tenfold({ kind: "restore", steps: [] })).toBeUndefined();
    expect(tenfold({ kind: "failover", steps: report.steps })).toBeUndefined();
  });
});

it("times the steps by when the script says that the next begins", () => {
  const said = (text: string) =>
    text.split("\n").map((line, index) => ({ at: T * 1000 + index * 1000, line }));
  const whole = parseRestoreDrill(
    said(
      "running 6 public.a\nbegin restore\nnote restoring the backup 20261128-033000F\nnote recovering\nnote the copy is open: x\nset 20261128-033000F\nreached 2026-11-28 15:58:20.5+00\nend restore\nsize 7\npostgres 18.6\ncopy 5 public.a\ncopy 1 public.new one\ncheck good yes t\ncheck bad no ERROR:  relation\nstarted 12.5",
    ),
  );
  expect(whole).toMatchObject({
    steps: [
      { name: "container", seconds: 1 },
      { name: "restore", seconds: 1 },
      { name: "recovery", seconds: 1 },
      { name: "opening", seconds: 3 },
    ],
    waited: 6,
    set: "20261128-033000F",
    started: 12.5,
    report: {
      reached: T - 99.5,
      size: 7,
      versions: { PostgreSQL: "18.6" },
      tables: [
        { name: "public.a", copy: 5, running: 6 },
        { name: "public.new one", copy: 1, running: null },
      ],
      checks: [
        { name: "good", passed: true, said: "t" },
        { name: "bad", passed: false, said: "ERROR:  relation" },
      ],
    },
  });
  // One that failed half way has no time until it answered.
  const half = parseRestoreDrill(
    said("begin restore\nnote restoring the backup 20261128-033000F\nnote the restore failed"),
  );
  expect(half).toMatchObject({ waited: undefined, steps: [{ name: "container" }] });
});

it("finds a table that lost what it had, and not one that grew meanwhile", () => {
  const table = (copy: number | null, running: number | null) => [{ name: "t", copy, running }];
  expect(emptied(table(90, 100))).toEqual([]);
  expect(emptied(table(110, 100))).toEqual([]);
  expect(emptied(table(null, 0))).toEqual([]);
  expect(emptied(table(5, null))).toEqual([]);
  expect(emptied(table(40, 100))[0]).toMatch(/40 rows in the copy/);
  expect(emptied(table(null, 100))[0]).toMatch(/not in the copy/);
});

describe("failover", () => {
  it("measures the longest silence, also where nothing comes any more", () => {
    expect(longestSilence([1000, 1100, 4100, 4200], 900, 4300)).toBe(3);
    expect(longestSilence([1000], 900, 6000)).toBe(5);
    expect(longestSilence([], 0, 2000)).toBe(2);
  });

  it("counts acknowledged writes that the writer does not hold", () => {
    const write = (n: number, acknowledged = true) => ({ n, acknowledged, began: n * 1000, ended: n * 1000 });
    const seen = [write(1), write(2), write(3, false), write(4), write(5)];
    expect(lostOf("rows postgres-1 1 2\nrows postgres-2 1 2 4 5\n", seen, "postgres-2")).toEqual({
      lost: 0,
      span: 0,
    });
    expect(lostOf("rows postgres-2 1 5", seen, "postgres-2")).toEqual({ lost: 2, span: 3 });
    expect(lostOf("", seen, "postgres-2").lost).toBe(4);
  });
});

describe("the list", () => {
  const encoded = (text: string) => Buffer.from(text).toString("base64");
  const older = { ...report, id: "20261101T000000Z-restore", began: T - 86_400 * 27, by: "the schedule" };
  const drills = parseDrills(
    [
      `now ${T + 60}`,
      `report ${encoded(JSON.stringify(report))}`,
      `report ${encoded("{")}`,
      `scheduled ${encoded(`${JSON.stringify(older)}\n${JSON.stringify({ ...older, version: 2 })}\n`)}`,
      `unfinished restore ${T} ana@laptop`,
    ].join("\n"),
  );

  it("has those of a person and of the schedule, the newest first, and leaves out what it cannot read", () => {
    expect(drills.reports.map(({ id }) => id)).toEqual([report.id, older.id]);
    expect(drills.trace).toEqual({ kind: "restore", since: T, by: "ana@laptop", running: false });
    const lines = drillLines(drills.reports, drills.now, plain);
    expect(lines[1]).toMatch(/^20261128T160000Z-restore +60s +ana@laptop +38s of 60m +42s of 60m +passed$/);
  });

  it("shows one, or says which there are", () => {
    expect(findDrill(drills, older.id, "production").by).toBe("the schedule");
    expect(() => findDrill(drills, "20200101T000000Z-restore", "production")).toThrow(/there is no drill/);
    expect(() => findDrill(drills, "x", "production")).toThrow(/is no drill's id/);
  });
});
