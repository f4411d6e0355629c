/** What the sidecar `containers` says of a real stack, beside what the engine says of it; and a container that is killed. */
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";
import { compareLimits } from "./limits.ts";
import { query } from "./prometheus.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();
const MiB = 1024 ** 2;

type Figures = Record<string, number>;
type Seen = { memory: number; cpu: number; throttled: number; pids: number };

describe.skipIf(!engine)("containers", () => {
  let stack: RunningStack;
  /** Of the first test. */
  let early: Figures | undefined;
  const hog = () => `${stack.project}-hog-1`;

  beforeAll(async () => {
    stack = await startStack({
      name: "containers",
      from: "test/deploy/stack",
      overrides: {
        "api.servers": 2,
        monitoring: { prometheus: { interval: "5s" }, grafana: false, alertmanager: false, blackbox: false },
        machine: { cpus: 2, memory: "2GB", disk: "20GB" },
      },
    });
  });
  afterAll(async () => {
    if (!stack) return;
    await execa("docker", ["rm", "--force", hog()], { reject: false });
    await stack.stop();
  });

  /** By service, without the name's `plimsoll_container_`; those of the sidecar by their name alone. */
  async function figures(): Promise<Figures> {
    // Asked of another: a program that is started in the sidecar would be counted as its own use.
    const text = await stack.exec("node-exporter", ["cat", "/metrics-textfile/containers.prom"]);
    return Object.fromEntries(
      text.split("\n").flatMap((line) => {
        const [, name, service, value] =
          /^plimsoll_(\w+?)(?:\{service="([^"]+)",container="[^"]+"\})? (\S+)$/.exec(line) ?? [];
        return name ? [[service ? `${service} ${name.replace("container_", "")}` : name, Number(value)]] : [];
      }),
    );
  }
  /** After a round that began later than this call. */
  async function nextFigures(): Promise<Figures> {
    const asked = Date.now() / 1000;
    let found: Figures = {};
    await eventually(async () => {
      found = await figures();
      expect(found.containers_timestamp_seconds).toBeGreaterThan(asked);
    }, 40);
    return found;
  }
  async function running() {
    const containers = await stack.engine.docker.listContainers({
      filters: { label: [`com.docker.compose.project=${stack.project}`] },
    });
    return containers.map(({ Id, Labels }) => ({
      service: Labels["com.docker.compose.service"] as string,
      container: stack.engine.docker.getContainer(Id),
    }));
  }
  /** As `docker stats` counts. */
  async function seen(): Promise<Record<string, Seen>> {
    const all = await Promise.all(
      (await running()).map(async ({ service, container }) => {
        const { memory_stats, cpu_stats, pids_stats } = await container.stats({
          stream: false,
          "one-shot": true,
        });
        const { total_inactive_file, inactive_file } = memory_stats.stats;
        return [
          service,
          {
            memory: memory_stats.usage - (total_inactive_file ?? inactive_file),
            cpu: cpu_stats.cpu_usage.total_usage / 1e9,
            throttled: cpu_stats.throttling_data.throttled_time / 1e9,
            pids: pids_stats?.current ?? 0,
          },
        ] as const;
      }),
    );
    return Object.fromEntries(all);
  }
  async function asked(expression: string): Promise<Record<string, number>> {
    const found = await query(stack, expression);
    return Object.fromEntries(found.map(({ metric, value }) => [metric.instance, value]));
  }

  it("says of each service what the engine says", async () => {
    const before = await seen();
    const found = await nextFigures();
    early = found;
    const after = await seen();
    const services = Object.keys(stack.plan.services).filter((name) => name !== "migrate");
    expect(Object.keys(after).sort()).toEqual(services.sort());
    expect(found).toMatchObject({ containers_running: services.length, containers_failed: 0 });
    for (const { service, container } of await running()) {
      const { State, HostConfig, RestartCount } = await container.inspect();
      const of = (name: string) => found[`${service} ${name}`] ?? Number.NaN;
      const [low, high] = [before[service], after[service]] as [Seen, Seen];
      expect(of("running"), service).toBe(1);
      expect(of("start_time_seconds"), service).toBe(Math.floor(Date.parse(State.StartedAt) / 1000));
      expect(of("restarts_total"), service).toBe(RestartCount);
      expect(of("oom_killed"), service).toBe(0);
      expect(of("memory_limit_bytes"), service).toBe(HostConfig.Memory);
      expect(of("cpu_limit_cores"), service).toBeCloseTo((HostConfig.NanoCpus ?? 0) / 1e9, 2);
      // Counters only rise: the round's lies between what was before and after it.
      for (const [name, was, is] of [
        ["cpu_seconds_total", low.cpu, high.cpu],
        ["cpu_throttled_seconds_total", low.throttled, high.throttled],
      ] as const) {
        expect(of(name), `${service}: ${name}`).toBeGreaterThanOrEqual(was - 1e-5);
        expect(of(name), `${service}: ${name}`).toBeLessThanOrEqual(is + 1e-5);
      }
      const slack = 4 * MiB + 0.2 * high.memory;
      expect(of("memory_working_set_bytes"), service).toBeGreaterThan(
        Math.min(low.memory, high.memory) - slack,
      );
      expect(of("memory_working_set_bytes"), service).toBeLessThan(Math.max(low.memory, high.memory) + slack);
      expect(of("memory_held_bytes"), service).toBeLessThanOrEqual(of("memory_working_set_bytes"));
      expect(of("memory_held_bytes"), service).toBeGreaterThan(0);
      expect(of("pids"), service).toBeGreaterThan(0);
    }
  });

  it("costs next to nothing", async () => {
    const found = await nextFigures();
    const of = (name: string) => found[`containers ${name}`] ?? Number.NaN;
    const began = (early ?? found) as Figures;
    const lived = (found.containers_timestamp_seconds ?? 0) - (began.containers_timestamp_seconds ?? 0);
    const share = (of("cpu_seconds_total") - (began["containers cpu_seconds_total"] ?? 0)) / lived;
    const own = (await running()).find(({ service }) => service === "containers")?.container;
    const { max_usage, usage } = (await own?.stats({ stream: false }))?.memory_stats ?? { usage: Number.NaN };
    // Under cgroup v2 the engine tells of no highest.
    const size = max_usage ?? usage;
    console.error(
      `containers: ${(100 * share).toFixed(2)}% of a core in ${lived} s; ` +
        `at most ${(size / MiB).toFixed(1)} of ${of("memory_limit_bytes") / MiB} MB`,
    );
    expect(share).toBeLessThan(0.02);
    expect(size).toBeLessThan(0.7 * of("memory_limit_bytes"));
  });

  it("has no way out, no right, and nothing of the machine's that it could write to", async () => {
    expect(await compareLimits(stack)).toEqual([]);
    const tell = (command: string) => stack.exec("containers", ["sh", "-c", command]);
    expect((await tell("ls /sys/class/net")).trim()).toBe("lo");
    for (const folder of ["/host/containers", "/host/cgroup"])
      expect(await tell(`touch ${folder}/x 2>&1; true`)).toMatch(/Read-only file system/);
    const group = await tell(
      "for f in $(find /host/cgroup -name cgroup.procs | head -n 3); do (echo 1 >$f) 2>&1; done; true",
    );
    expect(group.trim().split("\n")).toHaveLength(3);
    for (const line of group.trim().split("\n")) expect(line).toMatch(/Read-only file system/);
  });

  it("counts kills for memory: of a process in a container that goes on, and of one that Docker starts again", async () => {
    const labels = { project: stack.project, service: "hog" };
    await execa("docker", [
      ...["run", "--detach", "--name", hog(), "--network", "none", "--restart", "unless-stopped"],
      ...["--memory", "24m", "--memory-swap", "24m"],
      ...Object.entries(labels).flatMap(([name, value]) => [
        "--label",
        `com.docker.compose.${name}=${value}`,
      ]),
      // Long enough to be seen, and then its first process itself is what is killed.
      ...["debian:forky-slim", "sh", "-c", "sleep 20; exec tail /dev/zero"],
    ]);
    const before = await nextFigures();
    expect(before["hog running"]).toBe(1);
    const killed = await stack.compose("exec", "-T", "api-1", "tail", "/dev/zero");
    expect(killed.exitCode).toBe(137);
    await eventually(async () => {
      const found = await figures();
      expect(found["hog restarts_total"]).toBeGreaterThan(0);
      expect(found["hog oom_kills_total"]).toBeGreaterThan(0);
      expect(found["api-1 oom_kills_total"]).toBe(1);
    }, 60);
    const found = await figures();
    // Docker has started it again and forgotten; the sidecar has not, and blames nobody else.
    expect(found["hog oom_kills_total"]).toBe(found["hog restarts_total"]);
    expect(found["api-1 restarts_total"]).toBe(0);
    expect(found["api-2 oom_kills_total"]).toBe(0);
    expect(found["nginx oom_kills_total"]).toBe(0);
    await eventually(async () => {
      const firing = await asked('ALERTS{alertname="ServiceKilledForMemory", alertstate="firing"}');
      expect(Object.keys(firing).sort()).toEqual(["api-1", "hog"]);
    }, 60);
  }, 180_000);

  it("is joined with the plan: each service that is to run is expected, and one that was stopped is missed", async () => {
    const expected = Object.keys(await asked("plimsoll:service:expected")).sort();
    expect(expected).toEqual(Object.keys(stack.plan.services).sort());
    const missed = () => asked('ALERTS{alertname="ServiceDown"}');
    expect(await missed()).toEqual({});
    await stack.compose("stop", "--timeout", "2", "api-2");
    await eventually(async () => expect(Object.keys(await missed())).toEqual(["api-2"]), 60);
    await stack.compose("start", "api-2");
    await eventually(async () => expect(await missed()).toEqual({}), 60);
    await eventually(async () => {
      const ratios = await asked("plimsoll:service:memory_ratio");
      expect(Object.keys(ratios)).toEqual(expect.arrayContaining(expected));
      for (const name of expected) expect(ratios[name], name).toBeLessThan(0.9);
    });
  }, 180_000);
});
