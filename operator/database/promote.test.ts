import { expect, it } from "vitest";
import { Problem } from "../problem.ts";
import { type Look, parseLook } from "./look.ts";
import { judgePromotion, lossText, type Promoted } from "./promote.ts";
import { judgeRejoin } from "./rejoin.ts";

const PRIMARY = "node postgres-1 running no yes no primary 0/5000000 83886080 0 no no";
const STANDBY = "node postgres-2 running no yes no standby 0/5000000 83886080 0 yes no";

function look(...lines: string[]): Look {
  return parseLook(
    [...(lines.some((l) => l.startsWith("pointer")) ? [] : ["pointer postgres-1"]), ...lines].join("\n"),
  );
}

function problemOf(action: () => unknown): Problem {
  try {
    action();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

const promoting = (seen: Look, wanted?: string) => judgePromotion(seen, "production", wanted);

it("reads every word of a look", () => {
  expect(look("unfinished postgres-1 postgres-2", "lost postgres-1 3 912", PRIMARY, STANDBY)).toMatchObject({
    pointer: "postgres-1",
    unfinished: { old: "postgres-1", new: "postgres-2" },
    promoted: { old: "postgres-1", lost: { transactions: 3, bytes: 912 } },
    nodes: [
      { name: "postgres-1", role: "primary", position: 83886080n, fenced: false, support: true },
      { name: "postgres-2", role: "standby", streaming: true },
    ],
  });
  expect(look("pointer -", "lost postgres-1 - -")).toMatchObject({
    pointer: undefined,
    promoted: { old: "postgres-1", lost: undefined },
  });
});

it("promotes the replica of a primary that answers, and says that nothing is lost", () => {
  expect(promoting(look(PRIMARY, STANDBY))).toMatchObject({
    old: "postgres-1",
    new: "postgres-2",
    resume: false,
    risk: expect.stringContaining("nothing is lost"),
  });
});

it("says what may be lost where the primary does not answer", () => {
  const dead = "node postgres-1 exited no yes no silent - 0 0 no no";
  expect(promoting(look(dead, STANDBY)).risk).toMatch(/may be lost/);
  const synchronous = STANDBY.replace(/no$/, "yes");
  expect(promoting(look(dead, synchronous)).risk).toMatch(/Nothing that was acknowledged is lost/);
});

it("takes the replica that has most, and does what an interrupted promotion left", () => {
  const third = "node postgres-3 running no yes no standby 0/6000000 100663296 0 yes no";
  expect(promoting(look(PRIMARY, STANDBY, third)).new).toBe("postgres-3");
  expect(promoting(look(PRIMARY, STANDBY, third), "postgres-2").new).toBe("postgres-2");
  const cut = look(
    "unfinished postgres-1 postgres-2",
    "node postgres-1 exited yes yes no silent - 0 0 no no",
    STANDBY,
  );
  expect(promoting(cut)).toMatchObject({ new: "postgres-2", resume: true });
  expect(problemOf(() => promoting(cut, "postgres-1")).message).toMatch(/did not end/);
});

it("refuses what would lose data, lead nowhere, or is so already", () => {
  const detached = STANDBY.replace("83886080 0 yes", "50331648 0 no");
  const cases: [Look, string | undefined, RegExp, RegExp][] = [
    [look(PRIMARY, STANDBY), "postgres-1", /postgres-1 takes the writes already/, /^$/],
    [look(PRIMARY, STANDBY), "postgres-9", /no node "postgres-9"/, /There are: postgres-1, postgres-2/],
    [look(PRIMARY), undefined, /no replica to promote/, /postgres.replica: true/],
    [
      look("pointer -", PRIMARY, STANDBY),
      undefined,
      /proxy .* does not answer/,
      /plimsoll restart production postgres/,
    ],
    [
      look(PRIMARY, detached),
      undefined,
      /does not follow postgres-1.*32.0 MB would be lost/,
      /plimsoll restart production postgres-2/,
    ],
    [
      look(PRIMARY, "node postgres-2 exited yes yes no silent - 0 0 no no"),
      undefined,
      /no healthy replica[\s\S]*postgres-2: fenced/,
      /plimsoll rejoin production/,
    ],
    [
      look(PRIMARY, "node postgres-2 exited no yes no silent - 0 0 no no"),
      undefined,
      /no healthy replica[\s\S]*postgres-2: exited/,
      /plimsoll restart production postgres-2/,
    ],
    [
      look("node postgres-1 exited no yes no silent - 0 0 no no", STANDBY.replace("standby", "primary")),
      undefined,
      /postgres-2 leads already, and the proxy sends the writes to postgres-1/,
      /pointer.sh set postgres-2/,
    ],
    [
      look(PRIMARY, STANDBY.replace("standby", "primary")),
      undefined,
      /postgres-2 takes writes of its own/,
      /Look which/,
    ],
    [
      look(PRIMARY, STANDBY.replace("no yes no", "no no no")),
      undefined,
      /knows of no fence/,
      /plimsoll deploy production/,
    ],
  ];
  for (const [seen, wanted, message, remedy] of cases) {
    const problem = problemOf(() => promoting(seen, wanted));
    expect(problem.message).toMatch(message);
    expect(problem.remedy ?? "").toMatch(remedy);
  }
});

it("says what was lost in words that cannot be taken for others", () => {
  const base: Promoted = {
    old: "postgres-1",
    new: "postgres-2",
    seconds: 2,
    clean: true,
    synchronous: false,
    lost: { transactions: 0, bytes: 0 },
    alone: false,
  };
  expect(lossText(base)).toMatch(/^nothing was lost: postgres-1 ended in peace/);
  expect(lossText({ ...base, clean: false })).toMatch(/^nothing was lost: postgres-2 has all/);
  expect(lossText({ ...base, clean: false, lost: { transactions: 1, bytes: 208 } })).toMatch(
    /^1 transaction \(208 bytes of its log\) of postgres-1 may be lost/,
  );
  expect(lossText({ ...base, lost: undefined })).toMatch(/cannot be found out, of postgres-1 may be lost/);
  expect(lossText({ ...base, synchronous: true, lost: { transactions: 2, bytes: 5000 } })).toMatch(
    /^nothing that was acknowledged was lost .* 2 transactions \(4.9 kB/,
  );
});

const FENCED = "node postgres-1 exited yes yes no silent - 0 0 no no";
const LEADS = "node postgres-2 running no yes no primary 0/6000000 100663296 0 no no";
const rejoining = (seen: Look, fresh = false) => judgeRejoin(seen, "production", fresh);

it("lets the fenced one follow, and says what is lost with it", () => {
  const seen = (lost: string) => look("pointer postgres-2", `lost postgres-1 ${lost}`, FENCED, LEADS);
  expect(rejoining(seen("0 0"))).toEqual({ writer: "postgres-2", node: "postgres-1", loses: undefined });
  expect(rejoining(seen("2 300"))?.loses).toMatch(/holds 2 transactions \(300 bytes\) that postgres-2 never/);
  expect(rejoining(seen("- -"))?.loses).toMatch(/whose number is not known/);
  // Stopped by hand, the pointer moved by hand: nobody counted.
  expect(
    rejoining(look("pointer postgres-2", FENCED.replace("exited yes", "exited no"), LEADS))?.loses,
  ).toMatch(/may hold commits/);
});

it("does nothing where all follow, unless it is to be copied anew or commits wait for nobody", () => {
  expect(rejoining(look(PRIMARY, STANDBY))).toBeUndefined();
  expect(rejoining(look(PRIMARY, STANDBY), true)).toMatchObject({ node: "postgres-2", loses: undefined });
  expect(rejoining(look(PRIMARY.replace("yes no primary", "yes yes primary"), STANDBY))).toMatchObject({
    node: "postgres-2",
  });
});

it("refuses to rejoin where nobody leads, two do, or a promotion did not end", () => {
  const message = (seen: Look) => problemOf(() => rejoining(seen)).message;
  expect(message(look("unfinished postgres-1 postgres-2", FENCED, STANDBY))).toMatch(/did not end/);
  expect(message(look("pointer postgres-2", FENCED, STANDBY))).toMatch(/nobody takes writes/);
  expect(message(look("pointer postgres-2", PRIMARY, LEADS))).toMatch(/postgres-1 takes writes too/);
  expect(message(look(PRIMARY, STANDBY.replace("0 yes", "0 no")))).toMatch(/does not stream/);
  expect(message(look(PRIMARY))).toMatch(/one node/);
});
