/** The transport, over a real sshd, through a relay that makes the link slow, cuts it, and counts. */
import { execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Host } from "../../operator/host/host.ts";
import { type SshOptions, sshHost } from "../../operator/host/ssh.ts";
import { formatProblem, Problem } from "../../operator/problem.ts";
import { engineOrSkip } from "./engine.ts";
import { inLong } from "./long.ts";
import { type Relay, startRelay } from "./relay.ts";
import { hostFingerprint, type Sshd, sshdOrSkip, startSshd } from "./sshd.ts";

const there = await sshdOrSkip();
const engine = await engineOrSkip();

describe.skipIf(!there)("over ssh", () => {
  let sshd: Sshd;
  let relay: Relay;
  let folder: string;
  const open: Host[] = [];

  beforeAll(async () => {
    sshd = await startSshd();
    relay = await startRelay({ port: sshd.port });
  });
  afterAll(async () => {
    await relay?.stop();
    await sshd?.remove();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ssh-e2e-"));
    await sshd.configure("");
    await accept();
    relay.delay(0);
    relay.reset();
  });
  afterEach(async () => {
    relay.admit("open");
    relay.freeze(false);
    for (const host of open.splice(0)) await host.close();
    await rm(folder, { recursive: true, force: true });
    // Nothing is left behind, whatever the test did.
    expect(socketFolders()).toEqual([]);
  });

  const where = (user = sshd.user) => `ssh://${user}@127.0.0.1:${relay.port}`;

  async function connect(options: SshOptions = {}, to = where()): Promise<Host> {
    const host = await sshHost(to, { configFile: sshd.config, connectTimeout: 3, ...options });
    open.push(host);
    return host;
  }

  /** The host's key as known. */
  async function accept(): Promise<void> {
    const [type, key] = (await readFile(join(sshd.folder, "host.pub"), "utf8")).split(" ");
    await writeFile(sshd.knownHosts, `[127.0.0.1]:${relay.port} ${type} ${key}\n`);
  }

  async function refusal(options: SshOptions = {}, to?: string): Promise<string> {
    const error = await connect(options, to).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(Problem);
    return formatProblem(error as Problem);
  }

  test("one connection carries everything", async () => {
    const host = await connect();
    expect(host.uid).toBe(process.getuid?.());
    expect(await host.script('echo "$1"; cat; exit 3', ["it's $HOME"], { input: "in" })).toEqual({
      exitCode: 3,
      stdout: "it's $HOME\nin",
      stderr: "",
    });
    const lines: string[] = [];
    const odd = ["a'b", "$(id)", "", "-n", "x\ny"];
    const said = await host.run("printf", ["%s\\n", ...odd], { onLine: (line) => lines.push(line) });
    expect(said.stdout).toBe(odd.join("\n"));
    expect(lines).toEqual(["a'b", "$(id)", "", "-n", "x", "y"]);
    expect(await host.run("pwd", [], { cwd: "/usr", environment: { A: "b" } })).toMatchObject({
      stdout: "/usr",
    });
    expect(await host.run("nonesuch", [])).toMatchObject({ exitCode: 127 });
    expect(await host.run("sh", ["-c", "exit 255"])).toMatchObject({ exitCode: 255 });
    expect(await host.run("sh", ["-c", "kill -9 $$"])).toMatchObject({ exitCode: 137 });
    const many = await Promise.all(Array.from({ length: 20 }, (_, n) => host.run("echo", [String(n)])));
    expect(many.map(({ stdout }) => Number(stdout))).toEqual([...many.keys()]);
    const big = Buffer.alloc(8 * 1024 * 1024, "plimsoll");
    const sum = execFileSync("sha256sum", { input: big, encoding: "utf8" }).slice(0, 64);
    expect((await host.run("sha256sum", [], { input: Readable.from([big]) })).stdout).toContain(sum);
    expect((await host.run("true", [], { input: big })).exitCode).toBe(0);
    await host.write(join(folder, "deep/er/file"), "one\ntwo\n");
    expect(await host.read(join(folder, "deep/er/file"))).toBe("one\ntwo\n");
    expect(await host.read(join(folder, "none"))).toBeUndefined();
    expect([await host.exists(folder), await host.exists(join(folder, "none"))]).toEqual([true, false]);
    expect(await host.free("/")).toBeGreaterThan(0);
    expect(relay.figures().connections).toBe(1);
    await host.close();
    const { sent, received } = host.traffic();
    expect(sent).toBeGreaterThan(8 * 1024 * 1024);
    expect(received).toBeGreaterThan(0);
  });

  test("files come whole or not at all", async () => {
    const host = await connect();
    const local = join(folder, "local");
    await writeFile(local, Buffer.alloc(5_000_000, 1));
    const target = join(folder, "target");
    const { stdout } = await host.send(
      target,
      [
        { path: "secrets/", mode: 0o700 },
        { path: "secrets/key", content: "k", mode: 0o444 },
        { path: "nginx/nginx.conf", content: "new" },
        { path: "big", content: { from: local } },
      ],
      { after: 'echo "$PWD $1"; ls', args: ["it's"] },
    );
    expect(stdout).toBe(`${target} it's\nbig\nnginx\nsecrets`);
    expect((await stat(join(target, "secrets"))).mode & 0o777).toBe(0o700);
    expect((await stat(join(target, "big"))).size).toBe(5_000_000);
    expect(await host.send(target, [], { after: "exit 5" })).toMatchObject({ exitCode: 5 });
    await expect(host.send(target, [{ path: "../x", content: "" }])).rejects.toThrow("cannot be sent");
    await expect(host.send(join(target, "big"), [{ path: "x", content: "" }])).rejects.toThrow(
      "the files cannot be written",
    );
    const gone = [
      { path: "nginx/nginx.conf", content: "newer" },
      { path: "none", content: { from: join(folder, "none") } },
    ];
    await expect(host.send(target, gone)).rejects.toThrow("ENOENT");
    expect(await readFile(join(target, "nginx/nginx.conf"), "utf8")).toBe("new");
    expect((await readdir(target)).sort()).toEqual(["big", "nginx", "secrets"]);
  });

  test("a connection that is cut while files come leaves the folder as it was, and the next one works", async () => {
    relay.delay(20);
    const host = await connect();
    await writeFile(join(folder, "a"), "old");
    const random = execFileSync("head", ["-c", "9000000", "/dev/urandom"], { maxBuffer: 1e8 });
    const before = relay.figures().sent;
    const sending = host.send(folder, [
      { path: "a", content: "new" },
      { path: "b", content: random },
    ]);
    const told = sending.catch((error) => formatProblem(error));
    await until(() => relay.figures().sent > before + 2_000_000);
    relay.cut();
    expect(await told).toContain("was lost\n  What runs there goes on. Run this again");
    await expect(host.run("true", [])).rejects.toThrow("was lost");
    await expect(host.docker("unix:///var/run/docker.sock").ping()).rejects.toThrow("was lost");
    await until(async () => (await readdir(folder)).join() === "a");
    expect(await readFile(join(folder, "a"), "utf8")).toBe("old");
    const again = await connect();
    await again.send(folder, [{ path: "a", content: "new" }]);
    expect(await readFile(join(folder, "a"), "utf8")).toBe("new");
  });

  test("what is started goes on when the connection is cut; a command that waited says that it was lost", async () => {
    const host = await connect();
    const flag = join(folder, "flag");
    const { pid, alive } = await host.start(
      "sh",
      ["-c", `sleep 1; echo done > ${flag}`],
      join(folder, "log/it"),
    );
    expect(pid).toBeGreaterThan(1);
    expect(await alive()).toBe(true);
    const waiting = host.run("sleep", ["30"]).catch((error) => formatProblem(error));
    await new Promise((resolve) => setTimeout(resolve, 200));
    relay.cut();
    expect(await waiting).toContain(`the connection to ${where()} was lost`);
    await until(async () => (await readFile(flag, "utf8").catch(() => "")) === "done\n");
  });

  test("a dead link is noticed", async () => {
    const host = await connect();
    relay.freeze(true);
    await expect(host.run("true", [])).rejects.toThrow("was lost");
  }, 60_000);

  test("a command that is ended ends on the host too, children and all", async () => {
    const host = await connect();
    const mark = `10${process.pid}.5`;
    const running = () => processes().split(`sleep ${mark}`).length - 1;
    const script = `sleep ${mark} & sleep ${mark}; wait`;
    expect((await host.script(script, [], { timeout: 500 })).exitCode).toBe(124);
    await until(() => running() === 0);
    const ending = new AbortController();
    const waiting = host.script(script, [], { signal: ending.signal });
    await until(() => running() > 1);
    ending.abort();
    expect((await waiting).exitCode).not.toBe(0);
    await until(() => running() === 0);
    // What left the group goes on, and holds nobody up.
    expect((await host.script("setsid sleep 3 & wait", [], { timeout: 300 })).exitCode).toBe(124);
    expect(await host.run("echo", ["fine"])).toMatchObject({ stdout: "fine" });
  });

  test.skipIf(!engine)("the host's engine answers dockerode over the same connection", async () => {
    const host = await connect();
    const docker = host.docker("unix:///var/run/docker.sock");
    const [ping, containers] = await Promise.all([docker.ping(), docker.listContainers({ all: true })]);
    expect(String(ping)).toBe("OK");
    expect(Array.isArray(containers)).toBe(true);
    await expect(host.docker("unix:///nonesuch.sock").ping()).rejects.toMatchObject({ code: "ENOENT" });
    await expect(host.docker("tcp://10.1.2.3:2375").ping()).rejects.toThrow("cannot be reached through");
    expect(relay.figures().connections).toBe(1);
  });

  test("a port of the host is a port here", async () => {
    const host = await connect();
    const server = (await import("node:http")).createServer((_, answer) => answer.end("hello"));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as { port: number };
    const tunnel = await host.tunnel(port);
    expect(tunnel.port).not.toBe(port);
    const get = () => fetch(`http://127.0.0.1:${tunnel.port}/`, { headers: { connection: "close" } });
    expect(await (await get()).text()).toBe("hello");
    await expect(host.tunnel(port, port)).rejects.toThrow(`port ${port} of this machine`);
    await tunnel.close();
    await expect(get()).rejects.toThrow();
    server.closeAllConnections();
    server.close();
    expect(relay.figures().connections).toBe(1);
  });

  test("a login shell that talks, and one that is not bash", async () => {
    // sshd sets no environment file aside for us: a forced command stands in for what a shell's start would print.
    const noisy = await startSshd({
      ForceCommand: `echo hello; echo careful >&2; eval "$SSH_ORIGINAL_COMMAND"`,
    });
    try {
      const host = await connect(
        { configFile: noisy.config, fingerprint: await hostFingerprint(noisy) },
        `ssh://127.0.0.1:${noisy.port}`,
      );
      expect(await host.script("echo out; echo err >&2")).toEqual({
        exitCode: 0,
        stdout: "out",
        stderr: "err",
      });
      const none = join(noisy.folder, "sshd_config");
      await host.close();
      await writeFile(
        none,
        (await readFile(none, "utf8")).replace(/^ForceCommand.*$/m, "ForceCommand echo no entry; exit 1"),
      );
      await noisy.stop();
      await noisy.start();
      const said = await refusal({ configFile: noisy.config }, `ssh://127.0.0.1:${noisy.port}`);
      expect(said).toContain("runs no commands: no entry");
    } finally {
      await noisy.remove();
    }
  });

  test("a host that allows two sessions at once", async () => {
    const narrow = await startSshd({ MaxSessions: "2" });
    try {
      const host = await connect(
        { configFile: narrow.config, fingerprint: await hostFingerprint(narrow) },
        `ssh://127.0.0.1:${narrow.port}`,
      );
      const many = await Promise.all([1, 2, 3, 4, 5].map((n) => host.script(`sleep 0.2; echo ${n}`)));
      expect(many.map(({ stdout }) => stdout)).toEqual(["1", "2", "3", "4", "5"]);
      await host.send(join(folder, "target"), [{ path: "a", content: "a" }]);
      expect(await host.read(join(folder, "target/a"))).toBe("a");
    } finally {
      await narrow.remove();
    }
  });

  describe("first contact", () => {
    beforeEach(() => rm(sshd.knownHosts, { force: true }));

    test("nobody to ask: refused, with the line that helps, and nothing is kept", async () => {
      const fingerprint = await hostFingerprint(sshd);
      const said = await refusal();
      expect(said).toContain(`ED25519 ${fingerprint}`);
      expect(said).toContain(`--fingerprint ${fingerprint}`);
      await expect(readFile(sshd.knownHosts)).rejects.toThrow("ENOENT");
    });

    test("asked, a no keeps nothing; a yes is kept, and not asked again", async () => {
      const asked: string[] = [];
      const answer = (yes: boolean) => ({
        trust: async (key: { fingerprint: string }) => asked.push(key.fingerprint) > 0 && yes,
      });
      expect(await refusal(answer(false))).toContain("was not accepted");
      await expect(readFile(sshd.knownHosts)).rejects.toThrow("ENOENT");
      await connect(answer(true));
      expect(await readFile(sshd.knownHosts, "utf8")).toContain(`[127.0.0.1]:${relay.port} ssh-ed25519 `);
      await connect(answer(false));
      expect(asked).toEqual([await hostFingerprint(sshd), await hostFingerprint(sshd)]);
    });

    test("--fingerprint accepts that key and no other", async () => {
      const other = `SHA256:${"A".repeat(43)}`;
      expect(await refusal({ fingerprint: other })).toContain(`expected ${other}`);
      await expect(readFile(sshd.knownHosts)).rejects.toThrow("ENOENT");
      await connect({ fingerprint: await hostFingerprint(sshd) });
      expect(await refusal({ fingerprint: other })).toContain("shows another key than the one expected");
    });

    test("the name that ssh_config gives is the name that is kept", async () => {
      await sshd.configure(
        `Host web\n  HostName 127.0.0.1\n  Port ${relay.port}\n  HostKeyAlias web.example\n`,
      );
      await connect({ fingerprint: await hostFingerprint(sshd) }, "web");
      expect(await readFile(sshd.knownHosts, "utf8")).toMatch(/^web\.example ssh-ed25519 /);
      expect((await (await connect({}, "web")).run("echo", ["in"])).stdout).toBe("in");
    });

    test("no credential is sent before the key is accepted", async () => {
      const before = sshd.log().length;
      await refusal();
      expect(sshd.log().slice(before)).toMatch(/preauth/);
      expect(sshd.log().slice(before)).not.toContain("publickey");
      await connect({ fingerprint: await hostFingerprint(sshd) });
      expect(sshd.log().slice(before)).toContain("Accepted publickey");
    });
  });

  test("a changed key is refused and explained, never accepted", async () => {
    const before = await readFile(sshd.knownHosts, "utf8");
    await sshd.renewKeys();
    const said = await refusal({ trust: async () => true, fingerprint: await hostFingerprint(sshd) });
    expect(said).toContain("is not the one it had before: nothing was sent to it");
    expect(said).toContain(await hostFingerprint(sshd));
    expect(said).toContain(`ssh-keygen -R '[127.0.0.1]:${relay.port}' -f '${sshd.knownHosts}'`);
    expect(await readFile(sshd.knownHosts, "utf8")).toBe(before);
  });

  test("a wrong key and a wrong user are told with the key that was offered", async () => {
    await sshd.configure(`Host *\n  IdentityFile ${join(sshd.folder, "other")}\n  IdentitiesOnly yes\n`);
    await writeFile(
      sshd.config,
      (await readFile(sshd.config, "utf8")).replace(`  IdentityFile ${join(sshd.folder, "key")}\n`, ""),
    );
    const key = await refusal();
    expect(key).toContain(`does not let us in as ${sshd.user}`);
    expect(key).toContain(`offered  ${join(sshd.folder, "other")} (ED25519 SHA256:`);
    await sshd.configure("");
    expect(await refusal({}, where("nobody-here"))).toContain("does not let us in as nobody-here");
  });

  test("nothing listens, no name, no answer, something else answers", async () => {
    const closed = await startRelay({ port: 1 });
    await closed.stop();
    expect(await refusal({}, `ssh://127.0.0.1:${closed.port}`)).toContain(
      `refuses connections on port ${closed.port}`,
    );
    expect(await refusal({}, "nonesuch.invalid")).toContain("there is no host named nonesuch.invalid");
    relay.admit("silent");
    expect(await refusal({ connectTimeout: 2 })).toContain(`does not answer on port ${relay.port}`);
    relay.admit("refused");
    expect(await refusal()).toContain("before a login was possible");
    expect(await refusal({}, "-oProxyCommand=touch /tmp/owned")).toContain("is no host to connect to");
  });

  test("whatever ends the process, the connection ends with it", async () => {
    const ways = [["exit"], ["kill", "SIGKILL"], ["kill", "SIGTERM"], ["kill", "SIGINT"]];
    for (const [how, signal] of ways.slice(0, inLong(4, 2))) {
      const script = `
        import { sshHost } from ${JSON.stringify(resolve("operator/host/ssh.ts"))};
        const host = await sshHost(${JSON.stringify(where())}, { configFile: ${JSON.stringify(sshd.config)} });
        // Waited for: where a process of ours ends at that moment, execa may swallow the signal.
        await host.tunnel(1);
        console.log((await host.run("echo", ["ready"])).stdout);
        if (${JSON.stringify(how)} === "exit") process.exit(0);
        setInterval(() => {}, 1000);`;
      const file = join(folder, "child.mts");
      await writeFile(file, script);
      const child = spawn("node", ["--import", "tsx", file], { stdio: ["ignore", "pipe", "inherit"] });
      const ended = new Promise((done) => child.once("exit", done));
      await new Promise((done) => child.stdout.once("data", done));
      if (signal) child.kill(signal as NodeJS.Signals);
      await ended;
      await until(() => masters() === 0);
      // A folder without its process is taken away by the next one.
      await (await connect()).close();
      expect(socketFolders()).toEqual([]);
    }
  }, 120_000);

  describe("in the user's own terminal", () => {
    /** A program of ours that calls it, and in a terminal of its own where `tty`. */
    function program(call: string, tty: boolean) {
      const file = join(folder, "child.mts");
      const script = `
        import { sshHost } from ${JSON.stringify(resolve("operator/host/ssh.ts"))};
        const host = await sshHost(${JSON.stringify(where())}, { configFile: ${JSON.stringify(sshd.config)} });
        const code = await host.interactive(${call});
        await host.close();
        console.log("ended with " + code);
        process.exit(0);`;
      writeFileSync(file, script);
      const words = ["node", "--import", "tsx", file];
      // A shell between would take the signals that are the program's.
      const [command, ...args] = tty ? ["script", "-qec", `exec ${words.join(" ")}`, "/dev/null"] : words;
      const child = spawn(command as string, args, { stdio: ["pipe", "pipe", "inherit"] });
      let output = "";
      child.stdout.on("data", (bytes: Buffer) => {
        output += bytes.toString().replaceAll("\r", "");
      });
      const ended = new Promise<string>((done) => child.once("close", () => done(output)));
      return { child, ended, says: (text: string) => until(() => output.includes(text)) };
    }
    const quoted = JSON.stringify(`echo "$1" && tty; echo go; read -r line; echo "read $line"; exit 5`);

    test("with a terminal there is one on the host, and a Ctrl-C is the command's", async () => {
      const { child, ended, says } = program(`"bash", ["-c", ${quoted}, "bash", "it's $HOME"]`, true);
      await says("go");
      child.stdin.write("hello\n");
      expect(await ended).toMatch(/^it's \$HOME\n\/dev\/pts\/\d+\ngo\nhello\nread hello\nended with 5\n$/);
      const trap = JSON.stringify("trap 'echo caught; exit 6' INT; echo go; sleep 20 & wait");
      const second = program(`"bash", ["-c", ${trap}]`, true);
      await second.says("go");
      second.child.stdin.write("\u0003");
      expect(await second.ended).toContain("caught\nended with 6");
      const mark = `30${process.pid}.5`;
      const third = program(`"bash", ["-c", "echo go; sleep ${mark}"]`, true);
      await third.says("go");
      const inner = execFileSync("ps", ["-o", "pid=", "--ppid", String(third.child.pid)], {
        encoding: "utf8",
      });
      process.kill(Number(inner), "SIGTERM");
      expect(await third.ended).toContain("ended with 143");
      await until(() => !processes().includes(`\nsleep ${mark}`));
    });

    test("without one, streams go through, and a signal ends the command on the host", async () => {
      const { child, ended, says } = program(`"bash", ["-c", ${quoted}, "bash", "it's"]`, false);
      await says("go");
      child.stdin.end("hello\n");
      expect(await ended).toBe("it's\nnot a tty\ngo\nread hello\nended with 5\n");
      const mark = `20${process.pid}.5`;
      const second = program(`"bash", ["-c", "echo go; sleep ${mark}"]`, false);
      await second.says("go");
      second.child.kill("SIGTERM");
      expect(await second.ended).toContain("ended with 143");
      expect(processes()).not.toContain(`\nsleep ${mark}`);
    });
  });

  test("through a jump host, as ssh_config says", async () => {
    const jump = await startSshd();
    try {
      const key = (await readFile(join(jump.folder, "authorized_keys"), "utf8")).trim();
      expect(key).toContain("ssh-ed25519");
      await sshd.configure(
        [
          `Host jump\n  HostName 127.0.0.1\n  Port ${jump.port}\n  IdentityFile ${join(jump.folder, "key")}`,
          `Host far\n  HostName 127.0.0.1\n  Port ${relay.port}\n  ProxyJump jump`,
        ].join("\n"),
      );
      // The jump host's key is ssh's own affair: unknown, it is refused without a question.
      expect(await refusal({}, "far")).toContain(
        "a host on the way to far is not known yet (ProxyJump): nothing was sent through it\n  Connect to it once by hand, and compare its key: ssh jump",
      );
      const [type, blob] = (await readFile(join(jump.folder, "host.pub"), "utf8")).split(" ");
      await appendFile(sshd.knownHosts, `[127.0.0.1]:${jump.port} ${type} ${blob}\n`);
      const host = await connect({}, "far");
      expect((await host.run("echo", ["through"])).stdout).toBe("through");
      await host.close();
      expect(jump.log()).toContain("Accepted publickey");
      await until(() => masters() === 0);
    } finally {
      await jump.remove();
    }
  });

  describe("a connection that the user's own ssh keeps", () => {
    const control = () => join(folder, "kept");
    // Not waited for in the way that stops this process: the relay is in it.
    const ssh = (...args: string[]) =>
      execa("ssh", ["-F", sshd.config, ...args, "kept"], { stdio: "ignore", reject: false, timeout: 10_000 });
    async function keep(): Promise<void> {
      await sshd.configure(
        `Host kept\n  HostName 127.0.0.1\n  HostKeyAlias [127.0.0.1]:${relay.port}\n  Port ${relay.port}\n  ControlPath ${control()}`,
      );
      expect((await ssh("-fNM")).exitCode).toBe(0);
      relay.reset();
    }
    afterEach(async () => {
      await ssh("-O", "exit");
    });

    test("is used, and left as it was", async () => {
      await keep();
      const host = await connect({}, "kept");
      expect((await host.run("echo", ["over it"])).stdout).toBe("over it");
      if (engine) expect((await host.docker("unix:///var/run/docker.sock").ping()).toString()).toBe("OK");
      const tunnel = await host.tunnel(sshd.port);
      expect(await firstLine(tunnel.port)).toMatch(/^SSH-2/);
      await host.close();
      await expect(firstLine(tunnel.port)).rejects.toThrow("ECONNREFUSED");
      expect(host.traffic().connections).toBe(0);
      expect(relay.figures().connections).toBe(0);
      expect((await ssh("-O", "check")).exitCode).toBe(0);
    });

    test("saves the round trips of connecting", async () => {
      await keep();
      relay.delay(50);
      const { roundTrips } = await relay.measure(async () => {
        const host = await connect({}, "kept");
        await host.script("true");
        await host.close();
      });
      expect(relay.figures().connections).toBe(0);
      // One of our own takes ten for the connection alone.
      expect(roundTrips).toBeLessThanOrEqual(6);
    });

    test("is lost like one of our own, and a socket without its ssh is passed by", async () => {
      await keep();
      const host = await connect({}, "kept");
      relay.cut();
      await expect(host.run("true", [])).rejects.toThrow(/the connection to kept was lost/);
      execFileSync("sh", ["-c", 'until [ ! -e "$1" ]; do sleep 0.1; done', "sh", control()], {
        timeout: 10_000,
      });
      execFileSync("python3", [
        "-c",
        "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])",
        control(),
      ]);
      const own = await connect({}, "kept");
      expect((await own.run("echo", ["own"])).stdout).toBe("own");
      expect(own.traffic().connections).toBe(1);
    });

    test("of another user on that host is passed by, and every one where a fingerprint or a new login is asked for", async () => {
      await keep();
      for (const own of [{ fingerprint: await hostFingerprint(sshd) }, { fresh: true }]) {
        const other = await connect(own, "kept");
        expect(other.traffic().connections).toBe(1);
      }
      expect(await refusal({}, "ssh://nobody@kept")).toContain("nobody");
    });
  });

  test("round trips, on a link of 100 ms", async () => {
    relay.delay(50);
    const pause = () => new Promise((done) => setTimeout(done, 400));
    const rows: [string, number, number][] = [];
    const measure = async <Value>(what: string, action: () => Promise<Value>): Promise<Value> => {
      await pause();
      const { value, milliseconds, roundTrips } = await relay.measure(action);
      rows.push([what, roundTrips, milliseconds]);
      return value;
    };
    const host = await measure("connect", () => connect());
    const target = join(folder, "target");
    await measure("script", () => host.script("true"));
    await measure("run", () => host.run("true", []));
    await measure("send 3 files", () =>
      host.send(
        target,
        ["a", "b", "c/d"].map((path) => ({ path, content: path })),
        { after: "true" },
      ),
    );
    await measure("read", () => host.read(join(target, "a")));
    if (engine) {
      const docker = host.docker("unix:///var/run/docker.sock");
      await measure("engine, first request", () => docker.ping());
      await measure("engine, next request", () => docker.ping());
    }
    await measure("three scripts at once", () => Promise.all([1, 2, 3].map(() => host.script("true"))));
    await measure("close", () => host.close());
    for (const [what, trips, milliseconds] of rows)
      console.error(`${what.padEnd(22)} ${trips} round trips, ${milliseconds} ms`);
    const trips = Object.fromEntries(rows.map(([what, count]) => [what, count]));
    expect(relay.figures().connections).toBe(1);
    for (const what of ["script", "run", "send 3 files", "read"])
      expect(trips[what], what).toBeLessThanOrEqual(2);
    expect(trips.connect).toBeLessThanOrEqual(12);
  });
});

/** What a server says first. */
function firstLine(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("error", reject).once("data", (bytes) => {
      socket.destroy();
      resolve(bytes.toString());
    });
  });
}

/** Sockets of connections of this process that are still there. */
function socketFolders(): string[] {
  return execFileSync("sh", ["-c", `ls -d ${tmpdir()}/plimsoll-[0-9]*-?????? 2>/dev/null || true`], {
    encoding: "utf8",
  })
    .split("\n")
    .filter((path) => path !== "" && path.includes(`plimsoll-${process.pid}-`));
}

function processes(): string {
  return execFileSync("ps", ["ax", "-o", "args"], { encoding: "utf8" });
}

/** Processes that hold a connection to a sshd of the tests. */
function masters(): number {
  return processes()
    .split("\n")
    .filter(
      (line) => line.startsWith("ssh ") && line.includes("ControlMaster=yes") && line.includes("/sshd-"),
    ).length;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("it did not come to that within 20 s");
    await new Promise((done) => setTimeout(done, 50));
  }
}
