import { afterEach, expect, it } from "vitest";
import { failoverDrilled, restoreDrilled } from "./drilled.ts";
import { contextOf, NOW, removeFolders } from "./test-context.ts";

afterEach(removeFolders);

const s = NOW / 1000;
const DAY = 86_400;
const context = (figures: Record<string, number>, words = "api: { build: ./api }") =>
  contextOf({
    words,
    machine: `now ${s}`,
    running: ["containers 1", ...Object.entries(figures).map(([name, value]) => `${name} ${value}`)].join(
      "\n",
    ),
  });
const restore = { 'backup verify_last_success_timestamp_seconds{what="postgres"}': s - 3600 };

it("a restore drill that missed an objective is no pass, whatever the backup is", async () => {
  const missed = {
    ...restore,
    'drill last_failed{kind="restore"}': 1,
    'drill rto_seconds{kind="restore"}': 5400,
    'drill rpo_seconds{kind="restore"}': 10,
  };
  expect(await restoreDrilled(await context(missed))).toMatchObject({
    state: "failed",
    said: expect.stringMatching(/^the last restore drill failed: RTO .* promised$/),
  });
  const met = { ...missed, 'drill last_failed{kind="restore"}': 0, 'drill rto_seconds{kind="restore"}': 40 };
  expect(await restoreDrilled(await context(met))).toMatchObject({
    state: "passed",
    said: expect.stringMatching(/found good .*; RTO .*, RPO /),
  });
});

it("a failover drill is due where stack.yaml says so, and cannot be where there is no replica", async () => {
  const every = "api: { build: ./api }\ndrills: { failover: 30d }";
  const held = (days: number) => ({ 'drill last_timestamp_seconds{kind="failover"}': s - days * DAY });
  const cases: [Record<string, number>, string, string][] = [
    [{}, every, "failed"],
    [held(31), every, "failed"],
    [held(29), every, "passed"],
    [held(400), "api: { build: ./api }\ndrills: { failover: false }", "passed"],
    [{}, "api: { build: ./api }\ndrills: { failover: false }", "unavailable"],
    [held(1), "api: { build: ./api }\npostgres: { replica: false }", "unavailable"],
  ];
  for (const [figures, words, state] of cases)
    expect(
      await failoverDrilled(await context(figures, words)),
      JSON.stringify([figures, words]),
    ).toMatchObject({
      state,
    });
});
