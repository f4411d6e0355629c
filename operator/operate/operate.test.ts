import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import { plain } from "../../generator/report/paint.ts";
import { fakeHost } from "../host/fake.ts";
import type { Site } from "../site/site.ts";
import { psqlClient, redisClient } from "./database.ts";
import { changeEdge } from "./edge.ts";
import { terminalFlags } from "./exec.ts";
import { cpuOf, memoryOf } from "./load.ts";
import { resolveService, resolveServices } from "./names.ts";
import { adminPages, openPage } from "./open.ts";
import { type Looked, rowsOf } from "./ps.ts";
import { psText, span } from "./ps-text.ts";
import { planRestart } from "./restart.ts";
import { definitionOf } from "./run.ts";
import { containerOf, type Listed, type Running } from "./running.ts";

const plan = JSON.parse(await readFile("stacks/fkod/generated/production/plan.json", "utf8")) as PlanJson;
const NOW = Date.parse("2026-11-23T12:00:00Z");

const listed = (service: string, more: Partial<Listed> = {}): Listed => ({
  id: `id-of-${service}`,
  service,
  name: `fkod-${service}-1`,
  state: "running",
  oneOff: false,
  image: "x",
  labels: {},
  ...more,
});

function running(
  services: readonly string[],
  answer: Parameters<typeof fakeHost>[0] = () => undefined,
): Running & { host: ReturnType<typeof fakeHost> } {
  const host = fakeHost(answer, { kind: "ssh" });
  const site = {
    host,
    environment: "production",
    project: "fkod-production",
    state: "/state",
  } as unknown as Site;
  const project = {
    name: "fkod-production",
    folder: "/live",
    plan,
    host,
    engine: { endpoint: "unix:///d.sock" },
  } as unknown as Running["project"];
  return { host, site, project, containers: services.map((service) => listed(service)) };
}

function looked(service: string, state: object = {}, more: Partial<Listed> = {}): Looked {
  const State = {
    Status: "running",
    StartedAt: "2026-11-23T11:00:00Z",
    FinishedAt: "0001-01-01T00:00:00Z",
    ExitCode: 0,
    OOMKilled: false,
    ...state,
  };
  const inspected = {
    State,
    RestartCount: 0,
    HostConfig: { NanoCpus: 2e9, Memory: 1e9 },
    Config: { Env: ["A=b", "RELEASE=v7"] },
  };
  return { container: listed(service, more), inspected: inspected as unknown as Looked["inspected"] };
}

it("finds services by name and by stem, and names the nearest", () => {
  expect(resolveServices(plan, ["api", "nginx", "api-2"])).toEqual(["api-1", "api-2", "api-3", "nginx"]);
  // The proxy is called as the nodes' stem: the very name wins.
  expect(resolveServices(plan, ["postgres"])).toEqual(["postgres"]);
  expect(resolveService(plan, "api")).toBe("api-1");
  expect(resolveService(plan, "api-spare")).toBe("api-spare");
  for (const word of ["apii", "nginxx", "$(id)", "", "--help", "constructor", "__proto__"]) {
    expect(() => resolveServices(plan, [word]), word).toThrow(/there is no service/);
  }
  expect(() => resolveService(plan, "ngixn")).toThrow(/did you mean nginx\?/);
});

it("shows a spare that rests, a job that is done, a one-off, a stranger and what is missing", () => {
  const edge = {
    api: {
      maintenance: false,
      servers: {
        "api-1": { weight: 0, release: "v7", in_flight: 3, suspected: true },
        "api-spare": { weight: 10 },
      },
    },
  };
  const all = [
    looked("api-1", { Health: { Status: "unhealthy" } }),
    looked("migrate", { Status: "exited", FinishedAt: "2026-11-23T11:59:00Z" }),
    looked("api-1", {}, { oneOff: true, name: "fkod-run-abc", labels: { "plimsoll.by": "ana@x" } }),
    looked("old-worker-1"),
    looked("worker-1", { Status: "exited", ExitCode: 137, OOMKilled: true }),
  ];
  const rows = rowsOf(plan, all, edge, NOW);
  const row = (service: string) => rows.find((one) => one.service === service);
  expect(row("api-1")).toMatchObject({
    kind: "server",
    state: "unhealthy",
    well: false,
    release: "v7",
    seconds: 3600,
    weight: 0,
    in_flight: 3,
    suspected: true,
  });
  expect(row("api-2")).toMatchObject({ state: "missing", well: false });
  expect(row("api-spare")).toMatchObject({ state: "resting", well: true });
  expect(row("api-spare")?.weight).toBeUndefined();
  expect(row("migrate")).toMatchObject({ kind: "job", state: "done", well: true, seconds: 60 });
  expect(row("worker-1")).toMatchObject({
    state: "exited",
    well: false,
    note: "exit code 137, killed for want of memory",
  });
  expect(row("fkod-run-abc")).toMatchObject({ kind: "run", note: "one-off of ana@x" });
  expect(row("old-worker-1")).toMatchObject({ well: false, note: "no service of what was deployed" });
  expect(
    rowsOf(plan, [looked("api-spare")], edge, NOW).find(({ service }) => service === "api-spare"),
  ).toMatchObject({ kind: "spare", weight: 10 });
  const text = psText({ project: "fkod-production", maintenance: true, rows, notes: [] }, plain);
  expect(text).toMatch(/^api-1 +unhealthy +v7 +60m +0 .* 0 suspected +3$/m);
  expect(text).toMatch(/MAINTENANCE is on/);
});

it("counts CPU between two readings, and memory without what the kernel can take back", () => {
  const cpu = (total: number, system: number) => ({
    cpu_usage: { total_usage: total },
    system_cpu_usage: system,
    online_cpus: 4,
  });
  expect(cpuOf({ cpu_stats: cpu(150, 1000), precpu_stats: cpu(50, 800), memory_stats: {} })).toBe(2);
  expect(cpuOf({ cpu_stats: cpu(150, 1000), precpu_stats: cpu(150, 800), memory_stats: {} })).toBe(0);
  const memory = (stats: Record<string, number>) =>
    memoryOf({ cpu_stats: cpu(0, 0), memory_stats: { usage: 100, stats } });
  expect([
    memory({ inactive_file: 30 }),
    memory({ total_inactive_file: 40, inactive_file: 1 }),
    memory({}),
  ]).toEqual([70, 60, 100]);
  expect([0, 89, 5400, 172_800].map(span)).toEqual(["0s", "89s", "2h", "2d"]);
});

it("says what does not run, and how to see why", () => {
  const found = {
    ...running([]),
    containers: [listed("api-1", { state: "exited" }), listed("api-2", { oneOff: true })],
  };
  expect(() => containerOf(found, "api-1")).toThrow(/its container is exited/);
  expect(() => containerOf(found, "api-2")).toThrow(/has no container/);
});

it("takes a terminal only where both ends are one", () => {
  expect(terminalFlags({ stdin: true, stdout: true })).toEqual(["-it"]);
  expect(terminalFlags({ stdin: true, stdout: false })).toEqual(["-i"]);
});

it("gives psql and redis-cli their passwords in no argument, and hands words on as they are", () => {
  const all = running(Object.keys(plan.services));
  const writer = psqlClient(all, { arguments: ["-c", "select '$(id)'"] });
  expect(writer.service).toBe("postgres-1");
  expect(writer.command.slice(3)).toEqual(["psql", "5432", "-c", "select '$(id)'"]);
  expect(psqlClient(all, { read: true }).command[4]).toBe("5433");
  // The first node is down: the second does as well, since it is the proxy that is asked.
  expect(psqlClient(running(["postgres-2"]), {}).service).toBe("postgres-2");
  expect(() => psqlClient(running([]), {})).toThrow(/postgres-1 does not run/);
  expect(redisClient(all, "cache", ["info"]).command.slice(3)).toEqual(["redis-cli", "info"]);
  expect(redisClient(all, "redis-sessions").service).toBe("redis-sessions");
  expect(() => redisClient(all, "exporter")).toThrow(/no Redis/);
});

it("writes a one-off's definition that Compose reads as it is meant", () => {
  const text = definitionOf("/srv/a $HOME/compose.yaml", "migrate", { line: "echo $PATH" });
  expect(JSON.parse(text).services["plimsoll-run"]).toMatchObject({
    extends: { file: "/srv/a $$HOME/compose.yaml", service: "migrate" },
    hostname: "plimsoll-run",
    command: "echo $$PATH",
    healthcheck: { disable: true },
  });
});

it("restarts the application by default, and asks about what costs something", () => {
  expect(planRestart(plan, []).map(({ service, kind }) => `${service} ${kind}`)).toEqual([
    "api-1 server",
    "api-2 server",
    "api-3 server",
    "worker-1 other",
    "clock-1 other",
  ]);
  expect(planRestart(plan, []).some(({ costs }) => costs)).toBe(false);
  for (const service of ["nginx", "postgres-1", "postgres", "redis-sessions", "redis-cache", "elasticsearch"])
    expect(planRestart(plan, [service])[0]?.costs, service).toBeDefined();
  for (const service of ["migrate", "api-spare"])
    expect(() => planRestart(plan, [service])).toThrow(/cannot be restarted/);
  expect(() => planRestart(plan, ["wroker"])).toThrow(/did you mean worker\?/);
});

it("sends a change to the edge over stdin, and says what nginx refused", async () => {
  const good = running(["nginx"], () => ({ stdout: '{"maintenance":true,"servers":{}}' }));
  expect((await changeEdge(good, "api", { maintenance: true })).maintenance).toBe(true);
  expect(good.host.inputs).toEqual(['{"maintenance":true}']);
  const bad = running(["nginx"], () => ({ stdout: '{"errors":["no server x"]}' }));
  await expect(changeEdge(bad, "api", { weights: { x: 1 } })).rejects.toThrow(
    /did not take the change: .*no server x/,
  );
});

it("opens admin pages and nothing else, over a tunnel where they are elsewhere", async () => {
  const all = running(Object.keys(plan.services));
  expect(adminPages(all).map(({ name }) => name)).toEqual([
    "Prometheus",
    "Alertmanager",
    "Grafana",
    "Kibana",
  ]);
  const page = await openPage(all, all.site, "grafana");
  expect(page).toMatchObject({ name: "Grafana", user: "admin", password: "grafana_admin_password" });
  expect(page.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  expect(all.host.commands).toEqual(["tunnel 3000"]);
  await expect(openPage(all, all.site, "grafna")).rejects.toThrow(/did you mean grafana\?/);
});
