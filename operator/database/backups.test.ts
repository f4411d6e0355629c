/** What the sidecars say, in words and as JSON; what cannot be understood; what may not be asked. */
import { describe, expect, it } from "vitest";
import { plain as plainPaint } from "../../generator/report/paint.ts";
import { parseFacts } from "../checks/facts.ts";
import { fakeHost } from "../host/fake.ts";
import type { Site } from "../site/site.ts";
import { backupsOf, readBackups } from "./backups.ts";
import { requireLabel } from "./label.ts";
import { listText } from "./list-text.ts";
import { showBackup, showText } from "./show.ts";
import type { Kept } from "./sidecars.ts";
import { backupNow, plain, verifyNow } from "./work.ts";

const LABEL = "20261128-033000F";
const NOW = 1_795_840_000;
const one = (over: object = {}) => ({
  label: LABEL,
  type: "full",
  prior: null,
  error: false,
  timestamp: { start: NOW - 3700, stop: NOW - 3600 },
  database: { id: 1, "repo-key": 1 },
  archive: { start: "000000010000000000000003", stop: "000000010000000000000004" },
  info: { size: 32_000_000, delta: 32_000_000, repository: { delta: 4_000_000, "size-map": 1 } },
  ...over,
});
const verification = (over: object = {}) => ({
  label: LABEL,
  newest: true,
  outcome: "passed",
  said: "",
  started: NOW - 70,
  finished: NOW - 60,
  seconds: 10,
  recovered_to: NOW - 100,
  lsn: "0/5000000",
  size: 32_000_000,
  databases: 3,
  checks: [{ name: "courses", passed: true, said: "t" }],
  ...over,
});
const postgres = (over: object = {}) => ({
  now: NOW,
  error: "",
  info: [
    {
      name: "main",
      status: { code: 0, message: "ok" },
      archive: [{ id: "18-1", database: { id: 1 }, min: "x", max: "y" }],
      backup: [one()],
    },
  ],
  set: [],
  archives: [
    {
      id: "18-1",
      history: "",
      ranges: [
        {
          first: "000000010000000000000001",
          last: "000000010000000000000009",
          count: 9,
          from: NOW - 4000,
          to: NOW - 30,
        },
      ],
    },
  ],
  verified: [],
  running: { backup: false, verify: false },
  ...over,
});
const files = (over: object = {}) => ({
  now: NOW,
  running: false,
  error: "",
  sources: ["redis-sessions", "certificates"],
  snapshots: [
    {
      id: "a".repeat(64),
      short: "aaaaaaaa",
      what: "redis-sessions",
      time: NOW - 7200,
      size: 5_000_000,
      added: 1_000_000,
      files: 4,
    },
  ],
  ...over,
});
const of = (given: { postgres?: object; files?: object }) =>
  backupsOf(
    parseFacts(
      Object.entries(given)
        .map(([key, value]) => `${key} ${JSON.stringify(value)}`)
        .join("\n"),
    ),
    Object.keys(given) as Kept[],
  );
const unclear = (text: string) => listText(backupsOf(parseFacts(text), ["postgres"]), plainPaint);
const text = (given: Parameters<typeof of>[0]) => listText(of(given), plainPaint);

describe("list", () => {
  it("says kind, age, size, log, proof, and the instants that a restore can go to", () => {
    expect(
      text({ postgres: postgres({ verified: [verification()] }), files: files() }),
    ).toMatchInlineSnapshot(`
      "PostgreSQL
      LABEL             KIND  AGE  SIZE   STORED  WAL                                         VERIFIED
      20261128-033000F  full  60m  31 MB  4 MB    000000010000000000000003..0000000000000004  60s ago
      every instant from 2026-11-28 03:26:40Z to 2026-11-28 04:26:10Z

      Files
      ID        WHAT            AGE  SIZE  STORED
      aaaaaaaa  redis-sessions  2h   5 MB  977 KB
      there is no backup of certificates yet"
    `);
  });

  it.each([
    [
      "a backup that is not good",
      { verified: [verification({ outcome: "failed", said: "no luck" })] },
      /FAILED 60s ago: no luck/,
    ],
    [
      "a verification that was cut short",
      { verified: [verification({ outcome: "unfinished" })] },
      /cut short 60s ago/,
    ],
    ["one that was never verified", {}, /not yet/],
    ["damaged pages", { info: [{ ...postgres().info[0], backup: [one({ error: true })] }] }, /DAMAGED PAGES/],
    ["a log that is gone", { archives: [] }, /NOT USABLE/],
    ["what is at work", { running: { backup: true, verify: true } }, /being made\n.*being verified/],
    [
      "a repository that does not open",
      { error: "ERROR: [125]: remote", info: [] },
      /not known: ERROR: \[125\]/,
    ],
    ["nothing", { info: [{ ...postgres().info[0], backup: [] }] }, /there is no backup yet/],
    [
      "a hole",
      {
        archives: [
          {
            ...postgres().archives[0],
            ranges: [
              {
                first: "000000010000000000000001",
                last: "000000010000000000000005",
                from: 1,
                to: NOW - 3500,
              },
              { first: "000000010000000000000007", last: "000000010000000000000009", from: 1, to: NOW },
            ],
          },
        ],
      },
      /GAP: 1 segment is missing \(000000010000000000000006\): nothing after 20\S+ \S+Z$/m,
    ],
  ])("says %s", (_, over, words) => expect(text({ postgres: postgres(over) })).toMatch(words));

  it("says what has no backup yet, and what a sidecar that fails said", () => {
    expect(text({ files: files() })).toContain("there is no backup of certificates yet");
    expect(unclear("postgres_failed no such command")).toContain("not known: no such command");
    expect(unclear('postgres {"now":1}')).toContain("is not understood");
    expect(unclear("postgres hello")).toContain("no JSON: hello");
    expect(unclear("files {}")).toContain("not known: backup-postgres does not run");
  });
});

describe("show", () => {
  it("tells all of one", () => {
    const backups = of({
      postgres: postgres({
        set: [{ ...postgres().info[0], backup: [one({ "database-ref": [{ name: "shop_db", oid: 5 }] })] }],
        verified: [
          verification({
            outcome: "failed",
            said: "x",
            checks: [{ name: "courses", passed: false, said: "f" }],
          }),
        ],
      }),
      files: files(),
    });
    expect(showText(showBackup(backups, LABEL, "production"), NOW)).toMatchInlineSnapshot(`
      "label          20261128-033000F
      kind           full
      made           2026-11-28 03:25:00Z to 2026-11-28 03:26:40Z
      size           31 MB, 4 MB of the repository
      databases      shop_db
      WAL            000000010000000000000003..0000000000000004
      restores to    every instant from 2026-11-28 03:26:40Z to 2026-11-28 04:26:10Z
      verified       FAILED 60s ago: x
      check courses  NOT TRUE: f"
    `);
    expect(showText(showBackup(backups, "aaaaaaaa", "production"), NOW)).toMatch(/^what +redis-sessions$/m);
  });

  it("refuses one that is not there", () => {
    expect(() => showBackup(of({ postgres: postgres() }), "20200101-000000F", "local")).toThrow(
      /there is no backup/,
    );
    expect(() => showBackup(of({ files: files() }), "bbbbbbbb", "local")).toThrow(/there is no backup/);
    expect(() => showBackup(of({ postgres: postgres({ error: "no" }) }), LABEL, "local")).toThrow(
      /cannot be read: no/,
    );
  });
});

describe("labels", () => {
  it.each([LABEL, `${LABEL}_20261129-033000D`, `${LABEL}_20261129-033000I`, "1a2b3c4d", "a".repeat(64)])(
    "takes %s",
    (word) => expect(requireLabel(word, "local")).toBe(word),
  );

  it.each([
    "",
    "latest",
    `${LABEL} `,
    `x${LABEL}`,
    `${LABEL};id`,
    "$(id)",
    "-x",
    "--set=a",
    "../../etc",
    `${LABEL}\n`,
    "1A2B3C4D",
    "1a2b3c4",
  ])("refuses %j", (word) => expect(() => requireLabel(word, "local")).toThrow(/is no backup's label/));

  it("takes none of restic's where PostgreSQL's is meant", () =>
    expect(() => requireLabel("1a2b3c4d", "local", "postgres")).toThrow(/is no backup's label/));
});

describe("on the host", () => {
  const site = (answer: Parameters<typeof fakeHost>[0]) => {
    const host = fakeHost(answer, { name: "h" });
    return { site: { host, project: "shop-production", environment: "production" } as unknown as Site, host };
  };

  it("asks once", async () => {
    const { site: at, host } = site(() => ({ stdout: `containers 9\nfiles ${JSON.stringify(files())}` }));
    expect((await readBackups(at, ["files"])).files).toMatchObject({ running: false });
    expect(host.commands).toHaveLength(1);
  });

  it("says that nothing runs there", async () => {
    const { site: at } = site(() => ({ stdout: "containers 0" }));
    await expect(readBackups(at, ["files"])).rejects.toThrow(/nothing runs as production/);
  });

  it("makes the others where one fails, and says which", async () => {
    const { site: at, host } = site((line) => ({ exitCode: line.includes("backup-postgres") ? 75 : 3 }));
    const making = backupNow(at, ["postgres", "files"], { full: true, onLine: () => undefined });
    await expect(making).rejects.toThrow(
      /another backup is running on production: .*; the backup of files failed \(3\)/,
    );
    expect(host.commands.map((line) => line.split(" ").slice(-2).join(" "))).toEqual([
      "now full",
      "plimsoll-backup-files now",
    ]);
  });

  it.each([
    [75, /another verification is running/],
    [96, /backup-postgres does not run/],
    [137, /ended with 137/],
  ])("tells a verification that was not made (%d) from one that found something", async (exitCode, words) => {
    await expect(
      verifyNow(site(() => ({ exitCode })).site, LABEL, { onLine: () => undefined }),
    ).rejects.toThrow(words);
    const failed = site(() => ({ exitCode: 1 })).site;
    expect(await verifyNow(failed, LABEL, { onLine: () => undefined })).toBe(false);
  });
});

it("takes no code for an answer where it was ended itself", async () => {
  const host = fakeHost(() => ({ exitCode: 0 }));
  const site = { host, project: "p", environment: "local" } as unknown as Site;
  const signal = AbortSignal.abort(new Error("Ctrl-C"));
  await expect(verifyNow(site, undefined, { onLine: () => undefined, signal })).rejects.toThrow("Ctrl-C");
});

it("reads the lines of a sidecar", () => {
  expect(plain('{"level":"info","msg":"backup begins"}')).toBe("backup begins");
  expect(plain('{"level":"error","msg":"no luck"}')).toBe("error: no luck");
  expect(plain("plain words")).toBe("plain words");
  expect(plain("[1]")).toBe("[1]");
});
