import { expect, it } from "vitest";
import { Problem } from "../problem.ts";
import { judgeInPlace, judgePair, riskText } from "./in-place.ts";
import { busy, type Look, type Node, parseLook, requireNoRestoring } from "./look.ts";
import type { RestoreLook } from "./restore.ts";

const node = (name: string, more: Partial<Node> = {}): Node => ({
  ...{ name, state: "running", fenced: false, support: true, alone: false, role: "primary", lsn: "0/1" },
  ...{ position: 1n, replay: 0n, streaming: false, synchronous: false },
  ...more,
});
const LOOK: Look = {
  pointer: "postgres-1",
  nodes: [node("postgres-1"), node("postgres-2", { role: "standby", streaming: true })],
  restoring: undefined,
  unfinished: undefined,
  promoted: undefined,
};
const BACKUPS: RestoreLook = {
  now: 1_900_000_000,
  points: {},
  histories: [],
  source: "postgres-1",
  writer: "postgres-1",
  free: 20 * 1024 ** 3,
  kept: 0,
  copy: undefined,
  made: false,
  backups: [{ label: "20261118-033000F", stop: 1_800_000_000, lsn: "0/1", timeline: 1, size: 1024 ** 3 }],
};

function problemOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof Problem) return `${error.message}\n${error.remedy ?? ""}`;
    throw error;
  }
  throw new Error("nothing was refused");
}

it("needs one that writes, and nobody whose rows would be lost with it", () => {
  expect(judgePair(LOOK, "local")).toEqual({ writer: "postgres-1", replica: "postgres-2" });
  const [first, second] = LOOK.nodes as [Node, Node];
  const cases: [Partial<Look>, RegExp][] = [
    [{ nodes: [{ ...first, role: "silent" }, second] }, /nobody takes writes[\s\S]*plimsoll promote local/],
    [{ pointer: undefined }, /nobody takes writes/],
    [{ nodes: [first, { ...second, role: "primary" }] }, /postgres-2 takes writes too/],
    [{ nodes: [first, { ...second, fenced: true }] }, /postgres-2 is fenced[\s\S]*plimsoll rejoin local/],
    [{ unfinished: { old: "postgres-2", new: "postgres-1" } }, /did not end[\s\S]*plimsoll promote local/],
    [{ nodes: [{ ...first, support: false }] }, /older plimsoll[\s\S]*plimsoll deploy local/],
  ];
  for (const [more, message] of cases)
    expect(problemOf(() => judgePair({ ...LOOK, ...more }, "local"))).toMatch(message);
  const silent = { ...LOOK, nodes: [{ ...first, role: "silent" as const }, second] };
  expect(judgePair(silent, "local", true).writer).toBe("postgres-1");
  // Between two starts it is nobody.
  const between = {
    ...LOOK,
    restoring: "swap",
    nodes: [
      { ...first, role: "silent" as const },
      { ...second, fenced: true },
    ],
  };
  expect(judgePair(between, "local")).toEqual({ writer: "postgres-1", replica: "postgres-2" });
});

it("is judged whole before anything is touched", () => {
  const judge = (more: Partial<RestoreLook>) =>
    judgeInPlace(LOOK, { ...BACKUPS, ...more }, { kind: "latest" }, "local");
  expect(judge({})).toMatchObject({ writer: "postgres-1", timeline: 1, sets: ["20261118-033000F"] });
  expect(problemOf(() => judge({ copy: "running", made: true }))).toMatch(
    /there is a copy[\s\S]*--drop-copy/,
  );
  // 1.1 GB and the floor of 1.25 GB; what the undo of an earlier one keeps makes room.
  expect(problemOf(() => judge({ free: 2 * 1024 ** 3 }))).toMatch(
    /a second cluster beside the running one needs/,
  );
  expect(judge({ free: 2 * 1024 ** 3, kept: 1024 ** 3 }).sets).toHaveLength(1);
  expect(problemOf(() => judge({ backups: [] }))).toMatch(/holds no backup/);
});

it("says what a person agrees to", () => {
  const plan = { writer: "postgres-1", replica: "postgres-2", timeline: 1, sets: [] };
  const time = { kind: "time", time: "2026-11-20 11:05:00+00", at: 1 } as const;
  expect(riskText({ ...plan, target: time }, true)).toMatch(
    /Everything that was written later is taken back[\s\S]*postgres-2 is copied anew[\s\S]*earlier restore kept/,
  );
  expect(riskText({ ...plan, target: { kind: "latest" }, replica: undefined }, false)).not.toMatch(
    /copied anew|earlier/,
  );
  expect(riskText({ ...plan, target: undefined }, false)).toMatch(/did not end/);
});

it("keeps roles as they are while its outage is not over, and says who is at work", () => {
  expect(parseLook("restoring swap\npointer postgres-1\n").restoring).toBe("swap");
  expect(problemOf(() => requireNoRestoring({ restoring: "swap" }, "local"))).toMatch(
    /--in-place[\s\S]*--undo/,
  );
  expect(() => requireNoRestoring({ restoring: "ahead" }, "local")).not.toThrow();
  expect(busy("local", { stderr: "a rejoin of postgres-1, since now\n" }).message).toBe(
    "another is at work on local: a rejoin of postgres-1, since now",
  );
  expect(busy("local", { stderr: "" }).message).toMatch(/a deploy, a restart/);
});
