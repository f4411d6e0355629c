import { expect, it } from "vitest";
import type { Follower } from "./follower.ts";
import type { Recoverable } from "./open.ts";
import { readinessOf, readinessText } from "./status.ts";

const NOW = Date.parse("2026-11-28T17:00:00Z") / 1000;

const found = (archived: number | undefined, finished = NOW - 86_400): Recoverable => ({
  bundle: {
    name: "20261128T161500Z.tar.age",
    meta: {
      format: 1,
      stack: "shop",
      environment: "production",
      project: "shop-production",
      release: "v3",
      created: "2026-11-28T16:15:00Z",
      host: "droplet",
    },
    generated: [],
    secrets: [],
    state: [],
  },
  plan: { objectives: { rpo: 3600 } } as Recoverable["plan"],
  catalog: { backup: { label: "20261127-170000F", finished, size: 5 * 1024 ** 2 }, archived },
  firstHost: "deploy@203.0.113.7",
  dr: undefined,
});

it("says how much would be lost", () => {
  const readiness = readinessOf(found(NOW - 240), NOW);
  expect(readiness).toMatchObject({
    bundle: { age: 2700 },
    database: { lag: 240, backupAge: 86_400 },
    faults: [],
  });
  const text = readinessText(readiness).join("\n");
  expect(text).toMatch(/^log +came into the bucket 4 min ago/m);
  expect(text).toMatch(/^activate +would work now/m);
});

const LATE = /for (60 min|24 h), .* at most 60 min \(objectives\.rpo\)/;

it("notes where nothing came for longer than the stack promises: nobody may have written", () => {
  const readiness = readinessOf(found(NOW - 3601), NOW);
  expect(readiness).toMatchObject({ faults: [], notes: [expect.stringMatching(LATE)] });
  const text = readinessText(readiness).join("\n");
  expect(text).toMatch(/^activate +would work now/m);
  expect(text).toMatch(/^note +nothing of the database came/m);
});

it("is no readiness where there is no log at all and the backup is old", () => {
  expect(readinessOf(found(undefined), NOW)).toMatchObject({
    faults: [expect.stringMatching(LATE)],
    notes: [],
  });
});

it("notes nothing where the backup itself is young enough", () => {
  expect(readinessOf(found(undefined, NOW - 60), NOW)).toMatchObject({ faults: [], notes: [] });
});

it("says how far the copy is that is kept warm, and what is wrong with it is no fault: the bucket brings all back", () => {
  const follower: Follower = {
    ...{ format: 1, at: NOW - 30, host: "deploy@203.0.113.8", mode: "stream", state: "following" },
    ...{ lsn: "0/9000000", timeline: 1, replayed: NOW - 90, streaming: true, fault: null },
  };
  const said = (more: Partial<Follower> | undefined) => {
    const dr = { follow: "stream", port: 6432 } as const;
    const readiness = readinessOf(
      { ...found(NOW - 240), dr, ...(more && { follower: { ...follower, ...more } }) },
      NOW,
    );
    expect(readiness.faults).toEqual([]);
    return readinessText(readiness).join("\n");
  };
  expect(said({})).toMatch(
    /^kept warm +deploy@203\.0\.113\.8 streams, its last transaction of 2026-11-28 16:58:30 UTC, as it said 30 s ago$/m,
  );
  expect(said({})).not.toMatch(/^note/m);
  expect(said({ streaming: false })).toContain("does not stream, and follows the bucket");
  expect(said({ at: NOW - 7200 })).toMatch(
    /^note +the copy on deploy@203\.0\.113\.8 has said nothing for 2 h$/m,
  );
  expect(said({ state: "stuck", fault: "why: plimsoll dr init --anew" })).toMatch(/^note .* is stuck: why/m);
  expect(said(undefined)).toMatch(/^note .*none is: plimsoll dr init production$/m);
});
