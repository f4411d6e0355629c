/** What a dashboard's expressions answer, asked of Prometheus's own engine with series whose answer is known. */
import { beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { prometheusImage } from "../generator/components/prometheus.ts";
import { readOwn } from "../generator/package.ts";
import { findTool, type Tool } from "../generator/testing/tools.ts";
import { dashboards } from "./dashboards.ts";
import { expressions } from "./expressions.ts";
import { verdict } from "./library/verdict.ts";
import type { DashboardStem } from "./stems.ts";

const RULES = ["edge", "objectives", "host"].map((stem) => `prometheus/rules/${stem}.rules.yaml`);

type Series = Readonly<Record<string, string>>;
/** Labels as promtool writes them, to the value. */
type Answer = Readonly<Record<string, number>>;

let promtool: Tool | undefined;
beforeAll(() => {
  promtool = findTool({ tool: "promtool", image: prometheusImage });
}, 600_000);

/** The expression of a panel, or of a marker, by its name and place. */
function asked(stem: DashboardStem, panel: string, at = 0): string {
  const found = expressions(dashboards[stem]()).filter((one) => one.panel === panel)[at];
  if (!found) throw new Error(`${stem} has no ${panel}, ${at}`);
  return found.expr;
}

/** When it is asked, what, and what is to be answered. */
type Question = readonly [string, string, Answer];

function answers(series: Series, questions: readonly Question[]): void {
  const test = {
    rule_files: RULES,
    evaluation_interval: "1m",
    tests: [
      {
        interval: "1m",
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: questions.map(([at, expr, answer]) => ({
          expr,
          eval_time: at,
          exp_samples: Object.entries(answer).map(([labels, value]) => ({ labels, value })),
        })),
      },
    ],
    fuzzy_compare: true,
  };
  const files = {
    ...Object.fromEntries(RULES.map((path) => [path, readOwn(path)])),
    "a.yaml": stringify(test),
  };
  const { code, output } = (promtool as Tool).run(files, ["test", "rules", "a.yaml"]);
  expect(code, output).toBe(0);
}

/** v1 on two servers; v2 on the spare from minute 20 on, slower and with a tenth of its requests failing. */
const canary: Series = {
  'plimsoll_edge_server_weight{server="api-1",group="api"}': "45x60",
  'plimsoll_edge_server_weight{server="api-2",group="api"}': "45x60",
  'plimsoll_edge_server_weight{server="api-spare",group="api"}': "_x20 10x40",
  'plimsoll_edge_server_release{server="api-1",group="api",release="v1"}': "1x60",
  'plimsoll_edge_server_release{server="api-2",group="api",release="v1"}': "1x60",
  'plimsoll_edge_server_release{server="api-spare",group="api",release="v2"}': "_x20 1x40",
  // Killed in minute 50: nginx names it still.
  'plimsoll_edge_server_suspected{server="api-1",group="api"}': "0x60",
  'plimsoll_edge_server_suspected{server="api-2",group="api"}': "0x49 1x10",
  'plimsoll_edge_server_suspected{server="api-spare",group="api"}': "_x20 0x40",
  'plimsoll_edge_requests_total{server="api-1",code="200"}': "0+270x60",
  'plimsoll_edge_requests_total{server="api-2",code="200"}': "0+270x60",
  'plimsoll_edge_requests_total{server="api-spare",code="200"}': "_x20 0+54x40",
  'plimsoll_edge_requests_total{server="api-spare",code="500"}': "_x20 0+6x40",
  // What the edge refuses by itself is no release's.
  'plimsoll_edge_requests_total{server="edge",code="429"}': "0+600x60",
  'plimsoll_edge_request_duration_seconds_bucket{server="api-1",le="0.1"}': "0+270x60",
  'plimsoll_edge_request_duration_seconds_bucket{server="api-1",le="0.2"}': "0+270x60",
  'plimsoll_edge_request_duration_seconds_bucket{server="api-1",le="+Inf"}': "0+270x60",
  'plimsoll_edge_request_duration_seconds_bucket{server="api-spare",le="0.1"}': "_x20 0+0x40",
  'plimsoll_edge_request_duration_seconds_bucket{server="api-spare",le="0.2"}': "_x20 0+60x40",
  'plimsoll_edge_request_duration_seconds_bucket{server="api-spare",le="+Inf"}': "_x20 0+60x40",
  'process_resident_memory_bytes{job="api",instance="api-1"}': "300x60",
  'process_resident_memory_bytes{job="api",instance="api-2"}': "200x60",
  'plimsoll:limit:memory_bytes{instance="api-1"}': "400x60",
  'plimsoll:limit:memory_bytes{instance="api-2"}': "400x60",
};

describe("release", { timeout: 600_000 }, () => {
  it("puts the old release beside the new one, each with what its own servers did", ({ skip }) => {
    if (!promtool) return skip("no promtool");
    const side = (at: number) => asked("release", "Side by side", at);
    answers(canary, [
      ["40m", side(0), { '{release="v1"}': 2, '{release="v2"}': 1 }],
      ["55m", side(0), { '{release="v1"}': 1, '{release="v2"}': 1 }],
      ["40m", side(1), { '{release="v1"}': 0.9, '{release="v2"}': 0.1 }],
      ["40m", side(2), { '{release="v1"}': 9, '{release="v2"}': 1 }],
      ["40m", side(3), { '{release="v1"}': 0, '{release="v2"}': 0.1 }],
      ["40m", side(5), { '{release="v1"}': 0.095, '{release="v2"}': 0.195 }],
      ["40m", asked("release", "Saved by another server"), { '{release="v1"}': 0, '{release="v2"}': 0 }],
      ["40m", asked("release", "Memory of its limit"), { '{release="v1"}': 0.75 }],
    ]);
  });

  it("marks a deploy when its first server takes requests, for two minutes", ({ skip }) => {
    if (!promtool) return skip("no promtool");
    const marker = asked("release", "Deploys");
    const v2 = { '{release="v2"}': 1 };
    answers(canary, [
      ["19m", marker, {}],
      ["20m", marker, v2],
      ["21m", marker, v2],
      ["22m", marker, {}],
      ["40m", marker, {}],
    ]);
  });

  it("takes no restart of nginx and no silence of an hour for a deploy", ({ skip }) => {
    if (!promtool) return skip("no promtool");
    const away = { 'plimsoll_edge_server_release{server="api-1",release="v1"}': "1x10 _x60 1x20" };
    answers(away, [["72m", asked("release", "Deploys"), {}]]);
  });

  it("shows a stack that was never deployed as one release without a name", ({ skip }) => {
    if (!promtool) return skip("no promtool");
    const up = {
      'plimsoll_edge_server_weight{server="api-1",group="api"}': "100x30",
      'plimsoll_edge_requests_total{server="api-1",code="200"}': "0+60x30",
    };
    answers(up, [
      ["20m", asked("release", "Side by side", 2), { '{release="not named"}': 1 }],
      ["20m", asked("release", "Deploys"), {}],
    ]);
  });
});

describe("objectives", { timeout: 600_000 }, () => {
  const promises = {
    "plimsoll:objective:uptime_ratio": "0.999x60",
    "plimsoll:objective:error_ratio": "0.01x60",
    "plimsoll:objective:database_seconds": "0.1x60",
    "plimsoll:objective:cache_hit_ratio": "0.8x60",
    "plimsoll:objective:rpo_seconds": "3600x60",
    "plimsoll:objective:rto_seconds": "3600x60",
  };

  it("says of each promise whether it is kept, and nothing of one that few reads tell of", ({ skip }) => {
    if (!promtool) return skip("no promtool");
    const kept = (at: number) => asked("objectives", "Kept", at);
    const found = {
      ...promises,
      ...probed("0.2"),
      plimsoll_archive_waiting_seconds: "3600x60",
      'plimsoll_drill_rto_seconds{kind="failover"}': "9999x60",
      'plimsoll_drill_rto_seconds{kind="restore"}': "1800x60",
    };
    answers(found, [
      ["50m", kept(1), { "{}": 0 }],
      ["50m", kept(3), { "{}": 1 }],
      ["50m", kept(4), { "{}": 1 }],
    ]);
    const reads = (hits: number, misses: number) => ({
      ...promises,
      'redis_keyspace_hits_total{instance="redis-cache"}': `0+${hits}x60`,
      'redis_keyspace_misses_total{instance="redis-cache"}': `0+${misses}x60`,
    });
    answers(reads(600, 600), [["50m", kept(2), { "{}": 0 }]]);
    answers(reads(20, 20), [["50m", kept(2), {}]]);
    answers(reads(40, 1), [["50m", kept(2), { "{}": 1 }]]);
  });

  it("draws burn rates in units of what may fail, and the line where the alerts draw it", ({ skip }) => {
    if (!promtool) return skip("no promtool");
    const series = {
      ...promises,
      'plimsoll_edge_requests_total{server="api-1",code="200"}': "0+95x60",
      'plimsoll_edge_requests_total{server="api-1",code="500"}': "0+5x60",
    };
    const errors = (at: number) => asked("objectives", "Errors: within hours", at);
    answers(series, [
      // The promise is 1%, and 5% fail.
      ["50m", errors(0), { 'plimsoll:budget:burn_rate:1h{objective="errors"}': 5 }],
      ["50m", errors(1), { "{}": 5 }],
      ["50m", errors(2), { "{}": 14.4 }],
      ["50m", asked("objectives", "Uptime: within days", 2), { "{}": 6 }],
      ["50m", asked("objectives", "Errors: by the end of the window", 2), { "{}": 1 }],
    ]);
    const slow = (at: number) => asked("objectives", "Slow requests: within hours", at);
    const late = {
      "plimsoll:objective:p95_seconds": "0.2x60",
      'plimsoll_edge_request_duration_seconds_bucket{server="api-1",le="0.2"}': "0x60",
      'plimsoll_edge_request_duration_seconds_bucket{server="api-1",le="+Inf"}': "0+100x60",
    };
    answers(late, [
      // Of a hundred five may be slow, and all are.
      ["50m", slow(0), { 'plimsoll:budget:burn_rate:1h{objective="p95"}': 20 }],
      ["50m", slow(1), { "{}": 20 }],
      ["50m", slow(2), { "{}": 14.4 }],
      ["50m", asked("objectives", "Slow requests: within days", 2), { "{}": 6 }],
    ]);
  });
});

describe("numbers whose colour says something", { timeout: 600_000 }, () => {
  it("tells a disk that does not fill from one that nobody measures", ({ skip }) => {
    if (!promtool) return skip("no promtool");
    const left = asked("host", "Disk full in");
    const known = (expr: string) => `count((${expr}) == (${expr})) or vector(0)`;
    const disk = (values: string) => ({ node_filesystem_avail_bytes: values });
    // Ten megabytes a minute: of 99.1 GB, that is 594,600 s.
    answers(disk("1e11-1e7x120"), [
      ["90m", left, { "{}": 594_600 }],
      // An hour must have been seen.
      ["30m", known(left), { "{}": 0 }],
    ]);
    answers(disk("1e11x120"), [["90m", left, { "{}": 1e9 }]]);
    answers({ up: "1x120" }, [["90m", known(left), { "{}": 0 }]]);
    const two = {
      'node_filesystem_avail_bytes{mountpoint="/"}': "1e11x120",
      'node_filesystem_avail_bytes{mountpoint="/data"}': "1e11-1e7x120",
    };
    answers(two, [["90m", left, { "{}": 594_600 }]]);
  });

  it("counts servers that are drained or refuse as out of use", ({ skip }) => {
    if (!promtool) return skip("no promtool");
    const [inUse, out] = [asked("edge", "Servers", 0), asked("edge", "Servers", 1)];
    answers(canary, [
      ["40m", inUse, { "{}": 3 }],
      ["40m", out, { "{}": 0 }],
    ]);
    const ill = {
      'plimsoll_edge_server_weight{server="api-1"}': "100x60",
      'plimsoll_edge_server_weight{server="api-2"}': "0x60",
      'plimsoll_edge_server_weight{server="api-3"}': "100x60",
      'plimsoll_edge_server_suspected{server="api-3"}': "1x60",
      // It finishes what it had.
      'plimsoll_edge_server_weight{server="api-spare"}': "0x60",
    };
    answers(ill, [
      ["40m", inUse, { "{}": 1 }],
      ["40m", out, { "{}": 2 }],
    ]);
  });
});

describe("numbers that follow stack.yaml", { timeout: 600_000 }, () => {
  it("are of the figure that the alert beside them compares with", ({ skip }) => {
    if (!promtool) return skip("no promtool");
    const series = {
      'pg_replication_lag_seconds{instance="postgres-2"}': "45x60",
      'pg_replication_lag_seconds{instance="postgres-1"}': "600x60",
      'pg_replication_is_replica{instance="postgres-2"}': "1x60",
      'pg_replication_is_replica{instance="postgres-1"}': "0x60",
      "plimsoll:threshold:postgres_lag_seconds": "60x60",
      'plimsoll_archive_waiting_seconds{repository="s3"}': "1800x60",
      "plimsoll:objective:rpo_seconds": "3600x60",
      'nodejs_eventloop_lag_p99_seconds{job="api",instance="api-1"}': "0.3x60",
      "plimsoll:objective:p95_seconds": "0.2x60",
      'plimsoll_edge_requests_total{server="api-1",code="200"}': "0+54x60",
      'plimsoll_edge_requests_total{server="api-1",code="500"}': "0+6x60",
      "plimsoll:rollback:error_ratio": "0.05x60",
    };
    answers(series, [
      ["40m", asked("postgres", "Replica behind"), { "{}": 0.75 }],
      ["40m", asked("postgres", "Waiting for the archive"), { "{}": 0.5 }],
      ["40m", asked("backup", "Waiting for the archive"), { "{}": 0.5 }],
      ["40m", asked("api", "Event loop lag"), { "{}": 1.5 }],
      ["40m", asked("edge", "Failed", 0), { "{}": 0.1 }],
      ["40m", asked("edge", "Failed", 1), { "{}": 2 }],
    ]);
  });

  it("one node alone is none down, and of two the one that does not answer", ({ skip }) => {
    if (!promtool) return skip("no promtool");
    const down = asked("postgres", "Nodes down");
    const node = (name: string) => `pg_up{job="postgres",instance="${name}"}`;
    answers({ [node("postgres-1")]: "1x60" }, [["40m", down, { "{}": 0 }]]);
    answers({ [node("postgres-1")]: "1x60", [node("postgres-2")]: "0x60" }, [["40m", down, { "{}": 1 }]]);
  });

  it("the disk's space and its share are of one formula: root's reserve is in neither", ({ skip }) => {
    if (!promtool) return skip("no promtool");
    const disk = {
      node_filesystem_size_bytes: "100x60",
      node_filesystem_free_bytes: "30x60",
      node_filesystem_avail_bytes: "25x60",
    };
    answers(disk, [
      ["40m", asked("host", "Space", 0), { "{}": 70 }],
      ["40m", asked("host", "Space", 1), { "{}": 95 }],
      ["40m", asked("host", "Disk"), { "{}": 70 / 95 }],
    ]);
  });
});

/** A small stack on which all is well: no replica, no Redis, no backups, no probe of the edge. */
const well: Series = {
  'ALERTS{alertname="Watchdog",alertstate="firing",severity="none"}': "1x60",
  'up{job="api",instance="api-1"}': "1x60",
  'up{job="postgres-exporter",instance="postgres-exporter"}': "1x60",
  'pg_up{job="postgres",instance="postgres-1"}': "1x60",
  "plimsoll:host:disk_ratio": "0.5x60",
};
const backedUp: Series = {
  ...well,
  "plimsoll:threshold:backup_age_seconds": "600x60",
  // The time of each look, so that it is always new.
  'plimsoll_backup_last_success_timestamp_seconds{what="postgres",repository="local"}': "0+60x60",
};
const called = (alertname: string, severity: string) =>
  `ALERTS{alertname="${alertname}",alertstate="firing",severity="${severity}"}`;

describe("logs", { timeout: 600_000 }, () => {
  it("count what comes into the logs' own indices, over a rollover, while Kibana writes to another", ({
    skip,
  }) => {
    if (!promtool) return skip("no promtool");
    const of = (metric: string, index: string) => `elasticsearch_${metric}{cluster="fkod",index="${index}"}`;
    const [first, second] = ["1-000001", "2-000002"].map(
      (end) => `.ds-logs-plimsoll-default-2026.11.0${end}`,
    );
    const kibana = ".kibana_task_manager_9.5.2_001";
    const lines = "index_stats_indexing_index_total";
    const stored = "indices_store_size_bytes_total";
    answers(
      {
        [of(lines, first as string)]: "0+600x20 12000x20 _x40",
        [of(lines, second as string)]: "_x20 0+1200x20 24000x40",
        [of(lines, kibana)]: "0+6000x80",
        [of(stored, first as string)]: "300x80",
        [of(stored, second as string)]: "100x80",
        [of(stored, kibana)]: "900x80",
        "plimsoll:retention:logs_bytes": "1000x80",
        'plimsoll_logs_queue_bytes{queue="logstash"}': "500x80",
        'plimsoll_logs_queue_max_bytes{queue="logstash"}': "1000x80",
      },
      [
        ["15m", asked("logs", "Lines a second"), { "{}": 10 }],
        ["35m", asked("logs", "Lines a second"), { "{}": 20 }],
        ["60m", asked("logs", "Lines a second"), { "{}": 0 }],
        ["60m", asked("logs", "Taken in"), { "{}": 0 }],
        ["60m", asked("logs", "Room of the logs"), { "{}": 0.4 }],
        ["60m", asked("logs", "Size"), { "{}": 400 }],
        ["60m", asked("logs", "Queues"), { '{queue="logstash"}': 0.5 }],
      ],
    );
  });
});

describe("the verdict", { timeout: 600_000 }, () => {
  const YES = { "{}": 0 };
  const LOOK = { "{}": 1 };
  const NO = { "{}": 2 };
  it.for<[string, Series, Answer]>([
    ["without replica, Redis, backups or probes", well, YES],
    ["with backups", backedUp, YES],
    ["where no rule is evaluated", { 'up{job="api",instance="api-1"}': "1x60" }, {}],
    ["where something warns", { ...well, [called("HostLoadHigh", "warn")]: "1x60" }, LOOK],
    ["where something pages", { ...well, [called("ApiDown", "page")]: "1x60" }, NO],
    ["where a part does not answer", { ...well, 'up{job="redis",instance="redis-cache"}': "0x60" }, NO],
    [
      "where an exporter answers for what is dead",
      { ...well, 'redis_up{job="redis",instance="redis-cache"}': "0x60" },
      NO,
    ],
    [
      "where a container that is to run does not",
      {
        ...well,
        'plimsoll:service:expected{instance="worker-1"}': "1x60",
        "plimsoll:containers:known": "1x60",
        'plimsoll:container:running{instance="worker-1"}': "0x60",
      },
      NO,
    ],
    ["where the edge is silent", { ...well, 'probe_success{job="probe",instance="edge"}': "0x60" }, NO],
    [
      "where what is asked from outside fails, which its alerts judge",
      {
        ...well,
        'probe_success{job="probe",instance="public"}': "0x60",
        'probe_success{job="probe",instance="redirect"}': "0x60",
        'probe_success{job="probe",instance="www.example.com"}': "0x60",
      },
      YES,
    ],
    ["where the disk is nearly full", { ...well, "plimsoll:host:disk_ratio": "0.95x60" }, NO],
    [
      "where backups are wanted and there are none",
      { ...well, "plimsoll:threshold:backup_age_seconds": "600x60" },
      NO,
    ],
    [
      "where files are backed up and the database is not",
      {
        ...well,
        "plimsoll:threshold:backup_age_seconds": "600x60",
        'plimsoll_backup_last_success_timestamp_seconds{what="files",repository="local"}': "0+60x60",
      },
      NO,
    ],
    [
      "where one repository of two is late",
      {
        ...backedUp,
        'plimsoll_backup_last_success_timestamp_seconds{what="postgres",repository="s3"}': "0x60",
      },
      NO,
    ],
    [
      "where more would be lost than is promised",
      { ...well, plimsoll_archive_waiting_seconds: "4000x60", "plimsoll:objective:rpo_seconds": "3600x60" },
      NO,
    ],
    ["where the database answers late", { ...well, ...databasePromise, ...probed("0.3") }, LOOK],
    ["where it answers in time", { ...well, ...databasePromise, ...probed("0.05") }, YES],
    ["where its probe asks no more", { ...well, ...databasePromise, ...probed("0.3", "0x60") }, YES],
  ])("%s", ([, series, answer], { skip }) => {
    if (!promtool) return skip("no promtool");
    answers(series, [["40m", verdict, answer]]);
  });
});

const databasePromise: Series = { "plimsoll:objective:database_seconds": "0.1x60" };

/** @param asked when: at each look, unless said otherwise */
function probed(seconds: string, asked = "0+60x60"): Series {
  return {
    'plimsoll_postgres_probe_seconds{node="postgres-1",role="primary"}': `${seconds}x60`,
    'plimsoll_postgres_probe_timestamp_seconds{node="postgres-1"}': asked,
  };
}
