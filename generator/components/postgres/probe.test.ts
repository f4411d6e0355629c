/** The probe's own script, with a psql that answers as a test wants: at once, late, never, or not at all. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { produce } from "../../index.ts";
import { packageRoot } from "../../package.ts";
import { Objectives } from "../../spec/core.ts";
import { shortest, sourceOf } from "../../testing/source.ts";

const SCRIPT = join(packageRoot, "templates/postgres/probe/probe.sh");
const LIMIT = 1;

/** Says what stands in NODE.says, after each line that it is sent; the first time it says how long the login took. */
const PSQL = `#!/bin/bash
words="$*" node=\${words##*host=} node=\${node%% *} login=900.000
leave() {
  echo "psql: error: could not translate host name \\"$node\\" to address" >&2
  exit 2
}
echo "$words" >>"$FAKE/$node.asked"
[[ ! -e $FAKE/$node.gone ]] || leave
while read -r _; do
  while [[ -e $FAKE/$node.frozen ]]; do sleep 0.05; done
  [[ ! -e $FAKE/$node.gone ]] || leave
  read -r row time <"$FAKE/$node.says"
  printf '%s\\nTime: %s ms\\n' "$row" "\${login:-$time}"
  login=""
done
`;

let folder: string;
let running: ChildProcess | undefined;
let said = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "probe-"));
  for (const name of ["metrics", "run", "secrets", "bin"]) mkdirSync(join(folder, name));
  write("secrets/postgres_monitoring_password", "s3cret");
  writeFileSync(join(folder, "bin/psql"), PSQL, { mode: 0o755 });
  write("postgres-1.says", "415|f 12.345");
  write("postgres-2.says", "415|t 2345.678");
});
afterEach(async () => {
  if (running?.exitCode === null) await ended("SIGTERM");
  running = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const write = (path: string, text: string) => writeFileSync(join(folder, path), text);
const remove = (path: string) => rmSync(join(folder, path));

function environment(nodes: string) {
  return {
    PATH: `${folder}/bin:${process.env.PATH}`,
    FAKE: folder,
    PLIMSOLL_METRICS: join(folder, "metrics"),
    PLIMSOLL_RUN: join(folder, "run"),
    PLIMSOLL_SECRETS: join(folder, "secrets"),
    PLIMSOLL_NODES: nodes,
    PLIMSOLL_EVERY: "1",
    PLIMSOLL_LIMIT: String(LIMIT),
  };
}

function start(nodes = "postgres-1 postgres-2"): void {
  said = "";
  running = spawn("bash", [SCRIPT, "run"], { env: environment(nodes) });
  for (const stream of [running.stdout, running.stderr])
    stream?.on("data", (bytes: Buffer) => {
      said += bytes.toString();
    });
}

function ended(signal?: NodeJS.Signals): Promise<number | null> {
  const code = new Promise<number | null>((resolve) => running?.once("exit", resolve));
  if (signal) running?.kill(signal);
  return code;
}

function healthy(nodes = "postgres-1 postgres-2"): boolean {
  return spawnSync("bash", [SCRIPT, "healthy"], { env: environment(nodes) }).status === 0;
}

const file = (node: string) => join(folder, `metrics/postgres-probe-${node}.prom`);

/** Role and seconds, as node-exporter reads them; undefined where there is no figure. */
function figure(node: string): [string, number] | undefined {
  if (!existsSync(file(node))) return undefined;
  const line = new RegExp(`^plimsoll_postgres_probe_seconds{node="${node}",role="(\\w+)"} (\\S+)$`, "m");
  const [, role = "", seconds] = line.exec(readFileSync(file(node), "utf8")) ?? [];
  return [role, Number(seconds)];
}

function askedAt(node: string): number {
  const [, seconds] = /_timestamp_seconds{node="[^"]+"} (\d+)$/m.exec(readFileSync(file(node), "utf8")) ?? [];
  return Number(seconds);
}

const eventually = (look: () => void) => vi.waitFor(look, { timeout: 10_000, interval: 50 });

const PRIMARY = ["primary", 0.012345];
const REPLICA = ["replica", 2.345678];

describe("the probe", { timeout: 30_000 }, () => {
  it("tells what each node's statement took, and in which role: not what the login took", async () => {
    start();
    await eventually(() => expect(figure("postgres-1")).toBeDefined());
    expect(figure("postgres-1")).toEqual(PRIMARY);
    await eventually(() => expect(figure("postgres-2")).toBeDefined());
    expect(figure("postgres-2")).toEqual(REPLICA);
    expect(Math.abs(askedAt("postgres-1") - Date.now() / 1000)).toBeLessThan(5);
    // A half-written file would be read too.
    expect(readdirSync(join(folder, "metrics")).filter((name) => !name.startsWith("."))).toHaveLength(2);
    expect(healthy()).toBe(true);
  });

  it("logs in as monitoring, once, with a password that no other user can read", async () => {
    start("postgres-1");
    await eventually(() => expect(figure("postgres-1")).toBeDefined());
    const first = askedAt("postgres-1");
    await eventually(() => expect(askedAt("postgres-1")).toBeGreaterThan(first + 1));
    const pass = join(folder, "run/pgpass");
    expect(readFileSync(pass, "utf8")).toBe("*:*:*:monitoring:s3cret\n");
    expect(statSync(pass).mode & 0o777).toBe(0o600);
    const asked = readFileSync(join(folder, "postgres-1.asked"), "utf8");
    expect(asked.trim().split("\n")).toEqual([
      expect.stringMatching(/host=postgres-1 dbname=postgres user=monitoring sslmode=disable$/),
    ]);
    expect(asked).not.toContain("s3cret");
  });

  it("counts a node that is frozen as long as it waits, again and again, and the other goes on", async () => {
    start();
    await eventually(() => expect(figure("postgres-2")).toEqual(REPLICA));
    write("postgres-2.frozen", "");
    await eventually(() => expect(figure("postgres-2")).toEqual(["replica", LIMIT]));
    const [frozen, well] = [askedAt("postgres-2"), askedAt("postgres-1")];
    await eventually(() => expect(askedAt("postgres-2")).toBeGreaterThan(frozen));
    await eventually(() => expect(askedAt("postgres-1")).toBeGreaterThan(well));
    expect(figure("postgres-2")).toEqual(["replica", LIMIT]);
    expect(figure("postgres-1")).toEqual(PRIMARY);
    expect(healthy()).toBe(true);
    remove("postgres-2.frozen");
    await eventually(() => expect(figure("postgres-2")).toEqual(REPLICA));
    expect(said.match(/postgres-2 does not answer within 1 s/g)).toHaveLength(1);
  });

  it("counts one so whose role it never heard", async () => {
    write("postgres-1.frozen", "");
    start("postgres-1");
    await eventually(() => expect(figure("postgres-1")).toEqual(["unknown", LIMIT]));
  });

  it("has no figure of a node that is gone, says so once, and finds it again in its new role", async () => {
    start();
    await eventually(() => expect(figure("postgres-2")).toEqual(REPLICA));
    write("postgres-2.gone", "");
    await eventually(() => expect(figure("postgres-2")).toBeUndefined());
    const before = askedAt("postgres-1");
    await eventually(() => expect(askedAt("postgres-1")).toBeGreaterThan(before + 2));
    expect(figure("postgres-2")).toBeUndefined();
    expect(said.match(/postgres-2 cannot be asked: psql: error: could not translate/g)).toHaveLength(1);
    expect(healthy()).toBe(true);
    write("postgres-2.says", "415|f 3.5");
    remove("postgres-2.gone");
    await eventually(() => expect(figure("postgres-2")).toEqual(["primary", 0.0035]));
    for (const line of said.trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("msg");
  });

  it("keeps a whole file where the disk is full, says so once, is healthy, and goes on", async () => {
    start("postgres-1");
    await eventually(() => expect(figure("postgres-1")).toEqual(PRIMARY));
    const whole = readFileSync(file("postgres-1"), "utf8");
    symlinkSync("/dev/full", join(folder, "metrics/.postgres-probe-postgres-1.new"));
    await eventually(() =>
      expect(said).toContain("postgres-1 answers, as primary, and its figures cannot be"),
    );
    const last = () => Number(readFileSync(join(folder, "run/postgres-1.last"), "utf8"));
    const full = last();
    await eventually(() => expect(last()).toBeGreaterThan(full + 2));
    expect(healthy("postgres-1")).toBe(true);
    expect(readFileSync(file("postgres-1"), "utf8")).toBe(whole);
    expect(said.match(/cannot be written/g)).toHaveLength(1);
    expect(said).not.toContain("error");
    remove("metrics/.postgres-probe-postgres-1.new");
    await eventually(() => expect(readFileSync(file("postgres-1"), "utf8")).not.toBe(whole));
  });

  it("leaves no figure behind, of no node: when it ends, and of one that was there before", async () => {
    writeFileSync(file("postgres-9"), "of a stack that had nine\n");
    start("postgres-1");
    await eventually(() => expect(figure("postgres-1")).toEqual(PRIMARY));
    expect(existsSync(file("postgres-9"))).toBe(false);
    expect(await ended("SIGINT")).toBe(0);
    expect(existsSync(file("postgres-1"))).toBe(false);
  });

  it("ends where one of its loops ended, so that Docker starts it anew", async () => {
    start();
    await eventually(() => expect(figure("postgres-2")).toEqual(REPLICA));
    const pid = running?.pid;
    const loops = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
    expect(loops).toHaveLength(2);
    const end = ended();
    process.kill(loops[1] as number, "SIGKILL");
    expect(await end).toBe(1);
    expect(readdirSync(join(folder, "metrics"))).toEqual([]);
  });

  it("is not healthy where a node was not asked of late", async () => {
    expect(healthy()).toBe(false);
    const now = Math.floor(Date.now() / 1000);
    write("run/postgres-1.last", `${now}\n`);
    expect(healthy()).toBe(false);
    write("run/postgres-2.last", `${now - 10}\n`);
    expect(healthy()).toBe(false);
    write("run/postgres-2.last", `${now}\n`);
    expect(healthy()).toBe(true);
  });
});

describe("in the plan", () => {
  const plan = (words = "") => produce(sourceOf(`${shortest}${words}`), "production").plan;

  it("asks each node, reaches the data network alone, and has no password but that of monitoring", () => {
    const { compose } = plan().services["postgres-probe"] ?? {};
    expect(compose).toMatchObject({
      environment: { PLIMSOLL_NODES: "postgres-1 postgres-2" },
      user: "999:999",
      read_only: true,
    });
    expect(Object.keys(compose?.networks ?? {})).toEqual(["data"]);
    const secrets = compose?.secrets?.map(({ source }) => source);
    expect(secrets).toEqual(["postgres_monitoring_password"]);
  });

  it("asks the only node where there is no replica", () => {
    const { compose } = plan("postgres: { replica: false }\n").services["postgres-probe"] ?? {};
    expect(compose?.environment).toEqual({ PLIMSOLL_NODES: "postgres-1" });
  });

  it.each(["monitoring: false", "monitoring: { host: false }", "postgres: false"])(
    "is left out by %s",
    (words) => expect(plan(`${words}\n`).services).not.toHaveProperty("postgres-probe"),
  );

  it("waits for an answer for twice as long as a promise may be: one that never comes is told", () => {
    const limit = Number(/^limit=.*-(\d+)\}$/m.exec(readFileSync(SCRIPT, "utf8"))?.[1]);
    expect(Objectives.safeParse({ database: `${limit}s` }).success).toBe(false);
    expect(Objectives.safeParse({ database: `${limit / 2}s` }).success).toBe(false);
    expect(Objectives.parse({ database: "2s" }).database).toBe(2);
  });

  it("says where a promise is not measured: explain and budget do", () => {
    const said = (words: string) =>
      plan(words)
        .offers.settings.filter(({ setting }) => setting === "objectives.database")
        .map(({ service, value }) => `${service}: ${value}`);
    expect(said("monitoring: { host: false }\n")).toEqual([
      "postgres-1: not measured: no figure and no alert",
      "postgres-2: not measured: no figure and no alert",
    ]);
    expect(said("")).toEqual([]);
    expect(said("monitoring: false\n")).toEqual([]);
  });
});
