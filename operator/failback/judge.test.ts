import { describe, expect, it } from "vitest";
import { parseLook } from "../database/look.ts";
import { Problem } from "../problem.ts";
import { keptInOutage } from "./close.ts";
import { expectedOutage, hostLeft, judgeNote, judgeOld, type OldSite, oldHost, outageText } from "./judge.ts";
import { cameTo, type Note, parseNote } from "./note.ts";

const HEALTHY = parseLook(
  [
    "pointer postgres-1",
    "node postgres-1 running no yes no primary 0/5000000 83886080 0 no no",
    "node postgres-2 running no yes no standby 0/5000000 83886080 0 yes no",
  ].join("\n"),
);

const site = (more: Partial<OldSite["look"]> = {}): OldSite => ({
  environment: "production",
  host: "deploy@old",
  id: "own123456789",
  look: { current: "v3", releases: new Map([["v3", "current"]]), ...more },
});
const active = (id: string) => ({
  format: 1 as const,
  id,
  host: "deploy@other",
  by: "ana",
  since: "2026-11-28T12:00:00Z",
});

function problemOf(action: () => unknown): Problem {
  try {
    action();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("the site that is to be moved", () => {
  it("is the one that writes, whoever was active before", () => {
    expect(judgeOld(site(), undefined, HEALTHY)).toEqual({ writer: "postgres-1", replica: "postgres-2" });
    expect(judgeOld(site(), active("own123456789"), HEALTHY)).toBeTruthy();
    expect(judgeOld(site(), undefined, undefined)).toBeUndefined();
  });

  it("is refused where it is not, or somebody is at work there", () => {
    const refused: [OldSite, RegExp, ReturnType<typeof active>?][] = [
      [site({ current: undefined }), /runs no release/],
      [site(), /deploy@other took over/, active("another12345")],
      [site({ work: { version: "v4", by: "bo", since: "now" } }), /v4 is being put in place/],
      [site({ releases: new Map([["v4", "canary"]]) }), /v4 is tried out as a canary/],
      [site({ lock: { owner: "bo", reason: "audit", since: "now", expires: null } }), /locked by bo/],
    ];
    for (const [old, message, one] of refused)
      expect(problemOf(() => judgeOld(old, one, HEALTHY)).message).toMatch(message);
  });

  it("is refused where two write, or one that would is fenced", () => {
    const twins = {
      ...HEALTHY,
      nodes: HEALTHY.nodes.map((node) => ({ ...node, role: "primary" as const })),
    };
    expect(problemOf(() => judgeOld(site(), undefined, twins)).message).toMatch(/takes writes too/);
    const fenced = { ...HEALTHY, nodes: HEALTHY.nodes.map((node) => ({ ...node, fenced: true })) };
    expect(problemOf(() => judgeOld(site(), undefined, fenced)).message).toMatch(/is fenced/);
    expect(problemOf(() => judgeOld(site(), undefined, { ...HEALTHY, restoring: "swap" }))).toBeInstanceOf(
      Problem,
    );
  });
});

describe("one that was begun before", () => {
  const note = (phase: Note["phase"]): Note => ({
    phase,
    to: "deploy@new",
    by: "ana",
    began: 0,
    end: undefined,
    bundle: "20261128T120000Z.tar.age",
  });

  it("goes on to the same host alone", () => {
    for (const phase of ["closing", "closed", "away", "gone"] as const)
      expect(() => judgeNote(note(phase), "deploy@new", false)).not.toThrow();
    expect(problemOf(() => judgeNote(note("away"), "deploy@third", false)).message).toMatch(
      /a failback to deploy@new was begun here by ana/,
    );
    expect(problemOf(() => judgeNote(note("gone"), "deploy@third", false)).remedy).toContain(
      "--from deploy@new",
    );
    expect(problemOf(() => judgeNote(note("returning"), "deploy@new", false)).remedy).toContain("--undo");
  });

  it("is undone until the new site serves, and not where there is none", () => {
    for (const phase of ["closing", "closed", "away", "returning"] as const)
      expect(() => judgeNote(note(phase), "root@new", true)).not.toThrow();
    expect(problemOf(() => judgeNote(note("gone"), "root@new", true)).message).toMatch(/deploy@new serves/);
    expect(problemOf(() => judgeNote(undefined, "root@new", true)).exitCode).toBe(2);
  });

  it("is undone with the host that it went to alone, whoever logs in there", () => {
    expect(() => judgeNote(note("away"), "ssh://root@new:22", true)).not.toThrow();
    for (const other of ["deploy@third", "ssh://deploy@new:2222"])
      expect(problemOf(() => judgeNote(note("away"), other, true))).toMatchObject({
        exitCode: 2,
        message: `what was begun here by ana is a failback to deploy@new, and not to ${other}: nothing was changed`,
        remedy: "The same with --host deploy@new",
      });
  });

  it("is read from the host's file, and a file that is none is no note", () => {
    expect(
      parseNote(
        "away\ndeploy@new\nana\n1795000000000000\n3 0/5000000\n20261128T120000Z.tar.age\napi-1 \nanew\n",
      ),
    ).toEqual({
      phase: "away",
      to: "deploy@new",
      by: "ana",
      began: 1795000000000,
      end: { timeline: 3, lsn: "0/5000000" },
      bundle: "20261128T120000Z.tar.age",
    });
    expect(parseNote("closing\ndeploy@new\nana\n-\n-\n-\n")).toMatchObject({
      end: undefined,
      bundle: undefined,
    });
    expect(parseNote("")).toBeUndefined();
  });
});

it("knows the old host also where the bucket names the new one by then", () => {
  expect(oldHost({ firstHost: "deploy@old" }, "root@new")).toBe("deploy@old");
  expect(oldHost({ firstHost: "deploy@new", before: "deploy@old" }, "root@new")).toBe("deploy@old");
  // Of an earlier move: who serves is no longer who was left then.
  expect(oldHost({ firstHost: "deploy@mid", before: "deploy@new" }, "root@new")).toBe("deploy@mid");
  expect(oldHost({ firstHost: undefined }, "root@new")).toBeUndefined();
});

it("opens again the host that was left, also where only the bucket's newest word is left of it", () => {
  const found = { firstHost: "deploy@new", before: "deploy@old" };
  expect(hostLeft({ to: "root@new", otherwise: "deploy@yaml" }, found)).toBe("deploy@old");
  expect(hostLeft({ from: "deploy@said", to: "root@new" }, found)).toBe("deploy@said");
  expect(hostLeft({ to: "root@new", otherwise: "deploy@yaml" }, undefined)).toBe("deploy@yaml");
});

it("holds the end of the log against what the new host was held against, and not against an earlier move's", () => {
  const end = { timeline: 3, lsn: "0/6000000" };
  expect(cameTo("3 0/6000000 0/6000000\n", end)).toBe(true);
  for (const arrived of [undefined, "", "2 0/6000000 0/6000000", "3 0/5000000 0/6000000"])
    expect(cameTo(arrived, end), arrived).toBe(false);
  expect(cameTo("3 0/6000000 0/6000000", undefined)).toBe(false);
});

it("waits in the outage for nothing that is brought back once all serves", () => {
  const backups = [
    { what: "redis", volume: "redis-data" },
    { what: "elasticsearch", volume: "snapshots", broughtBy: { service: "elasticsearch", command: [] } },
    { what: "postgres", cluster: {} },
  ];
  expect(keptInOutage({ backups } as never)).toEqual(["redis=redis-data"]);
});

it("says an outage that grows with the database", () => {
  const services = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`s${n}`, {}])) as never;
  const small = expectedOutage(50e6, { services });
  expect(small).toBeLessThan(120);
  expect(expectedOutage(30e9, { services })).toBeGreaterThan(30 * 60);
  expect(expectedOutage(undefined, { services })).toBeLessThan(small);
  expect(outageText(87)).toBe("about 90 s");
  expect(outageText(600)).toBe("about 10 min");
});
