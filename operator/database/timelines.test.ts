import { expect, it } from "vitest";
import { chooseSets, type Now, parseBackups } from "./sets.ts";
import { parseTarget } from "./target.ts";
import { type History, leadsTo, newest, parseHistory, timelineOf } from "./timelines.ts";

const seconds = (text: string) => Date.parse(text) / 1000;
const history = (timeline: number, since: string, ...stages: [number, string, string][]): History =>
  parseHistory([
    String(timeline),
    String(seconds(since)),
    Buffer.from(stages.map((stage) => `${stage.join("\t")}\n\n`).join("")).toString("base64"),
  ]);

const WHOLE = "no recovery target specified";
/** A failover to 2, a restore in place to 3, its undo to 4: which goes on with 2, as if 3 had never been. */
const LIFE = [
  history(2, "2026-11-20T10:00:00Z", [1, "0/5000100", WHOLE]),
  history(
    3,
    "2026-11-20T12:00:00Z",
    [1, "0/5000100", WHOLE],
    [2, "0/7000000", "before 2026-11-20 11:00:00+00"],
  ),
  history(4, "2026-11-20T13:00:00Z", [1, "0/5000100", WHOLE], [2, "0/9000000", WHOLE]),
];
const of = (text: string, life: readonly History[]) => timelineOf(parseTarget(text), life);

it("a time is of the timeline that served then", () => {
  expect(of("2026-11-20 11:30:00Z", LIFE.slice(0, 2))).toBe(2);
  expect(of("2026-11-20 12:30:00Z", LIFE.slice(0, 2))).toBe(3);
  // What the restore began was left by the undo; what was there before it was gone on with.
  expect(of("2026-11-20 12:30:00Z", LIFE)).toBe(3);
  expect(of("2026-11-20 11:30:00Z", LIFE)).toBe(4);
  expect(of("2026-11-20 13:30:00Z", LIFE)).toBe(4);
  // A promotion loses no moment: the first record of the next timeline may be the one that ends the recovery.
  expect(of("2026-11-20 09:00:00Z", LIFE.slice(0, 1))).toBe(2);
  expect(of("2026-11-20 09:00:00Z", [])).toBe(1);
});

it("all else is looked for on the way to now", () => {
  for (const text of ["latest", "v12", "xid:700", "lsn:0/8000000"]) {
    expect(of(text, LIFE)).toBe(4);
    expect(of(text, [])).toBe(1);
  }
  expect(newest(LIFE)).toBe(4);
});

it("a backup leads to a timeline that left its own after its end", () => {
  const leads = (timeline: number, own: number, lsn: string | undefined) =>
    leadsTo(LIFE, timeline, { timeline: own, lsn });
  expect(leads(4, 1, "0/5000100")).toBe(true);
  expect(leads(4, 1, "0/5000101")).toBe(false);
  expect(leads(3, 2, "0/8000000")).toBe(false);
  expect(leads(4, 2, "0/8000000")).toBe(true);
  expect(leads(4, 3, "0/8000000")).toBe(false);
  expect(leads(4, 4, undefined)).toBe(true);
  expect(leads(4, 1, undefined)).toBe(false);
});

it("begins with no backup that an undo left behind", () => {
  const backup = (label: string, stop: string, lsn: string, segment: string) => ({
    label,
    lsn: { stop: lsn },
    archive: { start: segment },
    timestamp: { stop: seconds(stop) },
    info: { size: 1 },
  });
  const all = parseBackups(
    JSON.stringify([
      {
        name: "main",
        backup: [
          backup("20261120-100000F", "2026-11-20T10:05:00Z", "0/6000000", "000000020000000000000006"),
          backup("20261120-123000F", "2026-11-20T12:30:00Z", "0/8000000", "000000030000000000000007"),
        ],
      },
    ]),
  );
  const now: Now = { now: seconds("2026-11-20T14:00:00Z"), points: { v9: "0/8800000" }, histories: LIFE };
  const labels = (text: string) => chooseSets(parseTarget(text), all, now).map(({ label }) => label);
  expect(labels("latest")).toEqual(["20261120-100000F"]);
  expect(labels("v9")).toEqual(["20261120-100000F"]);
  expect(labels("2026-11-20 12:45:00Z")).toEqual(["20261120-123000F"]);
  expect(labels("2026-11-20 12:10:00Z")).toEqual(["20261120-100000F"]);
});
