/** The sidecar's own script on trees of control groups as kernels and drivers lay them out. */
import { spawn, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { produce } from "../index.ts";
import { packageRoot } from "../package.ts";
import { shortest, sourceOf } from "../testing/source.ts";

const TEMPLATES = join(packageRoot, "templates/containers");
const SCRIPT = join(TEMPLATES, "plimsoll-containers");
const MiB = 1024 ** 2;
const id = (number: number) => number.toString(16).padStart(64, "0");
const SELF = id(0xa);
const WEB = id(0xb);

type Use = { usage: number; idle: number; limit?: number; cpu: number; throttled: number; kills: number };
const use: Use = { usage: 90 * MiB, idle: 10 * MiB, limit: 100 * MiB, cpu: 12.5, throttled: 2.25, kills: 0 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "containers-"));
  write(
    "mounts",
    `9 8 0:1 / / rw\n9 8 254:0 /var/lib/docker/containers/${SELF}/hostname /etc/hostname rw - ext4 x\n`,
  );
  write("vmstat", "oom_kill 7\n");
  mkdirSync(join(folder, "metrics"));
  mkdirSync(join(folder, "cgroup"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** As Docker writes it. */
function docker(
  of: string,
  service: string,
  more: { state?: object; restarts?: number; labels?: object } = {},
) {
  const labels = { "com.docker.compose.project": "shop", "com.docker.compose.service": service };
  const state = {
    ...{ Running: true, Restarting: false, Dead: false, OOMKilled: false },
    ...{ StartedAt: "2026-01-02T03:04:05.678Z", FinishedAt: "0001-01-01T00:00:00Z" },
    ...more.state,
  };
  write(
    `containers/${of}/config.v2.json`,
    JSON.stringify({
      ID: of,
      Name: `/shop-${service}-1`,
      RestartCount: more.restarts ?? 0,
      State: state,
      Config: { Labels: { ...labels, ...more.labels } },
    }),
  );
}

const trees = {
  "v1, cgroupfs": (of: string, used: Use) => one(of, `docker/${of}`, used),
  "v1, systemd": (of: string, used: Use) => one(of, `system.slice/docker-${of}.scope`, used),
  "v2, systemd": (of: string, used: Use) => two(`system.slice/docker-${of}.scope`, used),
  "v2, cgroupfs": (of: string, used: Use) => two(`docker/${of}`, used),
  "v2, a slice of its own": (of: string, used: Use) =>
    two(`user.slice/user-1.slice/x.service/docker-${of}.scope`, used),
} as const;

function one(_: string, place: string, { usage, idle, limit, cpu, throttled, kills }: Use): void {
  const write1 = (path: string, text: string) => write(`cgroup/${path.replace("/", `/${place}/`)}`, text);
  write1("memory/memory.usage_in_bytes", `${usage}\n`);
  write1(
    "memory/memory.stat",
    `cache 1\ninactive_file 1\ntotal_inactive_file ${idle}\ntotal_active_file ${idle * 2}\n`,
  );
  write1("memory/memory.limit_in_bytes", `${limit ?? "9223372036854771712"}\n`);
  write1("memory/memory.oom_control", `oom_kill_disable 0\nunder_oom 0\noom_kill ${kills}\n`);
  write1("cpu/cpu.cfs_quota_us", "50000\n");
  write1("cpu/cpu.cfs_period_us", "100000\n");
  write1("cpu/cpu.stat", `nr_periods 40\nnr_throttled 10\nthrottled_time ${throttled * 1e9}\n`);
  write1("cpuacct/cpuacct.usage", `${cpu * 1e9}\n`);
  write1("pids/pids.current", "5\n");
}

function two(place: string, { usage, idle, limit, cpu, throttled, kills }: Use): void {
  write("cgroup/cgroup.controllers", "cpu memory pids\n");
  const at = (path: string, text: string) => write(`cgroup/${place}/${path}`, text);
  at("memory.current", `${usage}\n`);
  at("memory.stat", `anon 1\ninactive_file ${idle}\nactive_file ${idle}\nslab_reclaimable ${idle}\n`);
  at("memory.max", `${limit ?? "max"}\n`);
  at("memory.events", `low 0\noom 0\noom_kill ${kills}\noom_group_kill 0\n`);
  at("cpu.max", "50000 100000\n");
  at(
    "cpu.stat",
    `usage_usec ${cpu * 1e6}\nnr_periods 40\nnr_throttled 10\nthrottled_usec ${throttled * 1e6}\n`,
  );
  at("pids.current", "5\n");
}

function environment() {
  const at = (path: string) => join(folder, path);
  return {
    PATH: process.env.PATH,
    PLIMSOLL_CGROUP: at("cgroup"),
    PLIMSOLL_CONTAINERS: at("containers"),
    PLIMSOLL_METRICS: at("metrics"),
    PLIMSOLL_MOUNTS: at("mounts"),
    PLIMSOLL_VMSTAT: at("vmstat"),
    PLIMSOLL_RUN: at("run"),
    PLIMSOLL_SHARE: TEMPLATES,
    PLIMSOLL_EVERY: "1",
  };
}

function round(): Record<string, number> {
  const { status, stderr, stdout } = spawnSync("bash", [SCRIPT, "round"], {
    env: environment(),
    encoding: "utf8",
  });
  expect(status, stdout + stderr).toBe(0);
  // A half-written file would be read too.
  expect(readdirSync(join(folder, "metrics"))).toEqual(["containers.prom"]);
  return read();
}

/** What was written last, by name and service. */
function read(): Record<string, number> {
  const lines = readFileSync(join(folder, "metrics/containers.prom"), "utf8").split("\n");
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, name, service, value] =
        /^plimsoll_(\w+?)(?:\{service="([^"]+)",container="shop-[^"]+-1"\})? (\S+)$/.exec(line) ?? [];
      return name ? [[service ? `${name.replace("container_", "")} ${service}` : name, Number(value)]] : [];
    }),
  );
}

describe.each(Object.entries(trees))("%s", (_, place) => {
  beforeEach(() => {
    docker(SELF, "containers");
    docker(WEB, "web", { restarts: 3 });
    place(SELF, { ...use, usage: 3 * MiB, limit: undefined });
    place(WEB, use);
  });

  it("tells what each container uses, in base units", () => {
    const found = round();
    expect(found).toMatchObject({
      "running web": 1,
      "start_time_seconds web": Date.parse("2026-01-02T03:04:05Z") / 1000,
      "restarts_total web": 3,
      "oom_killed web": 0,
      "oom_kills_total web": 0,
      "memory_working_set_bytes web": 80 * MiB,
      "memory_held_bytes web": 60 * MiB,
      "memory_limit_bytes web": 100 * MiB,
      "cpu_seconds_total web": 12.5,
      "cpu_limit_cores web": 0.5,
      "cpu_periods_total web": 40,
      "cpu_throttled_periods_total web": 10,
      "cpu_throttled_seconds_total web": 2.25,
      "pids web": 5,
      containers_running: 2,
      containers_failed: 0,
    });
    // Less is in use than could be given back, and without a limit there is none.
    expect(found["memory_working_set_bytes containers"]).toBe(0);
    expect(found["memory_held_bytes containers"]).toBe(0);
    expect(found).not.toHaveProperty("memory_limit_bytes containers");
    expect(Math.abs((found.containers_timestamp_seconds ?? 0) - Date.now() / 1000)).toBeLessThan(10);
  });

  it("counts a process that was killed while its container went on", () => {
    place(WEB, { ...use, kills: 2 });
    expect(round()["oom_kills_total web"]).toBe(0);
    place(WEB, { ...use, kills: 3 });
    write("vmstat", "oom_kill 8\n");
    expect(round()).toMatchObject({ "oom_kills_total web": 1, "oom_kills_total containers": 0 });
    expect(round()["oom_kills_total web"]).toBe(1);
  });
});

describe("a container that was killed for memory", () => {
  const place = trees["v2, systemd"];
  const again = { StartedAt: "2026-01-02T04:00:00Z", FinishedAt: "2026-01-02T03:59:59.9Z" };
  beforeEach(() => {
    for (const [of, service] of [
      [SELF, "containers"],
      [WEB, "web"],
      [id(0xc), "api"],
    ] as const) {
      docker(of, service);
      place(of, use);
    }
    round();
  });

  it("is told from one that fell over by itself, though Docker started both again and forgot", () => {
    docker(WEB, "web", { restarts: 1, state: again });
    expect(round()).toMatchObject({ "oom_kills_total web": 0, "restarts_total web": 1 });
    docker(WEB, "web", { restarts: 2, state: { ...again, StartedAt: "2026-01-02T05:00:00Z" } });
    write("vmstat", "oom_kill 8\n");
    expect(round()).toMatchObject({ "oom_kills_total web": 1, "restarts_total web": 2 });
    expect(round()["oom_kills_total web"]).toBe(1);
  });

  it("is the fullest of two that ended in one round", () => {
    place(id(0xc), { ...use, usage: 50 * MiB });
    round();
    docker(WEB, "web", { restarts: 1, state: again });
    docker(id(0xc), "api", { restarts: 1, state: again });
    write("vmstat", "oom_kill 8\n");
    expect(round()).toMatchObject({ "oom_kills_total web": 1, "oom_kills_total api": 0 });
  });

  it("is no other's: a kill that a living one's own count explains is not given to whoever ended meanwhile", () => {
    docker(WEB, "web", { restarts: 1, state: again });
    place(id(0xc), { ...use, kills: 1 });
    write("vmstat", "oom_kill 8\n");
    expect(round()).toMatchObject({ "oom_kills_total web": 0, "oom_kills_total api": 1 });
  });

  it("is said by Docker as long as it does not run, and counted once", () => {
    rmSync(join(folder, `cgroup/system.slice/docker-${WEB}.scope`), { recursive: true });
    const state = { Running: false, OOMKilled: true, FinishedAt: again.FinishedAt };
    docker(WEB, "web", { state });
    write("vmstat", "oom_kill 8\n");
    const found = round();
    expect(found).toMatchObject({ "oom_kills_total web": 1, "oom_killed web": 1, "running web": 0 });
    expect(found).toMatchObject({ containers_running: 2, containers_failed: 0 });
    expect(found).not.toHaveProperty("memory_working_set_bytes web");
    expect(round()["oom_kills_total web"]).toBe(1);
    docker(WEB, "web", { restarts: 1, state: again });
    place(WEB, use);
    expect(round()["oom_kills_total web"]).toBe(1);
  });

  it("is counted anew by a new sidecar, which tells of nothing that was before it", () => {
    place(WEB, { ...use, kills: 4 });
    rmSync(join(folder, "run"), { recursive: true });
    expect(round()["oom_kills_total web"]).toBe(0);
  });
});

describe("whose containers they are", () => {
  const place = trees["v2, systemd"];

  it("leaves out other projects, others' containers, and what runs beside a service for a moment", () => {
    docker(SELF, "containers");
    docker(WEB, "web", { labels: { "com.docker.compose.project": "other" } });
    docker(id(0xc), "psql", { labels: { "com.docker.compose.oneoff": "True" } });
    write(`containers/${id(0xd)}/config.v2.json`, JSON.stringify({ ID: id(0xd), Config: {}, State: {} }));
    write(`containers/${id(0xe)}/config.v2.json`, "");
    place(SELF, use);
    const services = Object.keys(round()).flatMap((key) => key.split(" ")[1] ?? []);
    expect([...new Set(services)]).toEqual(["containers"]);
  });

  it("sees who came and who went, and one that Docker waits to start again", () => {
    docker(SELF, "containers");
    place(SELF, use);
    round();
    docker(WEB, "web");
    place(WEB, use);
    expect(round()["running web"]).toBe(1);
    docker(WEB, "web", { state: { Restarting: true } });
    expect(round()["running web"]).toBe(0);
    rmSync(join(folder, `containers/${WEB}`), { recursive: true });
    expect(round()).not.toHaveProperty("running web");
  });

  it("goes on by itself, and reads Docker's files only where one changed", async () => {
    docker(SELF, "containers");
    place(SELF, use);
    const file = join(folder, `containers/${SELF}/config.v2.json`);
    utimesSync(file, 1000, 1000);
    const running = spawn("bash", [SCRIPT, "run"], { env: environment(), stdio: "ignore" });
    try {
      await vi.waitFor(() => expect(read()["running containers"]).toBe(1), { timeout: 20_000 });
      const first = read().containers_timestamp_seconds ?? 0;
      // With the time of before: nobody looks.
      writeFileSync(file, "{}");
      utimesSync(file, 1000, 1000);
      await vi.waitFor(() => expect(read().containers_timestamp_seconds).toBeGreaterThan(first + 2), {
        timeout: 20_000,
      });
      expect(read()["running containers"]).toBe(1);
      expect(spawnSync("bash", [SCRIPT, "healthy"], { env: environment() }).status).toBe(0);
      utimesSync(file, new Date(), new Date());
      await vi.waitFor(() => expect(read().containers_running).toBe(0), { timeout: 20_000 });
    } finally {
      running.kill("SIGKILL");
    }
    write("run/last", String(Math.floor(Date.now() / 1000) - 10));
    expect(spawnSync("bash", [SCRIPT, "healthy"], { env: environment() }).status).not.toBe(0);
  }, 90_000);

  it("goes on with what it knew where a file of Docker's cannot be read", () => {
    docker(SELF, "containers");
    place(SELF, use);
    round();
    write(`containers/${id(0xe)}/config.v2.json`, '{"ID":');
    expect(round()).toMatchObject({ "running containers": 1, containers_failed: 0 });
    // What ends meanwhile is seen all the same.
    docker(WEB, "web");
    place(WEB, use);
    expect(round()).toMatchObject({ "running web": 1 });
    docker(WEB, "web", { state: { Running: false } });
    expect(round()).toMatchObject({ "running web": 0 });
  });

  it("begins beside a file that is no JSON, whoever's it is", () => {
    write(`containers/${id(0xe)}/config.v2.json`, '{"ID":');
    docker(SELF, "containers");
    place(SELF, use);
    expect(round()).toMatchObject({ "running containers": 1, containers_failed: 0 });
  });

  it("leaves the whole figures of before where the disk is full", () => {
    docker(SELF, "containers");
    place(SELF, use);
    round();
    const whole = readFileSync(join(folder, "metrics/containers.prom"), "utf8");
    symlinkSync("/dev/full", join(folder, "metrics/.containers.new"));
    place(SELF, { ...use, cpu: 99 });
    expect(spawnSync("bash", [SCRIPT, "round"], { env: environment() }).status).not.toBe(0);
    expect(readFileSync(join(folder, "metrics/containers.prom"), "utf8")).toBe(whole);
  });

  it.each([
    ["no such folder, as under Docker Desktop or with another data-root", () => undefined],
    ["a folder in which its own container is not", () => docker(WEB, "web")],
  ])("says so where it finds nothing: %s", (_, lay) => {
    lay();
    const found = round();
    expect(found).toMatchObject({ containers_running: 0, containers_failed: 1 });
    expect(Object.keys(found)).toHaveLength(3);
  });

  it("says how many it finds no control group of", () => {
    docker(SELF, "containers");
    docker(WEB, "web");
    place(SELF, use);
    expect(round()).toMatchObject({ containers_running: 2, containers_failed: 1, "running web": 1 });
  });
});

describe("in the plan", () => {
  const plan = (words: string) =>
    produce(sourceOf(`${shortest.replace("s-4vcpu-8gb", "s-4vcpu-16gb-amd")}${words}`), "production").plan;

  it("expects every service that is to run: no job, and no spare", () => {
    const { offers, services } = plan("");
    const expected = offers.thresholds.flatMap(({ record, labels }) =>
      record === "plimsoll:service:expected" ? [labels?.instance] : [],
    );
    const kept = Object.entries(services).filter(([, { oneShot, compose }]) => !oneShot && !compose.profiles);
    expect([...expected].sort()).toEqual(kept.map(([name]) => name).sort());
    expect(expected).toContain("elasticsearch");
    expect(expected).not.toContain("elastic-setup");
    expect(expected).not.toContain("api-spare");
  });

  it("has no network and no capability, and nothing of the machine's to write to", () => {
    const { compose } = plan("").services.containers ?? {};
    expect(compose).toMatchObject({ network_mode: "none", networks: {}, cap_drop: ["ALL"], read_only: true });
    const binds = compose?.volumes?.filter(({ type }) => type === "bind") ?? [];
    expect(binds.map(({ source, read_only }) => [source, read_only])).toEqual([
      ["/sys/fs/cgroup", true],
      ["/var/lib/docker/containers", true],
    ]);
  });

  it.each([["monitoring: { containers: false }"], ["monitoring: { host: false }"], ["monitoring: false"]])(
    "is left out by %s, with all that it expects",
    (words) => {
      const { services, offers } = plan(`${words}\n`);
      expect(services).not.toHaveProperty("containers");
      expect(JSON.stringify(offers.thresholds)).not.toContain("plimsoll:service:expected");
    },
  );
});
