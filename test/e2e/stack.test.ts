/** fkod on a real engine, every server real: fresh up, what it promises, down and up again. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listOwn, readOwn } from "../../generator/package.ts";
import { engineOrSkip, type RunningStack, startStack } from "./engine.ts";
import { compareLimits } from "./limits.ts";
import { askPrometheus, query } from "./prometheus.ts";
import { evaluateAll } from "./promql.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();

describe.skipIf(!engine)("fkod, images: debian", () => {
  let stack: RunningStack;
  const unique = () => `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;

  beforeAll(async () => {
    stack = await startStack({ name: "stack", overrides: { "nginx.rate": false } });
  });
  afterAll(async () => {
    await stack?.stop();
  });

  const sql = (service: string, statement: string) =>
    stack.exec(service, ["psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "fkod_db", "-Atc", statement], {
      user: "postgres",
    });
  const register = async () => {
    const email = `${unique()}@example.com`;
    const answer = await stack.http("/api/v1/auth/register", {
      method: "POST",
      body: { email, name: "A Learner", password: "correct horse battery" },
    });
    expect(answer.status, answer.text).toBe(201);
    return { email, ...answer.json<{ token: string; user: { id: number } }>() };
  };

  it("is all healthy after a fresh up, and the first request is answered", () => {
    const { result, plan } = stack;
    expect(Object.keys(result?.services ?? {}).sort()).toEqual(Object.keys(plan.services).sort());
    expect(result?.first?.status).toBe(200);
  });

  it("shares the load between the three servers", async () => {
    const counts = new Map<string, number>();
    for (let request = 0; request < 90; request++) {
      const { server } = (await stack.http("/api/v1/whoami")).json<{ server: string }>();
      counts.set(server, (counts.get(server) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(["api-1", "api-2", "api-3"]);
    for (const count of counts.values()) expect(count).toBeGreaterThanOrEqual(20);
  });

  it("reads on the replica what was written on the primary", async () => {
    const { email } = await register();
    expect(await sql("postgres-1", "select pg_is_in_recovery()")).toBe("f");
    expect(await sql("postgres-2", "select pg_is_in_recovery()")).toBe("t");
    await eventually(async () => {
      expect(await sql("postgres-2", `select count(*) from users where email = '${email}'`)).toBe("1");
    });
    await expect(sql("postgres-2", "create table t ()")).rejects.toThrow(/read-only transaction/);
  });

  it("hands the proxy's writer to the primary and its readers to the replica", async () => {
    const through = async (port: number) => {
      const script = `PGPASSWORD=$(cat /run/secrets/postgres_monitoring_password) psql -h postgres -p ${port} -U monitoring -d postgres -Atc "select pg_is_in_recovery()"`;
      return stack.exec("postgres-1", ["sh", "-c", script]);
    };
    expect(await through(5432)).toBe("f");
    expect(await through(5433)).toBe("t");
  });

  it("keeps sessions through a restart of their Redis, and needs nothing of the cache's", async () => {
    const { token } = await register();
    const headers = { authorization: `Bearer ${token}` };
    expect((await stack.http("/api/v1/me", { headers })).status).toBe(200);
    await stack.compose("restart", "redis-sessions", "redis-cache");
    await eventually(async () => {
      expect((await stack.http("/api/v1/me", { headers })).status).toBe(200);
      expect((await stack.http("/api/v1/courses")).status).toBe(200);
      expect((await stack.http("/ready")).status).toBe(200);
    });
  });

  it("passes a request's id through, and answers /health", async () => {
    const answer = await stack.http("/health", { headers: { "x-request-id": "request-abc-123" } });
    expect(answer.status).toBe(200);
    expect(answer.headers["x-request-id"]).toBe("request-abc-123");
    await eventually(async () => {
      const log = await stack.compose("logs", "--no-log-prefix", "nginx");
      const line = log.stdout.split("\n").find((text) => text.includes("request-abc-123")) ?? "{}";
      expect(JSON.parse(line)).toMatchObject({ "http.response.status_code": 200 });
    });
  });

  it("lets nobody outside reach control, metrics or a database", async () => {
    for (const path of ["/metrics", "/control", "/control/weights", "/nginx-health", "/stub_status"]) {
      expect((await stack.http(path)).status, path).toBe(404);
    }
    const outside = Object.entries(stack.plan.services).flatMap(([name, { ports }]) =>
      ports.filter(({ host_ip }) => host_ip !== "127.0.0.1").map(() => name),
    );
    expect(outside.filter((name) => name !== "nginx")).toEqual([]);
  });

  it("scrapes every target", async () => {
    await eventually(async () => {
      const { activeTargets } = await askPrometheus<{
        activeTargets: { scrapePool: string; scrapeUrl: string; health: string; lastError: string }[];
      }>(stack, "/api/v1/targets");
      expect(activeTargets.filter(({ health }) => health !== "up")).toEqual([]);
      const pools = new Set(activeTargets.map(({ scrapePool }) => scrapePool));
      for (const { job } of stack.plan.scrapes) expect([...pools]).toContain(job);
    }, 60);
  });

  it("has data for every expression of every rule and panel that can have some", async () => {
    for (let request = 0; request < 20; request++) {
      const { token } = await register();
      const headers = { authorization: `Bearer ${token}` };
      await stack.http("/api/v1/courses");
      await stack.http("/api/v1/feedback/nps", { method: "POST", headers, body: { score: 9 } });
      await stack.http("/nowhere");
    }
    await eventually(async () => {
      expect(await evaluateAll(stack)).toEqual([]);
    }, 150);
  });

  it("loads every rule without a fault, and none fires on a healthy stack but the dead man's switch", async () => {
    const { groups } = await askPrometheus<{
      groups: { rules: { name: string; health: string; lastError?: string; state?: string }[] }[];
    }>(stack, "/api/v1/rules");
    const rules = groups.flatMap(({ rules }) => rules);
    expect(rules.length).toBeGreaterThan(30);
    expect(rules.filter(({ health }) => health === "err")).toEqual([]);
    const firing = rules.filter(({ state }) => state === "firing").map(({ name }) => name);
    expect(firing).toEqual(["Watchdog"]);
  });

  it("has a first backup of the database and of the files, and archives WAL", async () => {
    await eventually(async () => {
      const info = JSON.parse(
        await stack.exec("backup-postgres", ["pgbackrest", "info", "--output=json"]),
      ) as { status: { code: number }; backup: { type: string; error: boolean }[] }[];
      expect(info[0]?.status.code).toBe(0);
      expect(info[0]?.backup[0]).toMatchObject({ type: "full", error: false });
      expect(await sql("postgres-1", "select archived_count > 0 from pg_stat_archiver")).toBe("t");
      const found = await query(stack, "plimsoll_backup_last_success_timestamp_seconds");
      const kinds = found.map(({ metric }) => metric.what);
      expect(kinds).toContain("postgres");
      expect(kinds.some((kind) => kind !== "postgres")).toBe(true);
    }, 120);
  });

  it("proves both, and says so in words that node_exporter takes side by side", async () => {
    // The first was made before the migrations, which stack.yaml's checks ask for.
    await stack.exec("backup-postgres", ["plimsoll-backup", "backup", "full"]);
    await stack.exec("backup-postgres", ["plimsoll-backup", "verify"]);
    await stack.exec("backup-files", ["plimsoll-backup-files", "verify"]);
    await eventually(async () => {
      const failed = await query(stack, "plimsoll_backup_verify_last_run_failed");
      expect(failed.map(({ metric, value }) => `${metric.what} ${value}`).sort()).toEqual([
        "files 0",
        "postgres 0",
      ]);
      const broken = await query(stack, "node_textfile_scrape_error");
      expect(broken.map(({ value }) => value)).toEqual([0]);
    }, 120);
  });

  it("is really limited: memory, CPU, pids, read-only root, no capabilities, no new privileges, its user", async () => {
    expect(await compareLimits(stack)).toEqual([]);
  });

  it("holds no secret in a container's environment, arguments or labels", async () => {
    const values = await Promise.all(
      stack.plan.secrets.filter(({ kind }) => kind === "random").map(({ name }) => stack.secret(name)),
    );
    expect(values.length).toBeGreaterThan(5);
    for (const { Id } of await stack.engine.docker.listContainers({
      filters: { label: [`com.docker.compose.project=${stack.project}`] },
    })) {
      const { Config, Args, HostConfig } = await stack.engine.docker.getContainer(Id).inspect();
      const text = JSON.stringify([Config, Args, HostConfig]);
      for (const value of values) expect(text.includes(value), Config.Hostname).toBe(false);
    }
  });

  it("restarts nothing after a second generate", async () => {
    const before = await containerIds();
    expect(await stack.change({})).toEqual([]);
    await stack.start();
    expect(await containerIds()).toEqual(before);
  });

  it("replaces nginx alone where nginx's settings changed", async () => {
    const before = await containerIds();
    const changed = await stack.change({ "nginx.body": "7MB" });
    expect(changed.filter((path) => !/^(nginx\/|compose\.yaml|plan\.json)/.test(path))).toEqual([]);
    await stack.start();
    const after = await containerIds();
    const replaced = Object.keys(after).filter((name) => after[name] !== before[name]);
    expect(replaced.filter((name) => name !== "nginx")).toEqual([]);
  });

  it("hands a changed secret to those that read it, and restarts nobody else", async () => {
    const before = await containerIds();
    const file = join(stack.stackFolder, "secrets/local/api_jwt_secret");
    await rm(file);
    await writeFile(file, "another secret of more than thirty-two characters");
    await stack.change({});
    await stack.start();
    const after = await containerIds();
    const replaced = Object.keys(after).filter((name) => after[name] !== before[name]);
    expect(replaced.filter((name) => !/^(api|worker|clock)-/.test(name))).toEqual([]);
    expect(await stack.exec("api-1", ["cat", "/run/secrets/JWT_SECRET"])).toMatch(/^another secret/);
  });

  it("keeps the data through down and up", async () => {
    const { email } = await register();
    await stack.down();
    expect(await containerIds()).toEqual({});
    await stack.start();
    expect(await sql("postgres-1", `select count(*) from users where email = '${email}'`)).toBe("1");
    await eventually(async () => {
      expect(await sql("postgres-2", `select count(*) from users where email = '${email}'`)).toBe("1");
    });
  });

  it("has committed dashboards for what it offers", () => {
    const built = listOwn("grafana/dashboards").filter((path) => path.endsWith(".json"));
    for (const path of built)
      expect(JSON.parse(readOwn(`grafana/dashboards/${path}`)).panels.length).toBeGreaterThan(2);
  });

  async function containerIds(): Promise<Record<string, string>> {
    const containers = await stack.engine.docker.listContainers({
      filters: { label: [`com.docker.compose.project=${stack.project}`] },
    });
    return Object.fromEntries(
      containers.map(({ Id, Labels }) => [Labels["com.docker.compose.service"] as string, Id]),
    );
  }
});
