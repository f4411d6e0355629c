import { describe, expect, it } from "vitest";
import type { EngineEvent } from "../release/follow.ts";
import { engineSteps, lossOf, parseDoor } from "./disaster-report.ts";
import type { Risk } from "./report.ts";

const at = (second: number) => new Date(1_795_881_600_000 + second * 1000).toISOString();
const event = (second: number, step: string, state: string, text = "", seconds?: number): EngineEvent => ({
  at: at(second),
  step,
  state,
  text,
  ...(seconds !== undefined && { seconds }),
});

describe("the steps", () => {
  it("are the engine's, and the seeding's are those that grow with the data", () => {
    const steps = engineSteps([
      event(0, "images", "begin"),
      event(3, "images", "done", "", 3),
      event(3, "seed", "begin"),
      event(5, "seed", "note", "postgres-1: restoring the newest backup from the repository"),
      event(
        11,
        "seed",
        "note",
        "postgres-1: the backup 20261128-100000F is restored; the archive is replayed to its end",
      ),
      event(15, "seed", "note", "postgres-1: the last transaction was committed at 2026-11-28 16:00:12 UTC"),
      event(17, "seed", "done", "from the repository", 14),
      event(20, "start", "done", "", 3),
      event(20, "end", "done", "v2 is current"),
    ]);
    expect(steps.map(({ name, seconds }) => [name, seconds])).toEqual([
      ["images", 3],
      ["containers", 2],
      ["restore", 6],
      ["recovery", 4],
      ["volumes of files", 2],
      ["start", 3],
    ]);
  });

  it("are those that were done, where one failed", () => {
    expect(engineSteps([event(0, "seed", "begin"), event(4, "seed", "failed", "no")])).toEqual([]);
  });
});

const BEGAN = 1_000_000;
const risk = (saved: number | null, seconds: number): Risk => ({
  now: BEGAN,
  segment: "000000010000000000000004",
  saved,
  lost: { commits: 1, bytes: 1, first: null, last: null },
  seconds,
});
const loss = (known: Partial<Parameters<typeof lossOf>[0]>) =>
  lossOf({
    began: BEGAN * 1000,
    risk: undefined,
    reached: BEGAN - 500,
    finished: BEGAN - 4000,
    archived: undefined,
    ...known,
  });

describe("what would have been lost", () => {
  it("is what production says, where the drill has all that the repository had", () => {
    expect(loss({ risk: risk(BEGAN - 500, 7) })).toMatchObject({ rpo: 7 });
    expect(loss({ risk: risk(BEGAN - 500, 7) }).fault).toBeUndefined();
    expect(loss({ risk: risk(null, 0) })).toMatchObject({ rpo: 0 });
  });

  it("is counted from the end of the drill's database where that lacks what the repository had", () => {
    const found = loss({ risk: risk(BEGAN - 300, 7) });
    expect(found.rpo).toBe(500);
    expect(found.fault).toMatch(/ends 200 s before what the repository had/);
  });

  it("is counted from the last transaction, or from the archive's end, where production cannot be asked", () => {
    expect(loss({}).rpo).toBe(500);
    expect(loss({ archived: BEGAN - 200 }).rpo).toBe(200);
    expect(loss({ archived: BEGAN - 900 }).rpo).toBe(500);
    expect(loss({ reached: undefined }).rpo).toBe(4000);
    expect(loss({}).note).toMatch(/could not be asked/);
  });
});

describe("the door", () => {
  it("tells a way that is shut from one that is open", () => {
    const { status, checks, unknown } = parseDoor(
      "door 200\ncut host no\ncut shop_app yes\ncut shop_egress no\ncut nginx yes\n",
    );
    expect({ status, unknown }).toEqual({ status: 200, unknown: false });
    expect(checks.map(({ name, passed }) => [name, passed])).toEqual([
      ["no way out of shop_app", true],
      ["no way out of shop_egress", false],
      ["no way out of nginx", true],
    ]);
  });

  it("proves nothing where the host itself gets nowhere", () => {
    expect(parseDoor("door 200\ncut host yes\ncut shop_app yes\n")).toMatchObject({
      unknown: true,
      checks: [],
    });
    expect(parseDoor("door 502\n").status).toBe(502);
  });
});
