/** The commands of every day, on this machine and on a droplet over ssh: the same words, the same outcome. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { localHost } from "../../operator/host/local.ts";
import { neededImages } from "../../operator/up/images.ts";
import { openProject } from "../../operator/up/project.ts";
import { type Droplet, startDroplet } from "./droplet.ts";
import { each } from "./each.ts";
import { engineOrSkip, type RunningStack, request, startStack } from "./engine.ts";
import { LONG } from "./long.ts";
import { buildCli, type Cli, cliOn, removeCli } from "./operate-cli.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();
const main = engine ? await buildCli() : "";
afterAll(removeCli);

const SMALL = {
  "api.servers": 2,
  monitoring: false,
  logging: false,
  backup: false,
  "nginx.rate": false,
  "deploy.drain": "5s",
};

type Place = {
  cli: Cli;
  project: string;
  /** docker, on the engine that the stack runs on. */
  docker(...words: string[]): Promise<string>;
  /** Status of a request at the front door. */
  ask(path: string): Promise<number>;
  secret(name: string): Promise<string>;
  /** A file of the state folder. */
  state(path: string): Promise<string>;
};

function everyday(at: () => Place): void {
  const marker = () => `marker-${Math.random().toString(36).slice(2, 10)}`;
  const run: Cli["run"] = (...words) => at().cli.run(...words);
  const id = async (service: string) =>
    (
      await at().docker(
        "ps",
        "-aq",
        "--filter",
        `label=com.docker.compose.project=${at().project}`,
        "--filter",
        `label=com.docker.compose.service=${service}`,
        "--filter",
        "label=com.docker.compose.oneoff=False",
      )
    ).trim();
  const print = async (service: string, text: string) =>
    at().docker("exec", await id(service), "sh", "-c", `echo '${text}' >/proc/1/fd/1`);

  it("ps: every service with its state, limits, and weight at the edge", async () => {
    const { exitCode, stdout } = await run("ps", ["--json"]);
    expect(exitCode).toBe(0);
    const { rows, maintenance } = JSON.parse(stdout) as {
      maintenance: boolean;
      rows: Record<string, unknown>[];
    };
    expect(maintenance).toBe(false);
    const row = (service: string) => rows.find((one) => one.service === service);
    expect(row("api-1")).toMatchObject({
      kind: "server",
      state: "healthy",
      well: true,
      weight: 100,
      in_flight: 0,
      release: "local",
    });
    expect(row("api-1")).toMatchObject({
      memory: { used: expect.any(Number), limit: expect.any(Number) },
      cpu: { limit: expect.any(Number) },
    });
    expect(row("migrate")).toMatchObject({ kind: "job", state: "done", well: true });
    expect(row("api-spare")).toMatchObject({ state: "resting", well: true });
    expect(rows.filter(({ well }) => !well)).toEqual([]);
    expect((await run("ps")).stdout).toMatch(/^api-2 +healthy +local/m);
  });

  it("logs: merged in time, of some services, filtered, as JSON", async () => {
    const mark = marker();
    for (const [index, service] of ["api-1", "api-2", "worker-1", "api-1"].entries())
      await print(service, `${mark} ${index}`);
    await eventually(async () => {
      const { stdout } = await run("logs", ["--grep", mark]);
      expect(
        stdout.split("\n").map((line) => line.split(" ").slice(1).join(" ").replace(/ +/g, " ")),
      ).toEqual([`api-1 ${mark} 0`, `api-2 ${mark} 1`, `worker-1 ${mark} 2`, `api-1 ${mark} 3`]);
    });
    const some = await run("logs", [
      "--service",
      "worker",
      "--grep",
      `/${mark} \\d$/`,
      "--since",
      "10m",
      "--json",
    ]);
    expect(some.stdout.split("\n").map((line) => JSON.parse(line))).toMatchObject([
      { service: "worker-1", text: `${mark} 2` },
    ]);
    expect((await run("logs", ["--tail", "3"])).stdout.split("\n")).toHaveLength(3);
  });

  it("logs -f: goes on when a deploy replaces the container, tells each line once, and Ctrl-C is no fault", async () => {
    const mark = marker();
    await print("api-1", `${mark} before`);
    const following = at().cli.begin("logs", ["-f", "--service", "api", "--grep", mark]);
    let heard = "";
    following.stdout?.on("data", (bytes: Buffer) => {
      heard += bytes.toString();
    });
    await eventually(async () => expect(heard).toContain("before"));
    const before = await id("api-1");
    await print("api-1", `${mark} last words`);
    // Made anew, as `compose up` does it: another container of the same service.
    await at().docker(
      "compose",
      ...(await composeWords(before)),
      "up",
      "-d",
      "--no-deps",
      "--no-build",
      "--force-recreate",
      "api-1",
    );
    expect(await id("api-1")).not.toBe(before);
    await print("api-1", `${mark} after`);
    await at().docker("restart", "--time", "5", await id("api-1"));
    await print("api-1", `${mark} again`);
    await eventually(async () => expect(heard).toContain("again"));
    following.kill("SIGINT");
    expect((await following).exitCode).toBe(0);
    const lines = heard
      .trim()
      .split("\n")
      .map((line) => line.slice(line.indexOf(mark) + mark.length + 1));
    expect(lines).toEqual(["before", "last words", "after", "again"]);
    await eventually(
      async () => expect((await run("ps", ["--json"])).stdout).not.toMatch(/"well": false/),
      60,
    );
  });

  async function composeWords(container: string): Promise<string[]> {
    const label = (name: string) =>
      at().docker("inspect", "--format", `{{index .Config.Labels "com.docker.compose.${name}"}}`, container);
    const folder = (await label("project.working_dir")).trim();
    return ["-p", at().project, "--project-directory", folder, "-f", `${folder}/compose.yaml`];
  }

  it("exec: arguments as they are, the exit code of the command, a terminal where there is one", async () => {
    expect(await run("exec", ["api", "sh", "-c", "hostname; exit 5"])).toMatchObject({
      exitCode: 5,
      stdout: "api-1",
    });
    const hostile = "a b'c\"d$(id)`id`;*\\ -x";
    expect((await run("exec", ["api-2", "printf", "%s", hostile])).stdout).toBe(hostile);
    expect((await run("exec", ["api-2", "cat"], "piped in")).stdout).toBe("piped in");
    expect(
      (await at().cli.inTerminal("exec", ["api-1", "sh", "-c", "test -t 0 && test -t 1 && echo terminal"]))
        .stdout,
    ).toContain("terminal");
    expect(await run("exec", ["apii", "ls"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("did you mean api?"),
    });
  });

  it("run: the release's image with its secrets, under a name of its own, gone afterwards", async () => {
    const script = "cat /etc/hostname; echo $SERVER_NAME; test -s /run/secrets/DATABASE_URL && exit 4";
    expect(await run("run", ["sh", "-c", script])).toMatchObject({
      exitCode: 4,
      stdout: "plimsoll-run\nrun",
    });
    const oneOffs = () =>
      at().docker(
        "ps",
        "-aq",
        "--filter",
        `label=com.docker.compose.project=${at().project}`,
        "--filter",
        "label=com.docker.compose.oneoff=True",
      );
    await eventually(async () => expect(await oneOffs()).toBe(""));
    expect((await run("run", ["cat"], "piped in")).stdout).toBe("piped in");
    // Nobody takes it for a server: a container with a server's host name would get requests.
    const going = at().cli.begin("run", ["sleep", "6"]);
    await eventually(async () => expect(await oneOffs()).not.toBe(""));
    const names = await at().docker(
      "inspect",
      "--format",
      "{{range .NetworkSettings.Networks}}{{.DNSNames}}{{end}}",
      (await oneOffs()).trim(),
    );
    expect(names).not.toMatch(/\b(?<!run-)api-\d/);
    going.kill("SIGKILL");
    await going;
    await eventually(async () => expect(await oneOffs()).toBe(""));
  });

  it("psql: on the writer as the application, reads on the replica only where asked, and the password in no process", async () => {
    const ask = "select current_user, pg_is_in_recovery()";
    expect(await run("psql", ["--", "-Atc", ask])).toMatchObject({ exitCode: 0, stdout: "app|f" });
    expect(await run("psql", ["--read", "--", "-Atc", ask])).toMatchObject({ exitCode: 0, stdout: "app|t" });
    expect(await run("psql", ["--read", "--", "-c", "create table t ()"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("read-only"),
    });
    expect((await run("psql", [], "select 6 * 7;\n")).stdout).toContain("42");
    const password = await at().secret("postgres_app_password");
    const sleeping = run("psql", ["--", "-c", "select pg_sleep(4)"]);
    let seen = "";
    await eventually(async () => {
      seen = await allCommandLines();
      expect(seen).toContain("pg_sleep");
    });
    expect(seen).not.toContain(password);
    expect((await sleeping).exitCode).toBe(0);
    expect(await at().docker("exec", await id("postgres-1"), "sh", "-c", "ls /tmp")).not.toContain(
      "plimsoll-psql",
    );
  });

  it("redis: as its operator, on the one that was asked for", async () => {
    expect(await run("redis", ["--", "acl", "whoami"])).toMatchObject({ exitCode: 0, stdout: "operator" });
    expect((await run("redis", ["cache", "--", "config", "get", "maxmemory-policy"])).stdout).toContain(
      "allkeys",
    );
    expect((await run("redis", ["sessions", "--", "config", "get", "maxmemory-policy"])).stdout).toContain(
      "noeviction",
    );
    expect((await run("redis", ["cash"])).stderr).toContain("did you mean cache?");
  });

  it("maintenance: every request is answered 503 until it is off", async () => {
    expect(await at().ask("/health")).toBe(200);
    expect((await run("maintenance", ["on"])).exitCode).toBe(0);
    expect(await at().ask("/health")).toBe(503);
    expect(JSON.parse((await run("maintenance", ["--json"])).stdout)).toEqual({ maintenance: true });
    expect((await run("maintenance", ["off"])).exitCode).toBe(0);
    expect(await at().ask("/health")).toBe(200);
  });

  it("restart: servers one at a time, the last one with the spare's help, and no request is lost", async () => {
    const statuses = new Map<number, number>();
    let going = true;
    const load = Promise.all(
      [0, 1].map(async () => {
        while (going) {
          const status = await at().ask("/api/v1/whoami");
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          await new Promise((later) => setTimeout(later, 30));
        }
      }),
    );
    const began = await at().docker("inspect", "--format", "{{.State.StartedAt}}", await id("api-1"));
    const all = await run("restart", ["api"]);
    // The only one that takes requests: the spare must stand in for it.
    const control = `curl -fsS -X PATCH --data '{"weights":{"api-2":0}}' http://127.0.0.1:8081/control/api`;
    await at().docker("exec", await id("nginx"), "sh", "-c", control);
    const alone = await run("restart", ["api-1", "--json"]);
    const back = await run("restart", ["api-2"]);
    going = false;
    await load;
    expect(
      [all, alone, back].map(({ exitCode, stderr }) => `${exitCode} ${exitCode === 0 ? "" : stderr}`),
    ).toEqual(["0 ", "0 ", "0 "]);
    expect(JSON.parse(alone.stdout)).toEqual({ restarted: ["api-1"] });
    expect(await at().docker("inspect", "--format", "{{.State.StartedAt}}", await id("api-1"))).not.toBe(
      began,
    );
    expect([...statuses.keys()]).toEqual([200]);
    expect(statuses.get(200)).toBeGreaterThan(50);
    // nginx has had its answers; Docker asks again only after its own interval.
    await eventually(async () => {
      const { rows } = JSON.parse((await run("ps", ["--json"])).stdout) as {
        rows: { service: string; weight?: number; state: string }[];
      };
      expect(
        rows.filter(({ service }) => /^api-/.test(service)).map(({ weight, state }) => [weight, state]),
      ).toEqual([
        [100, "healthy"],
        [100, "healthy"],
        [undefined, "resting"],
      ]);
    });
    expect(await run("restart", ["redis-cache"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("the cache is empty afterwards"),
    });
  });

  it("migrate: in the release's image; down is asked about", async () => {
    expect((await run("migrate", ["status"])).stdout).toContain("0001_users");
    expect(JSON.parse((await run("migrate", ["up", "--json"])).stdout)).toMatchObject({
      action: "up",
      output: ["nothing to do"],
    });
    expect(await run("migrate", ["down"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("--confirm fkod"),
    });
  });

  it("lock: of two at once one gets it; what changes is refused by name, reason and time; only its owner lifts it unasked", async () => {
    const tries = await Promise.all(
      ["ana@x", "bob@y"].map((by) =>
        run("lock", ["--reason", `of ${by}`, "--for", "1h"], undefined, { PLIMSOLL_BY: by }),
      ),
    );
    expect(tries.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1]);
    const owner = tries[0]?.exitCode === 0 ? "ana@x" : "bob@y";
    const other = owner === "ana@x" ? "bob@y" : "ana@x";
    for (const words of [
      ["restart", "api"],
      ["migrate", "up"],
      ["config", "set", "LOG_LEVEL=debug"],
      ["scale", "worker=2"],
    ] as const) {
      const { exitCode, stderr } = await run(words[0], words.slice(1));
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(new RegExp(`locked by ${owner} since 2.* until 2.*: of ${owner}`));
    }
    expect(await run("unlock", [], undefined, { PLIMSOLL_BY: other })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("--force"),
    });
    expect((await run("unlock", [], undefined, { PLIMSOLL_BY: owner })).exitCode).toBe(0);
    expect((await run("unlock")).stderr).toContain("was not locked");
  });

  it("config, scale, secrets: say what is, refuse what cannot be, and show a value only where it is asked for", async () => {
    expect((await run("config", ["get", "LOG_LEVEL"])).stdout).toBe("info");
    expect((await run("scale")).stdout.split("\n")).toEqual(["api=2", "worker=1", "clock=1"]);
    expect(await run("scale", ["wroker=2"])).toMatchObject({ exitCode: 2 });
    const listed = await run("secrets", ["list", "--json"]);
    const value = await at().secret("api_jwt_secret");
    expect(JSON.parse(listed.stdout)).toContainEqual(
      expect.objectContaining({
        name: "api_jwt_secret",
        variable: "JWT_SECRET",
        kind: "random",
        empty: false,
        readers: expect.arrayContaining(["api-1"]),
      }),
    );
    expect(listed.stdout).not.toContain(value);
    expect(await run("secrets", ["show", "JWT_SECRET"])).toMatchObject({ exitCode: 2, stdout: "" });
    expect((await at().cli.inTerminal("secrets", ["show", "JWT_SECRET"])).stdout.trim()).toBe(value);
    expect(await run("secrets", ["rotate", "postgres_app_password"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("the database holds it too"),
    });
  });

  it("a name with shell characters is refused or taken as it is, everywhere, and --help never acts", async () => {
    const trap = join("/tmp", marker());
    const hostile = `$(touch ${trap})`;
    const before = await at().state("audit.log");
    const refused: [string, ...string[]][] = [
      ["exec", hostile, "ls"],
      ["logs", "--service", hostile],
      ["logs", "--since", hostile],
      ["logs", "--grep", `/${hostile}(/`],
      ["redis", hostile],
      ["restart", hostile],
      ["scale", `${hostile}=1`],
      ["scale", `api=${hostile}`],
      ["config", "get", hostile],
      ["config", "set", `${hostile}=1`],
      ["secrets", "show", hostile],
      ["secrets", "set", hostile, "--stdin"],
      ["access", "add", hostile, "--key", hostile],
      ["access", "add", "ana", "--key", hostile],
      ["open", hostile],
      ["maintenance", hostile],
      ["migrate", hostile],
      ["lock", "--reason", "x", "--for", hostile],
      ["audit", "-n", hostile],
    ];
    await each(refused, async (words) => {
      const { exitCode, stderr } = await run(words[0], words.slice(1));
      expect(exitCode, `${words.join(" ")}: ${stderr}`).toBe(2);
    });
    const commands = [
      "ps",
      "logs",
      "exec",
      "run",
      "psql",
      "redis",
      "restart",
      "scale",
      "maintenance",
      "migrate",
      "config",
      "secrets",
      "access",
      "lock",
      "unlock",
      "audit",
      "open",
    ];
    await each(commands, async (command) => {
      // After the environment it is a word for another program, or our help: never a deed.
      const { exitCode } = await run(command, ["--help"]);
      expect([0, 2], command).toContain(exitCode);
    });
    expect(await at().state("audit.log")).toBe(before);
    expect(existsSync(trap)).toBe(false);
    expect(await at().docker("exec", await id("api-1"), "sh", "-c", `ls ${trap} 2>&1 || true`)).toContain(
      "No such file",
    );
  });

  it("audit: who did what, and no value of a secret", async () => {
    const { stdout } = await run("audit", ["--json", "-n", "1000"]);
    const entries = JSON.parse(stdout) as { command: string; outcome: string; what: string }[];
    for (const command of ["run", "restart", "maintenance", "migrate up", "lock", "unlock", "secrets show"]) {
      expect(
        entries.some((entry) => entry.command === command && entry.outcome === "done"),
        command,
      ).toBe(true);
    }
    for (const name of ["api_jwt_secret", "postgres_app_password"])
      expect(stdout).not.toContain(await at().secret(name));
  });
}

/** Of every process that this machine can see, those in containers and in a droplet among them. */
async function allCommandLines(): Promise<string> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return (
    await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")))
  ).join("\n");
}

// The same words without ssh between: what differs there is in the suites of backups and promotions too.
if (LONG) {
  describe.skipIf(!engine)("on this machine", () => {
    let stack: RunningStack;
    beforeAll(async () => {
      stack = await startStack({ name: "operate", overrides: SMALL });
    });
    afterAll(() => stack?.stop());
    everyday(() => ({
      cli: cliOn(main, { flags: ["--stack", stack.stackFolder] }),
      project: stack.project,
      docker: async (...words) => (await promisify(execFile)("docker", words)).stdout.trimEnd(),
      ask: async (path) => (await stack.http(path)).status,
      secret: stack.secret,
      state: (path) => readFile(join(stack.stackFolder, ".plimsoll/local", path), "utf8"),
    }));
  });
}

describe.skipIf(!engine)("on a droplet, over ssh", () => {
  let stack: RunningStack;
  let droplet: Droplet;
  let root: string;
  beforeAll(async () => {
    stack = await startStack({ name: "remote", overrides: SMALL, cold: true });
    droplet = await startDroplet({ name: "operate" });
    const project = await openProject(localHost(), stack.engine, stack.folder);
    await stack.compose("build");
    await droplet.images((await neededImages(project)).map(({ image }) => image));
    root = `/srv/plimsoll/${stack.project}`;
    await droplet.exec(`install -d -o deploy -g deploy ${root}`);
    const files = await execa("tar", ["-C", stack.stackFolder, "-c", "generated", "secrets"], {
      encoding: "buffer",
    });
    await execa("docker", ["exec", "-i", "--user", "deploy", droplet.container, "tar", "-C", root, "-x"], {
      input: files.stdout,
    });
    const up = await droplet.ssh(
      `cd ${root}/generated/local && docker compose up -d --wait --no-build 2>&1 | tail -n 20`,
    );
    if (up.exitCode !== 0) throw new Error(up.stdout);
  });
  afterAll(async () => {
    await droplet?.stop();
    await stack?.stop();
  });
  const cli = () =>
    cliOn(main, {
      flags: ["--stack", stack.stackFolder, "--host", "droplet"],
      environment: { PLIMSOLL_SSH_CONFIG: droplet.sshConfig },
    });

  everyday(() => ({
    cli: cli(),
    project: stack.project,
    docker: async (...words) => {
      const { stdout } = await execa("docker", [
        "exec",
        "--user",
        "deploy",
        droplet.container,
        "docker",
        ...words,
      ]);
      return stdout;
    },
    ask: async (path) => {
      const { stdout } = await droplet.attempt(
        `curl -s -o /dev/null -w '%{http_code}' -H 'Host: ${stack.plan.domain}' http://127.0.0.1:${stack.ports.nginx}${path}`,
      );
      return Number(stdout);
    },
    secret: (name) => droplet.exec(`cat ${root}/secrets/local/${name}`),
    state: (path) => droplet.exec(`cat ${root}/state/${path}`),
  }));

  it("access: a teammate's key opens the host until it is removed, and nobody locks themselves out", async () => {
    const key = join(stack.stackFolder, "ana");
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "ana's laptop", "-f", key]);
    // With that key alone: nothing of the configuration, where the test's own key is.
    const alone = [
      "-F",
      "/dev/null",
      "-i",
      key,
      "-o",
      "IdentitiesOnly=yes",
      "-o",
      "IdentityAgent=none",
      "-o",
      "BatchMode=yes",
    ];
    const known = ["-o", `UserKnownHostsFile=${droplet.knownHosts}`, "-o", "StrictHostKeyChecking=yes"];
    const comesIn = async () =>
      (
        await execa("ssh", [...alone, ...known, `${droplet.user}@${droplet.address}`, "true"], {
          reject: false,
        })
      ).exitCode === 0;
    expect(await comesIn()).toBe(false);
    const added = await cli().run("access", ["add", "ana", "--key", `${key}.pub`]);
    expect(added).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("ana can come in with SHA256:"),
    });
    expect(await comesIn()).toBe(true);
    const listed = JSON.parse((await cli().run("access", ["list", "--json"])).stdout) as {
      name: string | null;
    }[];
    expect(listed.map(({ name }) => name)).toEqual([null, "ana"]);
    expect(await droplet.exec("stat -c '%a %U' /home/deploy/.ssh /home/deploy/.ssh/authorized_keys")).toBe(
      "700 deploy\n600 deploy",
    );
    expect(
      (await cli().run("access", ["add", "me", "--stdin"], await readFile(`${droplet.keyFile}.pub`, "utf8")))
        .exitCode,
    ).toBe(2);
    expect(await cli().run("access", ["remove", "ana"])).toMatchObject({ exitCode: 0 });
    expect(JSON.parse((await cli().run("access", ["list", "--json"])).stdout)).toHaveLength(1);
    expect(await comesIn()).toBe(false);
    expect((await cli().run("audit", ["--json"])).stdout).toContain("key of ana removed");
  });

  it("open: an admin page's port of the host answers here until Ctrl-C", async () => {
    // The stack is small and has none of its own: the front door's port stands for one.
    expect(await cli().run("open", ["grafana"])).toMatchObject({ exitCode: 2 });
    const plan = `${root}/generated/local/plan.json`;
    await droplet.exec(`sed -i 's#"name": "API"#"name": "Grafana"#' ${plan}`);
    const open = cli().begin("open", ["grafana"]);
    let said = "";
    open.stdout?.on("data", (bytes: Buffer) => {
      said += bytes.toString();
    });
    await eventually(async () => expect(said).toMatch(/^http:\/\/127\.0\.0\.1:\d+/));
    const port = Number(/:(\d+)/.exec(said)?.[1]);
    expect((await request(port, "/health", stack.plan.domain)).status).toBe(200);
    open.kill("SIGINT");
    expect((await open).exitCode).toBe(0);
    await expect(request(port, "/health", stack.plan.domain)).rejects.toThrow();
    await droplet.exec(`sed -i 's#"name": "Grafana"#"name": "API"#' ${plan}`);
  });
});
