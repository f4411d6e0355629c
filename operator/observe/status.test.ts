import { expect, it } from "vitest";
import { stringify } from "yaml";
import { alertmanagerConfig } from "../../generator/components/alertmanager/config.ts";
import { Receiver } from "../../generator/components/alertmanager/options.ts";
import { plain } from "../../generator/report/paint.ts";
import { Objectives } from "../../generator/spec/core.ts";
import { parseFacts } from "../checks/facts.ts";
import type { Backups, Files, Repository } from "../database/backups.ts";
import type { Node } from "../database/look.ts";
import type { FilesVerification, Recovery } from "../database/report.ts";
import type { PsRow } from "../operate/ps.ts";
import type { Firing } from "./alerts.ts";
import { monitoringOf } from "./monitoring.ts";
import { objectivesOf } from "./objectives.ts";
import { diskOf, isUnheard, type Seen } from "./status.ts";
import { whatIsSaid } from "./status-judge.ts";
import { statusText } from "./status-text.ts";

const NOW = Date.parse("2026-11-28T16:00:00Z") / 1000;
const promised = Objectives.parse({});

const row = (service: string, more: Partial<PsRow> = {}): PsRow => ({
  service,
  kind: "service",
  state: "healthy",
  well: true,
  restarts: 0,
  ...more,
});
const node = (name: string, more: Partial<Node> = {}): Node => ({
  name,
  state: "running",
  fenced: false,
  support: true,
  alone: false,
  role: "standby",
  lsn: "0/5000000",
  position: 83_886_080n,
  replay: 0n,
  streaming: true,
  synchronous: false,
  ...more,
});
const firing = (alert: string, more: Partial<Firing> = {}): Firing => ({
  alert,
  severity: "page",
  since: NOW - 240,
  summary: "It is so",
  description: "Do something.",
  labels: {},
  silenced: [],
  inhibited: [],
  ...more,
});
const backups = {
  now: NOW,
  postgres: {
    backups: [
      {
        label: "20261128-020000F",
        kind: "full",
        started: NOW - 50_500,
        finished: NOW - 50_400,
        size: 1,
        stored: 1,
        wal: { start: null, stop: null },
        prior: null,
        damaged: false,
        usable: true,
        left: false,
        verified: {
          label: "20261128-020000F",
          outcome: "passed",
          said: "",
          started: NOW - 40_000,
          finished: NOW - 39_600,
          seconds: 12,
          checks: [],
        },
      },
    ],
    reaches: [],
    gaps: [],
    running: { backup: false, verify: false },
  },
} satisfies Backups;
const figures = {
  window: 1_296_000,
  known: 1_296_000,
  uptime: 0.99984,
  left_uptime: 0.84,
  burn_uptime: 0,
  errors: 0.0003,
  left_errors: 0.7,
  burn_errors: 0.2,
  p95: 0.084,
  fast: 0.99,
  left_p95: 0.8,
  burn_p95: 0.1,
  database: 0.004,
  cache_hits: 0.91,
  cache_reads: 40,
  rpo: 0,
  rto_verify: 12,
};
const measured = (more: object = {}) =>
  objectivesOf(promised, { what: new Map(Object.entries({ ...figures, ...more })) }, {});

const WELL: Seen = {
  stack: "fkod",
  environment: "production",
  host: "deploy@203.0.113.7",
  domain: "api.fkod.com",
  now: NOW,
  services: {
    project: "fkod-production",
    maintenance: false,
    notes: [],
    rows: [
      row("nginx"),
      row("api-1", { kind: "server" }),
      row("api-spare", { kind: "spare", state: "resting" }),
    ],
  },
  release: {
    what: {
      current: {
        version: "v12",
        kind: "deploy",
        from: "v11",
        created: "2026-11-25T16:00:00Z",
        by: "ana@laptop",
        message: "Certificates of courses",
        changes: [],
        state: "current",
        current: true,
      },
    },
  },
  prometheus: { what: { up: 21, targets: 21 } },
  edge: { requests: 41.23, errors: 0.0002, p95: 0.084 },
  objectives: measured(),
  disk: { used: 0.41, free: 50e9, full: 63 * 86_400, forecast: true },
  alerts: { what: { firing: [], silences: [], watched: true } },
  backups: { what: backups },
  database: {
    what: {
      pointer: "postgres-1",
      nodes: [node("postgres-1", { role: "primary", streaming: false }), node("postgres-2")],
      unfinished: undefined,
      restoring: undefined,
      promoted: undefined,
    },
  },
};
const screen = (seen: Seen, width = 80) => {
  const said = whatIsSaid(seen);
  return statusText({ healthy: !said.some(({ level }) => level === "wrong"), said, seen }, plain, width);
};

it("is one screen: a stack that is well", () => {
  expect(screen(WELL)).toMatchInlineSnapshot(`
    "fkod production                         deploy@203.0.113.7, 2026-11-28 16:00:00Z

    ● ALL IS WELL

      ● services   2 of 2 as they should be
      ● release    v12 for 3d, by ana@laptop: Certificates of courses
      ● edge       41 requests/s, 0.02% fail, 95% within 84 ms
      ● database   postgres-1 takes the writes; postgres-2 follows, in step
      ● backups    newest 14h old, verified 11h ago, archive up to date
      ● disk       41% used, 47 GB free, full in 63d at this rate
      ● alerts     none fires

                   promised  measured  error budget of 15d
      ● uptime     > 99.9%   99.98%    ████████░░ 84% left, burns 0x
      ● errors     < 0.1%    0.03%     ███████░░░ 70% left, burns 0.2x
      ● p95        < 200 ms  84 ms     ████████░░ 80% left, burns 0.1x
      ● database   < 100 ms  4 ms
      ● cache hits > 80%     91%
      ● RPO        < 1h      0 s
      ● RTO        < 1h      12 s"
  `);
});

it("names first what is wrong, then what is to be looked at", () => {
  const text = screen({
    ...WELL,
    services: {
      ...WELL.services,
      rows: [row("nginx"), row("api-2", { state: "exited", well: false, note: "exit code 137" })],
    },
    objectives: measured({ left_uptime: -0.2, uptime: 0.9988, database: 0.2 }),
    alerts: {
      what: {
        firing: [
          firing("ApiServerDown", { severity: "warn", summary: "api-2 does not answer" }),
          firing("UptimeBurnsFast", { inhibited: ["PostgresNoPrimary"] }),
        ],
        silences: [],
        watched: true,
      },
    },
    disk: { used: 0.41, free: 5e9, full: 2 * 86_400, forecast: true },
  });
  expect(text).toMatchInlineSnapshot(`
    "fkod production                         deploy@203.0.113.7, 2026-11-28 16:00:00Z

    ✖ 2 THINGS ARE WRONG
      ✖ services   api-2 is exited (exit code 137)
      ✖ objectives uptime: 99.88%, promised > 99.9%
      ▲ alerts     ApiServerDown: api-2 does not answer (since 4m)
      ▲ objectives database: 200 ms, promised < 100 ms
      ▲ disk       full in 2d at this rate, 4.7 GB free

      ✖ services   1 of 2 as they should be
      ● release    v12 for 3d, by ana@laptop: Certificates of courses
      ● edge       41 requests/s, 0.02% fail, 95% within 84 ms
      ● database   postgres-1 takes the writes; postgres-2 follows, in step
      ● backups    newest 14h old, verified 11h ago, archive up to date
      ▲ disk       41% used, 4.7 GB free, full in 2d at this rate
      ▲ alerts     1 page, 1 warn, 1 of them silenced or stood for by another

                   promised  measured  error budget of 15d
      ✖ uptime     > 99.9%   99.88%    ░░░░░░░░░░ overspent 20%, burns 0x
      ● errors     < 0.1%    0.03%     ███████░░░ 70% left, burns 0.2x
      ● p95        < 200 ms  84 ms     ████████░░ 80% left, burns 0.1x
      ▲ database   < 100 ms  200 ms
      ● cache hits > 80%     91%
      ● RPO        < 1h      0 s
      ● RTO        < 1h      12 s"
  `);
});

it("fits its width, whatever is said", () => {
  const long = "x".repeat(300);
  const rows = Array.from({ length: 30 }, (_, at) => row(`api-${at}`, { state: long, well: false }));
  const text = screen({ ...WELL, services: { ...WELL.services, rows } });
  for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  expect(text).toContain("and 22 more");
  expect(text).toContain("30 THINGS ARE WRONG");
});

const wrongs = (more: Partial<Seen>) =>
  whatIsSaid({ ...WELL, ...more }).flatMap(({ level, text }) => (level === "wrong" ? [text] : []));
const database = (nodes: Node[], more: object = {}) => ({
  database: {
    what: {
      pointer: "postgres-1",
      nodes,
      unfinished: undefined,
      restoring: undefined,
      promoted: undefined,
      ...more,
    },
  },
});
const writer = node("postgres-1", { role: "primary", streaming: false });

const twice = (other: Repository): Partial<Seen> => ({
  backups: {
    what: {
      ...backups,
      postgres: {
        ...backups.postgres,
        repositories: [{ kind: "local", backups: 1, newest: NOW, fault: null }, other],
      },
    },
  },
});
const damaged: FilesVerification = {
  outcome: "failed",
  said: "Pack ID does not match",
  part: "all",
  seconds: 3,
  finished: NOW,
  succeeded: 0,
};
const BUNDLE = "20261127T161500Z.tar.age";
const bundle: Recovery = {
  newest: BUNDLE,
  size: 9000,
  wanted: "20261125T160000Z.tar.age",
  bucket: true,
  uploaded: BUNDLE,
  error: "",
};
const files = (more: Partial<Files>): Partial<Seen> => ({
  backups: {
    what: {
      ...backups,
      files: {
        snapshots: [],
        missing: [],
        running: false,
        verifying: false,
        verified: null,
        recovery: bundle,
        images: [],
        ...more,
      },
    },
  },
});

it.each<[string, Partial<Seen>, RegExp]>([
  ["maintenance", { services: { ...WELL.services, maintenance: true } }, /every request is answered 503/],
  [
    "a silent Prometheus",
    { prometheus: { why: "connection refused", off: false } },
    /Prometheus does not answer/,
  ],
  [
    "a silent Alertmanager",
    { alerts: { why: "its container is exited", off: false } },
    /Alertmanager does not answer/,
  ],
  [
    "a silent watchdog",
    { alerts: { what: { firing: [], silences: [], watched: false } } },
    /watchdog is silent/,
  ],
  [
    "a page",
    { alerts: { what: { firing: [firing("EdgeErrors")], silences: [], watched: true } } },
    /^EdgeErrors: It is so \(since 4m\)$/,
  ],
  [
    "a budget that is spent",
    { objectives: measured({ left_errors: -1 }) },
    /^errors: 0\.03%, promised < 0\.1%$/,
  ],
  ["an archive that is late", { objectives: measured({ rpo: 4000 }) }, /^RPO: 67m, promised < 1h$/],
  ["a full disk", { disk: { used: 0.93, forecast: false } }, /^93% full$/],
  [
    "no writer",
    database([node("postgres-1"), node("postgres-2")]),
    /postgres-1 is to take the writes: postgres-1 is a standby/,
  ],
  [
    "a writer that does not answer",
    database([node("postgres-1", { role: "silent" }), node("postgres-2")]),
    /postgres-1 is to take the writes: postgres-1 does not answer/,
  ],
  [
    "two writers",
    database([writer, node("postgres-2", { role: "primary" })]),
    /postgres-2 is a second primary/,
  ],
  [
    "a replica that stopped",
    database([writer, node("postgres-2", { role: "silent", state: "exited" })]),
    /postgres-2 is exited/,
  ],
  [
    "a replica that does not stream",
    database([writer, node("postgres-2", { streaming: false })]),
    /does not follow/,
  ],
  [
    "a promotion cut short",
    database([writer], { unfinished: { old: "postgres-1", new: "postgres-2" } }),
    /did not end/,
  ],
  [
    "a database that is not known",
    { database: { why: "the host is silent" } },
    /not known: the host is silent/,
  ],
  [
    "no backup",
    {
      backups: {
        what: {
          now: NOW,
          postgres: { backups: [], reaches: [], gaps: [], running: { backup: false, verify: false } },
        },
      },
    },
    /there is none of PostgreSQL/,
  ],
  ["backups that are not known", { backups: { why: "x" } }, /not known: x/],
  [
    "one of two repositories that does not open",
    twice({ kind: "s3", backups: 0, newest: null, fault: "unable to connect to 's3'" }),
    /^PostgreSQL in s3: the S3 service cannot be reached/,
  ],
  [
    "one of two repositories that is empty",
    twice({ kind: "s3", backups: 0, newest: null, fault: null }),
    /^PostgreSQL in s3: there is none$/,
  ],
  ["files that are damaged", files({ verified: damaged }), /^what restic keeps was read and is not whole/],
  [
    "no recovery bundle",
    files({ recovery: { ...bundle, newest: "", uploaded: "" } }),
    /^there is no recovery bundle \(plimsoll backup production now\)$/,
  ],
  [
    "a recovery bundle on the host alone",
    files({ recovery: { ...bundle, uploaded: "" } }),
    /^no recovery bundle is in the bucket/,
  ],
  [
    "a sidecar that is silent",
    { backups: { what: { now: NOW, postgres: { error: "does not run" } } } },
    /does not run/,
  ],
])("is not well with %s", (_, more, expected) => {
  expect(wrongs(more)).toEqual([expect.stringMatching(expected)]);
  expect(screen({ ...WELL, ...more })).toContain("ONE THING IS WRONG");
});

it.each<[string, Partial<Seen>]>([
  [
    "a page that is silenced",
    {
      alerts: {
        what: {
          firing: [firing("A", { silenced: [{ id: "a", by: "b", until: NOW, reason: "c" }] })],
          silences: [],
          watched: true,
        },
      },
    },
  ],
  [
    "pages that reach nobody",
    { alerts: { what: { firing: [], silences: [], watched: true, unheard: true } } },
  ],
  [
    "a warning",
    { alerts: { what: { firing: [firing("A", { severity: "warn" })], silences: [], watched: true } } },
  ],
  [
    "a fenced node",
    database([writer, node("postgres-2", { fenced: true, role: "silent", state: "exited" })]),
  ],
  ["a reading of the moment", { objectives: measured({ database: 0.3 }) }],
])("is well with %s", (_, more) => {
  expect(wrongs(more)).toEqual([]);
});

it("says where pages reach nobody: a note, of which the line of alerts has the mark", () => {
  const seen: Seen = {
    ...WELL,
    alerts: { what: { firing: [], silences: [], watched: true, unheard: true } },
  };
  expect(screen(seen)).toMatch(
    /WELL, AND ONE THING TO LOOK AT\n {2}▲ alerts +pages reach nobody: name a receiver of pages, and deploy it\n/,
  );
});

/** As Alertmanager answers: its own words for the configuration it took in. */
const runs = (receivers: readonly object[], { watchdog = false } = {}) => {
  const config = alertmanagerConfig(
    receivers.map((one) => Receiver.parse({ type: "webhook", ...one })),
    watchdog,
    { environment: "production", grafana: undefined, runbooks: undefined },
  );
  return answers({ config: { original: stringify(config) } });
};
const answers = (status: unknown) => {
  const facts = ["alerts []", "silences []", `status ${JSON.stringify(status)}`, ""].join("\n");
  const { alertmanager } = monitoringOf(parseFacts(facts));
  if (!("what" in alertmanager)) throw new Error(alertmanager.why);
  return alertmanager.what.paged;
};

it.each<[string, boolean | undefined, boolean]>([
  ["a receiver that is told of pages", runs([{ name: "ops" }, { name: "desk", on: ["warn"] }]), false],
  ["none", runs([]), true],
  ["the watchdog alone", runs([], { watchdog: true }), true],
  [
    "one that is told of warnings alone, whatever stack.yaml says of it",
    runs([{ name: "ops", on: ["warn"] }]),
    true,
  ],
  ["an answer without a configuration", answers({}), false],
  ["a configuration that is not understood", answers({ config: { original: "<error: {" } }), false],
  [
    "a configuration of somebody's own",
    answers({ config: { original: "receivers: [{ name: us }]" } }),
    false,
  ],
])("pages are heard by what runs, with %s", (_, paged, unheard) => {
  expect(isUnheard("production", paged)).toBe(unheard);
  expect(isUnheard("local", paged)).toBe(false);
});

it("says of a disk that nothing measures what the host said, and forecasts nothing", () => {
  const disk = (figures: object, free?: number) =>
    diskOf(new Map(Object.entries({ known: 1_296_000, ...figures })), free);
  const line = (seen: Seen["disk"]) =>
    screen({ ...WELL, disk: seen })
      .split("\n")
      .find((text) => /^ {2}. disk/.test(text));
  expect(line(disk({}, 50e9))).toBe("  ○ disk       47 GB free, forecast not measured");
  expect(line(disk({}))).toBe("  ○ disk       not known");
  const measured = { disk_ratio: 0.2, disk_free: 80e9 };
  expect(line(disk(measured, 50e9))).toBe("  ● disk       20% used, 75 GB free, does not fill");
  expect(line(disk({ ...measured, disk_full: 63 * 86_400 }))).toMatch(/, full in 63d at this rate$/);
  const young = { ...measured, known: 3599, disk_full: 60 };
  expect(line(disk(young))).toBe("  ● disk       20% used, 75 GB free, no forecast yet");
});

it("never calls well what is not watched", () => {
  const seen: Seen = {
    ...WELL,
    prometheus: { why: "it has no container", off: true },
    alerts: { why: "it has no container", off: true },
    objectives: objectivesOf(promised, { why: "it has no container", off: true }, {}),
    edge: {},
    disk: { free: 50e9, forecast: false },
  };
  expect(wrongs(seen)).toEqual([]);
  expect(screen(seen)).toMatchInlineSnapshot(`
    "fkod production                         deploy@203.0.113.7, 2026-11-28 16:00:00Z

    ○ WELL, AS FAR AS IS KNOWN: nothing is measured
      ▲ monitoring off in stack.yaml: no figures, no objectives, no alerts

      ● services   2 of 2 as they should be
      ● release    v12 for 3d, by ana@laptop: Certificates of courses
      ○ edge       not known: nothing counts
      ● database   postgres-1 takes the writes; postgres-2 follows, in step
      ● backups    newest 14h old, verified 11h ago
      ○ disk       47 GB free, forecast not measured
      ○ alerts     off in stack.yaml
      ○ objectives not known: stack.yaml has no monitoring: nothing is measured"
  `);
});

it("says of a promise that nothing measures why, and does not promise a figure", () => {
  const { uptime: _, ...others } = figures;
  const why = "not measured, as monitoring.blackbox is false";
  const objectives = objectivesOf(promised, { what: new Map(Object.entries(others)) }, { uptime: why });
  expect(screen({ ...WELL, objectives })).toContain(
    "  ○ uptime     > 99.9%   not measured, as monitoring.blackbox is false\n",
  );
  const far = "○ WELL, AS FAR AS IS KNOWN: not everything is measured";
  expect(screen({ ...WELL, objectives })).toContain(far);
  expect(screen({ ...WELL, disk: { free: 50e9, forecast: false } })).toContain(far);
  // It will be measured: a young stack is well.
  expect(screen({ ...WELL, objectives: measured({ uptime: undefined }) })).toContain("● ALL IS WELL");
});

it("notes what of the database waits for a person, and a bundle of an older release", () => {
  const notes = ["64 KB are kept for the undo", "a promotion of postgres-2 is at work or did not end"];
  const services = { ...WELL.services, notes };
  const said = (seen: Partial<Seen>) =>
    whatIsSaid({ ...WELL, ...seen }).map(({ level, text }) => `${level}: ${text}`);
  expect(said({ services })).toEqual(notes.map((text) => `note: ${text}`));
  const unfinished = { old: "postgres-1", new: "postgres-2" };
  expect(said({ services, ...database([writer], { unfinished }) })).toEqual([
    `note: ${notes[0]}`,
    "wrong: a promotion of postgres-2 did not end (plimsoll promote production)",
  ]);
  expect(said(files({}))).toEqual([]);
  expect(said(files({ recovery: { ...bundle, wanted: "20261128T000000Z.tar.age" } }))).toEqual([
    "note: the recovery bundle is of an older release (plimsoll backup production now)",
  ]);
});
