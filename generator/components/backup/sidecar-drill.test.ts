/** What the sidecar measures for drills, with a log and a repository that say what a test wants. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { DrillReport, Risk } from "../../../operator/drill/report.ts";
import { packageRoot } from "../../package.ts";

const PARTS = ["backup", "report", "verify", "trial", "verified", "drill"];
const root = mkdtempSync(join(tmpdir(), "plimsoll-drill-"));
const wal = join(root, "nodes/postgres-1/18/docker/pg_wal");
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  for (const folder of ["run", "trial", "nodes", "metrics", "log"])
    rmSync(join(root, folder), { recursive: true, force: true });
  for (const folder of ["run", "trial", "metrics"]) mkdirSync(join(root, folder));
  mkdirSync(wal, { recursive: true });
});

function program(name: string, body: string): void {
  writeFileSync(join(root, name), `#!/bin/bash\n${body}\n`);
  chmodSync(join(root, name), 0o755);
}

type Given = {
  /** The archive's last segment. */
  last: string;
  /** What pg_waldump says of a segment, by its name: also of the one that is fetched. */
  log: Record<string, string[]>;
  /** Segments that the primary still has. */
  present: string[];
  /** The primary's timeline, and its history. */
  timeline?: number;
  history?: string;
  input?: string;
};

function sidecar({ last, log, present, timeline = 1, history, input }: Given, ...words: string[]) {
  const on = String(timeline).padStart(8, "0");
  if (history !== undefined) writeFileSync(join(wal, `${on}.history`), history);
  for (const name of present) writeFileSync(join(wal, name), "");
  mkdirSync(join(root, "log"), { recursive: true });
  for (const [name, lines] of Object.entries(log)) writeFileSync(join(root, "log", name), lines.join("\n"));
  program(
    "pgbackrest",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: of bash
    '[[ "$*" != *archive-get* ]] || touch "${@: -1}"; [[ $1 != version ]] || echo "pgBackRest 2.60.0"',
  );
  program("postgres", 'echo "postgres (PostgreSQL) 18.6 (Debian)"');
  // --rmgr=Transaction -p FOLDER FIRST LAST: every segment from the first to the last, and an error at the end.
  program(
    "pg_waldump",
    `for file in ${root}/log/*; do name=\${file##*/}
       if [[ -e $3/$name && ! $name < $4 && ! $name > $5 ]]; then cat "$file"; echo; fi
     done; echo "pg_waldump: error: invalid record length" >&2; exit 1`,
  );
  const script = [
    "set -Eeuo pipefail; export TZ=UTC",
    `run=${root}/run trial=${root}/trial metrics=${root}/metrics nodes=${root}/nodes PG_MAJOR=18 stanza=main busy=0`,
    ...PARTS.map((part) => `. ${packageRoot}/templates/postgres/share/${part}.bash`),
    "find_writer() { primary=postgres-1; }",
    `ask() { if [[ $2 == *pg_walfile_name* ]]; then echo ${on}000000000000000B; else echo 4096; fi; }`,
    `archive_last() { echo "$2" >${root}/asked; echo ${last}; }`,
    '"$@"',
  ].join("\n");
  return spawnSync("bash", ["-c", script, "test", ...words], {
    env: { ...process.env, PATH: `${root}:${process.env.PATH}` },
    encoding: "utf8",
    input: input ?? "",
  });
}

const commit = (lsn: string, time: string, length = 34) =>
  `rmgr: Transaction len (rec/tot):     34/    ${length}, tx:        750, lsn: ${lsn}, prev 0/01000000, desc: COMMIT ${time} UTC`;
const A = "00000001000000000000000A";
const B = "00000001000000000000000B";

describe("at_risk", () => {
  const risk = (given: Given) => {
    const { stdout, stderr, status } = sidecar(given, "at_risk");
    expect(status, stderr).toBe(0);
    return Risk.parse(JSON.parse(stdout));
  };

  it("counts the commits that no archived segment holds whole, from the first of them on", () => {
    const found = risk({
      last: A,
      present: [A, B],
      log: {
        [A]: [
          commit("0/0A000100", "2026-11-28 10:00:00.5"),
          commit("0/0A000200", "2026-11-28 10:00:10.25"),
          // It begins in the segment that is archived, and ends in the next.
          commit("0/0AFFFFF0", "2026-11-28 10:00:20", 48),
        ],
        [B]: [
          "rmgr: Transaction len (rec/tot):     34/    34, tx: 9, lsn: 0/0B000100, prev 0/0, desc: ABORT 2026-11-28 10:00:21 UTC",
          commit("0/0B000200", "2026-11-28 10:00:30.125"),
          commit("0/0B000300", "2026-11-28 10:00:31").replace("COMMIT", "COMMIT_PREPARED 7:"),
        ],
      },
    });
    const at = (text: string) => Date.parse(`2026-11-28T10:00:${text}Z`) / 1000;
    expect(found).toMatchObject({
      segment: A,
      lost: { commits: 3, bytes: 4096, first: at("20.000"), last: at("31.000") },
    });
    expect(found.seconds).toBeCloseTo(found.now - at("20.000"), 2);
  });

  it("is nothing where nothing was committed since, however old the archive is", () => {
    expect(
      risk({ last: A, present: [B], log: { [A]: [commit("0/0A000100", "2020-01-01 00:00:00")] } }),
    ).toMatchObject({ seconds: 0, saved: 1_577_836_800, lost: { commits: 0, first: null, last: null } });
  });

  it("reads over a promotion: of a segment that two timelines have, the newer one's", () => {
    const old = B;
    const next = "00000002000000000000000B";
    expect(
      risk({
        last: A,
        timeline: 2,
        history: "1\t0/B000300\tno recovery target specified\n\n",
        present: [A, old, next],
        log: {
          [A]: [],
          [old]: [commit("0/0B000200", "2026-11-28 10:00:30"), commit("0/0B000900", "2026-11-28 10:00:40")],
          [next]: [commit("0/0B000200", "2026-11-28 10:00:30"), commit("0/0B000400", "2026-11-28 10:00:50")],
        },
      }).lost,
    ).toMatchObject({ commits: 2, last: Date.parse("2026-11-28T10:00:50Z") / 1000 });
  });

  it("counts from where a restore in place left the old timeline, however far that is archived", () => {
    const taken = "00000001000000000000000A";
    const [begin, next] = ["000000030000000000000008", "000000030000000000000009"];
    const given = {
      last: taken,
      timeline: 3,
      history: "1\t0/8000300\tbefore 2026-11-28 10:00:00+00\n\n",
      present: [begin, next],
      log: {
        [begin]: [commit("0/08000200", "2026-11-28 09:00:00"), commit("0/08000400", "2026-11-28 11:00:00")],
        [next]: [commit("0/09000100", "2026-11-28 11:00:10")],
        // Of the old timeline, in the repository: what it held, and what was taken back.
        "000000010000000000000008": [
          commit("0/08000200", "2026-11-28 09:00:00"),
          commit("0/08000500", "2026-11-28 10:30:00"),
        ],
        [taken]: [commit("0/0A000100", "2026-11-28 10:50:00")],
      },
    };
    const at = (text: string) => Date.parse(`2026-11-28T${text}Z`) / 1000;
    expect(risk(given)).toMatchObject({
      segment: "000000010000000000000008",
      saved: at("09:00:00"),
      lost: { commits: 2, first: at("11:00:00"), last: at("11:00:10") },
    });
    // Of a timeline that is on no way to the primary nothing is asked.
    expect(readFileSync(join(root, "asked"), "utf8").trim()).toBe("00000001 00000003");
    rmSync(join(wal, "00000003.history"));
    expect(sidecar({ ...given, history: undefined }, "at_risk")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("does not have the history of its timeline"),
    });
  });

  it("looks back for the last commit that is saved over segments without one", () => {
    const before = "000000010000000000000009";
    expect(
      risk({
        last: A,
        present: [B],
        log: { [before]: [commit("0/09000100", "2026-11-28 09:00:00")], [A]: [], [B]: [] },
      }).saved,
    ).toBe(Date.parse("2026-11-28T09:00:00Z") / 1000);
  });
});

const nothing: Given = { last: A, present: [], log: {} };

it("keeps a report of the form that the laptop's have, of no more than sixty, and their figures", () => {
  // The file that is read in the sidecar lies in /etc: here the function is given another.
  const asked = join(root, "checks.json");
  writeFileSync(
    asked,
    JSON.stringify({ stack: "shop", environment: "production", objectives: { rto: 60, rpo: 60 } }),
  );
  const keep = (result: object) => {
    const words = `drill_asked=${asked}; keep_drill "$1"`;
    const { status, stderr } = sidecar(nothing, "eval", `set -- '${JSON.stringify(result)}'; ${words}`);
    expect(status, stderr).toBe(0);
  };
  const result = (started: number, over: object = {}) => ({
    label: "20261128-033000F",
    newest: true,
    started,
    finished: started + 50,
    seconds: 50,
    outcome: "passed",
    said: "",
    lsn: "0/B000000",
    recovered_to: started - 5,
    size: 1000,
    risk: {
      now: started,
      segment: A,
      saved: started - 20,
      lost: { commits: 1, bytes: 10, first: started - 10, last: started - 10 },
      seconds: 10,
    },
    steps: [
      { name: "restore", seconds: 30 },
      { name: "recovery", seconds: 10.5 },
      { name: "reading", seconds: 100 },
    ],
    checks: [{ name: "courses", passed: true, said: "t" }],
    ...over,
  });
  const T = 1_795_881_600;
  for (let index = 0; index < 62; index++) {
    const id = new Date((T - 3600 * (index + 1)) * 1000)
      .toISOString()
      .replace(/\.\d+/, "")
      .replaceAll(/[-:]/g, "");
    mkdirSync(join(root, "trial/drills"), { recursive: true });
    writeFileSync(join(root, "trial/drills", `${id}-restore.json`), "{}");
  }
  keep(result(T));
  expect(readdirSync(join(root, "trial/drills")).length).toBe(60);
  const report = DrillReport.parse(
    JSON.parse(readFileSync(join(root, "trial/drills/20261128T160000Z-restore.json"), "utf8")),
  );
  expect(report).toMatchObject({
    outcome: "passed",
    by: "the schedule",
    stack: "shop",
    rto: { objective: 60, measured: 40.5, met: true },
    rpo: { objective: 60, measured: 10, met: true },
    versions: { PostgreSQL: "18.6", pgBackRest: "2.60.0" },
  });
  const figures = () => readFileSync(join(root, "metrics/drill-restore.prom"), "utf8");
  expect(figures()).toContain(`plimsoll_drill_last_timestamp_seconds{kind="restore"} ${T + 50}\n`);
  expect(figures()).toContain('plimsoll_drill_last_failed{kind="restore"} 0\n');
  expect(figures()).toContain('plimsoll_drill_rto_seconds{kind="restore"} 40.5\n');
  expect(figures()).toContain('plimsoll_drill_rpo_seconds{kind="restore"} 10\n');

  // Too slow: the backup is good, and the drill is not.
  keep(result(T + 1, { steps: [{ name: "restore", seconds: 61 }] }));
  expect(figures()).toContain('plimsoll_drill_last_failed{kind="restore"} 1\n');
  // What was never restored has no time, and what was at risk may not be known.
  keep(result(T + 2, { outcome: "failed", said: "damaged", lsn: null, recovered_to: null, risk: null }));
  const failed = DrillReport.parse(
    JSON.parse(readFileSync(join(root, "trial/drills/20261128T160002Z-restore.json"), "utf8")),
  );
  expect(failed).toMatchObject({
    outcome: "failed",
    faults: ["damaged"],
    rto: { measured: null, met: null },
    rpo: { measured: null, met: null },
  });
  expect(figures()).not.toContain("rto_seconds");
});

it("takes figures of a report alone", () => {
  for (const input of ["", "{}", '{"version":2,"kind":"restore"}', '{"version":1,"kind":"../x"}'])
    expect(sidecar({ ...nothing, input }, "drilled"), input).toMatchObject({ status: 2 });
  expect(readdirSync(join(root, "metrics"))).toEqual([]);
});
