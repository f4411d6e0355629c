/** The judge of a new version, on recorded metrics: awk alone for the arithmetic, bash with a stub docker for the rest. */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const FOLDER = import.meta.dirname;
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10];
const AWK = ["mawk", "gawk", "awk"].filter((name) => spawnSync(name, ["BEGIN {}"]).status === 0)[0] as string;
const hasBash = spawnSync("bash", ["-c", "((BASH_VERSINFO[0] >= 5)) && test -r /proc/uptime"]).status === 0;

type Server = {
  /** Requests a second; of them failed, slow (1.5 s), and repeated elsewhere by the edge. */
  rate?: number;
  errors?: number;
  slow?: number;
  retries?: number;
  cpu?: number;
  memory?: number;
  ready?: number;
  /** Failed database connections a second. */
  db?: number;
  restarts?: number;
  status?: string;
};
type Look = {
  servers: Record<string, Server>;
  nginxStarted?: string;
  reset?: boolean;
  edge?: boolean;
  oom?: string;
  extra?: string;
  sick?: boolean;
  fast?: number;
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "plimsoll-judge-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** nginx's counters, as templates/nginx/inner.js writes them. */
function edge() {
  const counts: Record<string, { ok: number; failed: number; slow: number; retries: number; db: number }> =
    {};
  return {
    reset: () => {
      for (const server of Object.keys(counts)) delete counts[server];
    },
    add(servers: Record<string, Server>, seconds: number) {
      for (const [name, { rate = 0, errors = 0, slow = 0, retries = 0, db = 0 }] of Object.entries(servers)) {
        counts[name] ??= { ok: 0, failed: 0, slow: 0, retries: 0, db: 0 };
        const count = counts[name];
        const all = Math.round(rate * seconds);
        count.failed += Math.round(all * errors);
        count.ok += all - Math.round(all * errors);
        count.slow += Math.round(all * slow);
        count.retries += Math.round(all * retries);
        count.db += db * seconds;
      }
    },
    db: (name: string) => counts[name]?.db ?? 0,
    text() {
      const lines = ["# HELP plimsoll_edge_requests_total Requests by answering server and status."];
      for (const [server, { ok, failed }] of Object.entries(counts)) {
        if (ok) lines.push(`plimsoll_edge_requests_total{server="${server}",code="200"} ${ok}`);
        if (failed) lines.push(`plimsoll_edge_requests_total{server="${server}",code="502"} ${failed}`);
      }
      lines.push('plimsoll_edge_requests_total{server="edge",code="429"} 7');
      for (const [server, { ok, failed, slow }] of Object.entries(counts)) {
        if (ok + failed === 0) continue;
        for (const bound of BOUNDS) {
          const count = bound <= 0.01 ? 0 : bound >= 2.5 ? ok + failed : ok + failed - slow;
          lines.push(
            `plimsoll_edge_request_duration_seconds_bucket{server="${server}",le="${bound}"} ${count}`,
          );
        }
        lines.push(
          `plimsoll_edge_request_duration_seconds_bucket{server="${server}",le="+Inf"} ${ok + failed}`,
        );
      }
      for (const [server, { retries }] of Object.entries(counts))
        if (retries) lines.push(`plimsoll_edge_upstream_retries_total{server="${server}"} ${retries}`);
      lines.push('plimsoll_edge_server_weight{server="api-1",group="api"} 100');
      return lines.join("\n");
    },
  };
}

const SETTINGS = {
  news: "api-spare",
  olds: "api-1 api-2",
  helpers: "postgres-1",
  nginx_name: "nginx",
  old_name: "v11",
  window: "15",
  samples: "20",
  errors: "0.05",
  p95: "1",
  memory: "0.9",
  cpu: "0.9",
  database: "1",
};

type Verdict = {
  state: string;
  reason: string;
  note: string;
  rows: Record<string, string>;
  samples: number;
  seconds: number;
};

/** A series of looks, 3 s apart; the verdict of each. The first only begins. */
function judge(
  looks: readonly Look[],
  settings: Partial<typeof SETTINGS> & { baseline?: string; keep?: string } = {},
) {
  const counters = edge();
  looks.forEach((look, index) => {
    if (look.reset) counters.reset();
    counters.add(look.servers, index === 0 ? 100 : 3);
    writeFileSync(join(folder, `look-${index}`), lookText(counters, look, index));
  });
  const words = Object.entries({ ...SETTINGS, ...settings, mark: "@M" });
  const programs = ["read", "figures", "verdict"].map((name) => join(FOLDER, `judge-${name}.awk`));
  const args = [...programs.flatMap((path) => ["-f", path]), "-v", "before=before", "-v", "after=after"];
  args.push(...words.flatMap(([name, value]) => ["-v", `${name}=${value}`]));
  // One shell for all looks: they are many.
  const script = `awk=$1 count=$2; shift 2; rm -f before; task=begin
    for ((i = 0; i < count; i++)); do
      echo "look $i"; "$awk" "$@" -v task=$task "look-$i" || exit; mv after before; task=watch
    done`;
  const run = spawnSync("bash", ["-c", script, "looks", AWK, String(looks.length), ...args], {
    encoding: "utf8",
    cwd: folder,
  });
  expect(run.stderr).toBe("");
  expect(run.status).toBe(0);
  return run.stdout
    .split(/^look \d+\n/m)
    .slice(1)
    .map((text, index) => read(text, index * 3));
}

function lookText(counters: ReturnType<typeof edge>, look: Look, index: number): string {
  const lines = [`@M time ${1000 + index * 3}.25`];
  if (look.edge !== false) lines.push(counters.text(), look.extra ?? "", "@M edge 200");
  for (const [name, server] of Object.entries(look.servers)) {
    if (look.edge !== false) lines.push(`@M ready ${name} ${server.ready ?? 200}`);
    if (look.edge !== false && server.db !== undefined) {
      lines.push(
        `db_client_connection_errors_total{pool="primary"} ${counters.db(name)}`,
        `@M app ${name} 200`,
      );
    }
    const status = server.status ?? "running";
    lines.push(`@M box id-${name} ${name} 2000000000 ${server.restarts ?? 0} ${status} 2026 healthy`);
  }
  lines.push(`@M box id-nginx nginx 2000000000 0 running ${look.nginxStarted ?? "2026"} healthy`);
  lines.push(`@M box id-db postgres-1 0 0 running 2026 ${look.sick ? "unhealthy" : "healthy"}`);
  if (look.oom) lines.push(`@M oom ${look.oom}`);
  for (const [name, { cpu = 0.1, memory = 0.4 }] of Object.entries(look.servers))
    lines.push(`@M use id-${name} ${(cpu * 100).toFixed(2)}% ${(memory * 100).toFixed(2)}% 58MiB / 145MiB`);
  return `${lines.join("\n")}\n`;
}

function read(text: string, seconds: number): Verdict {
  const verdict: Verdict = { state: "", reason: "", note: "", rows: {}, samples: 0, seconds };
  for (const line of text.split("\n")) {
    const [word = "", ...rest] = line.split(" ");
    if (word === "row") verdict.rows[rest[0] as string] = rest.slice(1).join(" ");
    else if (word === "count" && rest[0] === "samples") verdict.samples = Number(rest[1]);
    else if (word === "state" || word === "reason" || word === "note") verdict[word] = rest.join(" ");
  }
  return verdict;
}

/** The old servers as they are, the spare as said, so many looks. */
function series(count: number, spare: Server, old: Server = {}, look: Partial<Look> = {}): Look[] {
  const servers = {
    "api-1": { rate: 20, ...old },
    "api-2": { rate: 20, ...old },
    "api-spare": { rate: 10, ...spare },
  };
  return Array.from({ length: count }, () => ({ servers, ...look }));
}
const healthy = (count: number) => series(count, {});
const fired = (verdicts: readonly Verdict[]) => verdicts.find(({ state }) => state === "fired");
const last = (verdicts: readonly Verdict[]) => verdicts.at(-1) as Verdict;

describe("the five triggers", () => {
  it("is silent for a version as good as the old one", () => {
    const verdicts = judge(series(30, { slow: 0.04, errors: 0.01 }, { slow: 0.04, errors: 0.01 }));
    expect(fired(verdicts)).toBeUndefined();
    expect(last(verdicts)).toMatchObject({ state: "ok", note: "", samples: 870 });
    expect(last(verdicts).rows.p95).toMatch(/^0\.0\d+s 0\.0\d+s 1s ok$/);
  });

  it("errors: fires after the window, with the numbers, and not before", () => {
    const verdicts = judge([...healthy(5), ...series(10, { errors: 0.3 })]);
    const verdict = fired(verdicts) as Verdict;
    expect(verdict.reason).toMatch(
      /^errors \d+\.\d% > 5% over 15 s \(\d+ of 150 requests; v11: 0\.0% of 600\)$/,
    );
    expect(verdict.seconds).toBeLessThanOrEqual(12 + 15);
    expect(judge([...healthy(1), ...series(4, { errors: 0.3 })]).map(({ state }) => state)).not.toContain(
      "fired",
    );
  });

  it("errors: what the edge had to repeat elsewhere counts", () => {
    expect(fired(judge([...healthy(2), ...series(8, { retries: 0.3 })]))?.reason).toMatch(/^errors /);
  });

  it("p95: fires where more than 5% take longer than the limit, with both figures", () => {
    const verdict = fired(judge([...healthy(2), ...series(8, { slow: 0.5 }, { slow: 0.04 })]));
    expect(verdict?.reason).toMatch(/^p95 2\.\d+ s > 1 s over 15 s \(150 requests; v11: 0\.\d+ s of 600\)$/);
  });

  it("database: fires where the new version is not ready while the old one is", () => {
    const verdicts = judge([...healthy(3), ...series(7, { ready: 503 })]);
    expect(fired(verdicts)?.reason).toBe(
      "database: api-spare is not ready (it says 503) for 15 s; v11: ready",
    );
    expect(fired(judge([...healthy(3), ...series(5, { ready: 503 })]))).toBeUndefined();
    const flaps = Array.from({ length: 20 }, (_, index) =>
      series(1, { ready: index % 4 ? 503 : 200 }),
    ).flat();
    expect(fired(judge([...healthy(2), ...flaps]))).toBeUndefined();
  });

  it("database: fires on connections that fail, where the application counts them", () => {
    const verdict = fired(judge([...series(2, { db: 0 }, { db: 0 }), ...series(6, { db: 2 }, { db: 0 })]));
    expect(verdict?.reason).toBe("database: 24 failed connections over 15 s (a server of v11: 0)");
    expect(
      fired(judge([...series(2, { db: 0 }, { db: 0 }), ...series(9, { db: 2 }, { db: 2 })])),
    ).toBeUndefined();
  });

  it("memory: fires after its window", () => {
    const verdicts = judge([...healthy(2), ...series(8, { memory: 0.95 })]);
    expect(fired(verdicts)?.reason).toBe(
      "memory 95.0% > 90% for 15 s (api-spare: 58MiB of 145MiB; v11: 40.0%)",
    );
    expect(fired(judge([...healthy(2), ...series(5, { memory: 0.95 }), ...healthy(6)]))).toBeUndefined();
  });

  it("memory: fires at once where the kernel ended a server at its limit", () => {
    const verdicts = judge([...healthy(2), { ...(healthy(1)[0] as Look), oom: "api-spare" }]);
    expect(fired(verdicts)?.reason).toBe("memory: api-spare was ended by the kernel at its limit");
  });

  it("cpu: fires after its window, as a share of one core", () => {
    const verdicts = judge([...healthy(2), ...series(8, { cpu: 0.99 })]);
    expect(fired(verdicts)?.reason).toBe("cpu 99.0% > 90% over 15 s (api-spare; v11: 10.0%)");
    // Several threads are no more than all of a core.
    expect(fired(judge([...healthy(2), ...series(8, { cpu: 1.12 })]))?.reason).toMatch(/^cpu 100\.0%/);
  });

  it("a version that ends by itself again and again, or for good", () => {
    expect(fired(judge([...healthy(2), ...series(2, { restarts: 2 })]))?.reason).toBe(
      "crash: api-spare ended by itself 2 times (v11: not once)",
    );
    expect(fired(judge([...healthy(2), ...series(8, { status: "exited" })]))?.reason).toMatch(
      /^crash: api-spare is exited for 15 s/,
    );
    // What it had behind it before the watch is not this watch's.
    expect(fired(judge(series(10, { restarts: 5 })))).toBeUndefined();
  });

  it("a trigger at 0 is off", () => {
    const off = { errors: "0", p95: "0", memory: "0", cpu: "0", database: "0" };
    const bad = series(12, { errors: 0.9, slow: 0.5, memory: 0.99, cpu: 1, ready: 503 });
    expect(fired(judge(bad, off))).toBeUndefined();
  });

  it("cpu: the mean of the window counts, not a second in which it rested", () => {
    const rests = Array.from({ length: 12 }, (_, index) => series(1, { cpu: index % 4 ? 1 : 0.7 })).flat();
    expect(fired(judge(rests))?.reason).toMatch(/^cpu 9\d\.\d% > 90% over 15 s/);
    expect(fired(judge([...healthy(6), ...series(1, { cpu: 1 }), ...healthy(6)]))).toBeUndefined();
  });

  it("cpu: 100% is for applications that use more than one core", () => {
    expect(fired(judge(series(12, { cpu: 1.8 }), { cpu: "1" }))).toBeUndefined();
  });

  it("says all that fired", () => {
    expect(fired(judge(series(12, { errors: 0.5, slow: 0.5 })))?.reason).toMatch(/^errors .*; p95 /);
  });
});

describe("beside the old version", () => {
  it("blames nobody for what happens to both, and says so", () => {
    const verdicts = judge(series(12, { errors: 0.3 }, { errors: 0.3 }));
    expect(fired(verdicts)).toBeUndefined();
    expect(last(verdicts).state).toBe("pending");
    expect(last(verdicts).note).toMatch(/the old version fares no better/);
    expect(fired(judge(series(12, { slow: 0.5 }, { slow: 0.5 })))).toBeUndefined();
  });

  it("holds where the database is down for everybody", () => {
    const verdicts = judge([...healthy(2), ...series(12, { ready: 503 }, { ready: 503 })]);
    expect(fired(verdicts)).toBeUndefined();
    expect(last(verdicts).note).toMatch(/v11 is no more so \(api-2\): not the release's doing/);
  });

  it("starts anew to count once the old version is ready and the new one still not", () => {
    const both = series(10, { ready: 503 }, { ready: 503 });
    expect(fired(judge([...healthy(1), ...both, ...series(4, { ready: 503 })]))).toBeUndefined();
    expect(fired(judge([...healthy(1), ...both, ...series(7, { ready: 503 })]))).toBeDefined();
  });

  it("knows load from a release that burns", () => {
    // The same cost of a request: 10 a second at 95%, 20 a second at 190% is more than a core, so the load it is.
    expect(fired(judge(series(12, { cpu: 0.95, rate: 20 }, { cpu: 0.95 })))).toBeUndefined();
    expect(fired(judge(series(12, { cpu: 0.95, rate: 2 }, { cpu: 0.95 })))).toBeDefined();
    expect(fired(judge(series(12, { memory: 0.95 }, { memory: 0.93 })))).toBeUndefined();
  });

  it("needs more than chance between two versions", () => {
    // 10 of 150 beside 10 of 600: no proof in one window.
    const verdicts = judge(series(8, { errors: 0.08 }, { errors: 0.02 }));
    expect(fired(verdicts)).toBeUndefined();
    expect(last(verdicts).state).toBe("pending");
    expect(last(verdicts).note).toMatch(/not sure yet$/);
    // The whole watch is.
    expect(fired(judge(series(120, { errors: 0.1 }, { errors: 0.03 })))?.reason).toMatch(
      /^errors \d+\.\d% > 5% over \d{2,} s/,
    );
  });

  it("is not taken in by one bad look, however bad", () => {
    const verdicts = judge([...healthy(4), ...series(1, { errors: 1 }), ...healthy(12)]);
    expect(fired(verdicts)).toBeUndefined();
    expect(last(verdicts).state).toBe("ok");
  });
});

describe("samples and windows", () => {
  it("says that it has too few, and stretches the window until there are enough", () => {
    const few = judge(series(6, { rate: 0 }));
    expect(last(few)).toMatchObject({ state: "few", samples: 0 });
    // One request in three seconds, every one failed: twenty of them take a minute.
    const slow = judge(series(40, { rate: 1 / 3, errors: 1 }));
    expect(fired(slow)?.seconds).toBe(60);
    expect(fired(slow)?.reason).toMatch(/over 60 s \(20 of 20 requests/);
  });

  it("looks no further back than it must", () => {
    const verdicts = judge([...series(40, { rate: 1 / 3 }), ...series(10, { rate: 1 / 3, errors: 1 })]);
    expect(fired(verdicts)?.reason).toMatch(/^errors \d+\.\d% > 5% over 60 s \(\d of 20 requests/);
  });

  it("works where the old version has no traffic to compare with", () => {
    const verdicts = judge(series(12, { errors: 0.3 }, { rate: 0 }));
    expect(fired(verdicts)?.reason).toMatch(/nothing to compare with/);
  });

  it("keeps what it remembers small in a long watch without traffic", () => {
    judge(series(120, { rate: 0 }), { keep: "40" });
    const text = readFileSync(join(folder, "before"), "utf8");
    expect(text.split("\n").filter((line) => line.startsWith("look ")).length).toBeLessThan(50);
  });
});

describe("what is read is not always whole", () => {
  it("counts on where nginx began again, and its counters with it", () => {
    const after = series(1, { errors: 0.3 }, {}, { reset: true, nginxStarted: "2027" });
    const verdicts = judge([
      ...healthy(3),
      ...after,
      ...series(6, { errors: 0.3 }, {}, { nginxStarted: "2027" }),
    ]);
    expect(fired(verdicts)?.reason).toMatch(/^errors/);
    // Counters that fell, without a word of the restart.
    const good = judge([...healthy(3), ...series(1, {}, {}, { reset: true }), ...healthy(8)]);
    expect(fired(good)).toBeUndefined();
    expect(last(good).samples).toBe(330);
  });

  it("goes on without nginx's metrics, without the engine's, and with neither", () => {
    const blind = series(10, { ready: 503, errors: 1 }, {}, { edge: false });
    const verdicts = judge([...healthy(3), ...blind]);
    expect(fired(verdicts)).toBeUndefined();
    const back = judge([...healthy(3), ...series(3, {}, {}, { edge: false }), ...healthy(3)]);
    // What happened meanwhile is counted once nginx answers again.
    expect(last(back).samples).toBe(8 * 30);
  });

  it("starts from what it sees first: earlier errors are not this watch's", () => {
    const verdicts = judge([...series(1, { errors: 0.9 }), ...healthy(10)]);
    expect(fired(verdicts)).toBeUndefined();
    const lateEdge = judge([...series(1, {}, {}, { edge: false }), ...healthy(3)]);
    expect(last(lateEdge).samples).toBe(60);
  });

  it("ignores garbage", () => {
    const extra = [
      'plimsoll_edge_requests_total{server="api-spare",code="500"} NaN',
      'plimsoll_edge_requests_total{server="api-spare"',
      'plimsoll_edge_requests_total{server="nobody",code="500"} 1e9',
      'plimsoll_edge_request_duration_seconds_bucket{server="api-spare"} 5',
      "@M",
      "@M use id-api-spare -- -- --",
      "@M ready",
      "@M box",
      "\u0000\u0001 % %s %n {",
    ].join("\n");
    const verdicts = judge(series(10, {}, {}, { extra }));
    expect(last(verdicts)).toMatchObject({ state: "ok", samples: 270 });
  });
});

describe("after a full roll", () => {
  const after = { news: "api-1 api-2", olds: "" };
  const servers = (server: Server) => ({
    "api-1": { rate: 20, ...server },
    "api-2": { rate: 20, ...server },
  });
  const looks = (count: number, server: Server, look: Partial<Look> = {}): Look[] =>
    Array.from({ length: count }, () => ({ servers: servers(server), ...look }));

  function baseline(server: Server): string {
    const file = join(folder, "baseline");
    const figures = { requests: 120, errors: 120 * (server.errors ?? 0), slow: 0, p95: 0.02, memory: 0.4 };
    const others = { cpu: 0.1, cost: 0.005, ready: 1, db: 0 };
    const lines = Object.entries({ ...figures, ...others }).map(([name, value]) => `${name} ${value}\n`);
    writeFileSync(file, lines.join(""));
    return file;
  }

  it("compares with the figures from before", () => {
    const file = baseline({ errors: 0.01 });
    expect(fired(judge(looks(8, { errors: 0.3 }), { ...after, baseline: file }))?.reason).toMatch(
      /^errors 30\.0% > 5% over 15 s \(\d+ of 600 requests; v11: 1\.0% of 120\)$/,
    );
    const worse = baseline({ errors: 0.25 });
    expect(fired(judge(looks(8, { errors: 0.3 }), { ...after, baseline: worse }))).toBeUndefined();
  });

  it("blames no release while the stack's own database is not healthy", () => {
    const file = baseline({});
    const down = { errors: 1, ready: 503 };
    expect(fired(judge(looks(12, down, { sick: true }), { ...after, baseline: file }))).toBeUndefined();
    expect(fired(judge(looks(12, down), { ...after, baseline: file }))?.reason).toMatch(/^errors 100\.0%/);
  });
});

describe.skipIf(!hasBash)("the watch in bash", () => {
  let state: string;
  beforeEach(() => {
    state = join(folder, "state");
    mkdirSync(state);
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin/docker"), STUB);
    chmodSync(join(folder, "bin/docker"), 0o755);
    if (AWK !== "awk")
      spawnSync("ln", [
        "-s",
        spawnSync("which", [AWK], { encoding: "utf8" }).stdout.trim(),
        join(folder, "bin/awk"),
      ]);
    writeFileSync(join(folder, "ready"), "200");
    writeFileSync(join(folder, "memory"), "40.00%");
    metrics(0, 0);
  });

  /** A docker of five words, whose answers lie in files beside it. */
  const STUB = `#!/bin/bash
here=$(dirname -- "$(dirname -- "$0")")
printf '%s\\n' "$*" >>"$here/calls"
format=
for word; do [[ $last == --format ]] && format=$word; last=$word; done
mark=\${format%% *}
case $1 in
  ps) [[ $* == *--quiet* ]] && echo id-nginx || printf '%s\\n' 'id-nginx nginx' 'id-api-1 api-1' 'id-api-spare api-spare' 'id-x elsewhere' ;;
  stats) printf '%s use id-api-1 10.00%% 40.00%% 58MiB / 145MiB\\n%s use id-api-spare 10.00%% %s 58MiB / 145MiB\\n' "$mark" "$mark" "$(cat "$here/memory")" ;;
  inspect) for server in nginx api-1 api-spare; do echo "$mark box id-$server $server 1000000000 0 running 2026 healthy"; done ;;
  events) ;;
  exec)
    if [[ $* == *alertmanager* ]]; then cat >"$here/alert"; exit; fi
    for word; do
      case $word in
        *' edge '*) cat "$here/metrics"; printf '%b' "\${word/\\%\\{http_code\\}/200}" ;;
        *' ready api-1 '*) printf '%b' "\${word/\\%\\{http_code\\}/200}" ;;
        *' ready '*) printf '%b' "\${word/\\%\\{http_code\\}/$(cat "$here/ready")}" ;;
        *' app '*) echo 'db_client_connection_errors_total 3'; printf '%b' "\${word/\\%\\{http_code\\}/200}" ;;
      esac
    done ;;
esac
`;

  function metrics(requests: number, failed: number) {
    const counters = edge();
    counters.add({ "api-1": { rate: 100 }, "api-spare": { rate: requests, errors: failed } }, 1);
    writeFileSync(join(folder, "metrics"), counters.text());
  }

  function start(command: string, settings = "") {
    const script = `set -euo pipefail
event() { printf '%s %s %s\\n' "$1" "$2" "$3" >>"${folder}/events"; }
PROJECT=demo STATE=${state} VERSION=v12 FROM=v11 WINDOW=1 INTERVAL=0.3 READY_PATH=/ready REASON_FILE=${folder}/reason
declare -A METRICS_PORTS=([api-spare]=6000)
source ${join(FOLDER, "judge.bash")}
SERVERS=(api-1)
${settings}
${command}
`;
    const child = spawn("bash", ["-c", script], {
      env: { PATH: `${join(folder, "bin")}:${process.env.PATH}` },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    child.stdout.on("data", (data) => {
      text += data;
    });
    child.stderr.on("data", (data) => {
      text += data;
    });
    return new Promise<{ code: number | null; text: string }>((done) => {
      child.once("close", (code) => done({ code, text }));
    });
  }
  const has = (name: string) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "";
  const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
  async function until(condition: () => boolean) {
    for (let attempt = 0; attempt < 200 && !condition(); attempt++) await pause(50);
  }

  it("ends fine, with a status to read", async () => {
    let requests = 0;
    const growing = setInterval(() => {
      requests += 20;
      metrics(requests, 0);
    }, 100);
    const { code, text } = await start("judge_watch 2 canary api-spare -- api-1", "SHARE=10%");
    clearInterval(growing);
    expect(text).toBe("");
    expect(code).toBe(0);
    const status = has("state/work.status");
    expect(status).toMatch(/^release v12\nfrom v11\nmode canary\nshare 10%\nstate promoted\n/);
    expect(status).toMatch(/\ntrigger errors 0\.0% - 5% ok\n/);
    expect(status).toMatch(/\ntrigger ready 1\/1 1\/1 1 ok\n/);
    expect(has("reason")).toBe("");
    // curl takes @ in front of a format for a file's name, and says nothing then.
    expect(has("calls")).toMatch(/ -w [^@]/);
    expect(has("calls")).not.toMatch(/ -w @/);
    // Four calls a look, whatever the number of servers.
    const calls = has("calls")
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0]);
    expect(calls.filter((word) => word === "ps")).toHaveLength(1);
    expect(calls.filter((word) => word === "exec").length).toBe(
      calls.filter((word) => word === "stats").length,
    );
  });

  it("rolls back with the reason in a file", async () => {
    writeFileSync(join(folder, "ready"), "503");
    const { code } = await start("judge_watch 600 canary api-spare -- api-1");
    expect(code).toBe(1);
    expect(has("reason")).toMatch(
      /^database: api-spare is not ready \(it says 503\) for \d s; v11: ready\n$/,
    );
    expect(has("events")).toContain(`watch failed ${has("reason").trim()}`);
    expect(has("state/work.status")).toMatch(/\nstate rolled-back\n/);
  });

  it("holds with too few requests and says so, until a person decides", async () => {
    const running = start("judge_watch 1 canary api-spare -- api-1");
    await until(() => has("events").includes("held: 0 of 20 requests"));
    expect(has("state/work.status")).toMatch(/\nstate held\n/);
    writeFileSync(join(state, "work.promote"), "ana@laptop\n");
    expect((await running).code).toBe(0);
    expect(has("events")).toContain("promoted by ana@laptop");
    expect(existsSync(join(state, "work.promote"))).toBe(false);
  });

  it("is aborted by a person at any time", async () => {
    const running = start("judge_watch 600 canary api-spare -- api-1");
    await until(() => has("state/work.status").includes("watching"));
    writeFileSync(join(state, "work.abort"), "ana@laptop\n");
    expect((await running).code).toBe(1);
    expect(has("reason")).toBe("aborted by ana@laptop\n");
  });

  it("does not hold for ever", async () => {
    const { code } = await start("judge_watch 1 canary api-spare -- api-1", "HOLD_MAX=1");
    expect(code).toBe(1);
    expect(has("reason")).toBe("held for 1 s and still not sure: 0 of 20 requests\n");
  });

  it("after a roll, does not wait for visitors who do not come", async () => {
    const { code } = await start(
      "judge_baseline $STATE/b; judge_watch 1 after api-spare --",
      "JUDGE_BASELINE=$STATE/b",
    );
    expect(code).toBe(0);
    expect(has("events")).toContain("only 0 of 20 requests came");
    expect(has("state/b")).toMatch(/^requests 100\nerrors 0\nslow 0\np95 0\.0\d+\nmemory 0\.4\ncpu 0\.1\n/);
  });

  it("counts a baseline from where it began", async () => {
    const { code, text } = await start(
      "judge_baseline $STATE/b begin; sed -i 's/} 100$/} 160/' $HERE/metrics; judge_baseline $STATE/b; cat $STATE/b",
      `HERE=${folder}`,
    );
    expect(text).toMatch(/^requests 60\nerrors 0\nslow 0\np95 0\.0\d+\n/);
    expect(code).toBe(0);
    expect(existsSync(join(state, "b.counting"))).toBe(false);
  });

  it("posts an alert that ends by itself, with any text in it", async () => {
    const text = 'errors "12%" \\ of $(date)\n`id`';
    const { code } = await start('judge_alert ReleaseRolledBack page "$SUMMARY"', `SUMMARY='${text}'`);
    expect(code).toBe(0);
    const [alert] = JSON.parse(has("alert"));
    expect(alert.labels).toMatchObject({
      alertname: "ReleaseRolledBack",
      severity: "page",
      release: "v12",
      stack: "demo",
    });
    expect(alert.annotations.summary).toBe(text.replace("\n", " "));
    expect(Date.parse(alert.endsAt) - Date.parse(alert.startsAt)).toBe(3_600_000);
  });

  it("has no failure where there is neither docker nor an Alertmanager", async () => {
    writeFileSync(join(folder, "bin/docker"), "#!/bin/sh\nexit 1\n");
    const { code } = await start(
      "judge_alert X page y; judge_watch 1 canary api-spare -- api-1",
      "HOLD_MAX=1",
    );
    expect(code).toBe(1);
    expect(has("reason")).toMatch(/^held for 1 s and still not sure: 0 of 20 requests/);
    expect(has("events")).toContain("nginx's metrics cannot be read");
  });
});
