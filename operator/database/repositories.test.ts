/** Two repositories at once: what is in which, and one of them that fails. */
import { expect, it } from "vitest";
import { plain } from "../../generator/report/paint.ts";
import { parseFacts } from "../checks/facts.ts";
import { backupsOf, type Files, type Postgres } from "./backups.ts";
import { listText } from "./list-text.ts";
import { showBackup, showText } from "./show.ts";

const NOW = 1_795_840_000;
const backup = (label: string, number: number, age: number) => ({
  label,
  type: "full",
  timestamp: { start: NOW - age - 60, stop: NOW - age },
  database: { id: 1, "repo-key": number },
  archive: { start: "000000010000000000000003", stop: "000000010000000000000004" },
  info: { size: 32_000_000, delta: 32_000_000, repository: { delta: 4_000_000 } },
});
const postgres = (remote: { code: number; message: string }) => ({
  now: NOW,
  error: "",
  repositories: [
    { number: 1, kind: "local" },
    { number: 2, kind: "s3" },
  ],
  info: [
    {
      // As pgBackRest says it where two differ.
      status: { code: remote.code === 0 ? 0 : 4, message: "different across repos" },
      repo: [
        { key: 1, status: { code: 0, message: "ok" } },
        { key: 2, status: remote },
      ],
      archive: [1, 2].map((number) => ({ id: "18-1", database: { id: 1, "repo-key": number } })),
      backup: [backup("20261128-040000F", 2, 1800), backup("20261128-033000F", 1, 3600)],
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
          from: NOW - 4000,
          to: NOW - 30,
        },
      ],
    },
  ],
  verified: [],
  running: { backup: false, verify: false },
});
const snapshot = (repository: string) => ({
  id: `${repository}-id`,
  short: repository.padEnd(8, "0"),
  what: "redis-sessions",
  time: NOW - 1800,
  repository,
});
const files = (error = "") => ({
  now: NOW,
  error: "",
  running: false,
  sources: ["redis-sessions"],
  repositories: [
    { kind: "s3", error },
    { kind: "local", error: "" },
  ],
  snapshots: [...(error ? [] : [snapshot("s3")]), snapshot("local")],
});
const read = (remote: { code: number; message: string }, error?: string) =>
  backupsOf(
    parseFacts(`postgres ${JSON.stringify(postgres(remote))}\nfiles ${JSON.stringify(files(error))}`),
    ["postgres", "files"],
  );

it("says where each backup is, and how far one can go back with both together, once", () => {
  const backups = read({ code: 0, message: "ok" });
  const found = backups.postgres as Postgres;
  expect(found.backups.map(({ label, repository }) => [label, repository])).toEqual([
    ["20261128-033000F", "local"],
    ["20261128-040000F", "s3"],
  ]);
  expect(found.reaches).toEqual([{ from: NOW - 3600, to: NOW - 30, since: "20261128-033000F" }]);
  expect(found.repositories).toEqual([
    { kind: "local", backups: 1, newest: NOW - 3600, fault: null },
    { kind: "s3", backups: 1, newest: NOW - 1800, fault: null },
  ]);
  expect((backups.files as Files).missing).toEqual([]);
  const text = listText(backups, plain);
  expect(text).toMatch(/^s3: 1 backup, the newest 30m old$/m);
  expect(text).toMatch(/^20261128-040000F +s3 +full /m);
  expect(text).toMatch(/^s3000000 +s3 +redis-sessions /m);
  expect(showText(showBackup(backups, "20261128-040000F", "production"), NOW)).toMatch(/^where +s3$/m);
});

it("says what is wrong with one while the other is well", () => {
  const backups = read(
    { code: 99, message: "[ProtocolError] HTTP request failed with 403: <Code>SignatureDoesNotMatch</Code>" },
    "Fatal: unable to open config file: Stat: The AWS Access Key Id you provided does not exist",
  );
  const found = backups.postgres as Postgres;
  expect(found.repositories?.map(({ fault }) => fault)).toEqual([null, expect.stringContaining("Signature")]);
  const text = listText(backups, plain);
  expect(
    text.match(/^s3: the S3 service refuses the key: it is wrong, expired, or may not use/gm),
  ).toHaveLength(2);
  expect(text).toMatch(/^local: 1 backup, the newest 60m old|^local: 1 backup, the newest 1h old/m);
});
