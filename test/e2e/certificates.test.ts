/** Certificates for real: the generated stack of `production`, with pebble as the authority. Needs Docker. */
import { Agent, get } from "node:https";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CertifiedStack, DOMAIN, startCertifiedStack } from "./certificates-stack.ts";
import { engineOrSkip } from "./engine.ts";
import { inLong, LONG } from "./long.ts";
import { eventually } from "./wait.ts";

const engine = await engineOrSkip();
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** GET over TLS until told to stop: half over connections that are kept, half over new ones. Then what was lost. */
function load(port: number, width = 8) {
  let going = true;
  let answered = 0;
  const lost: Record<string, number> = {};
  const serials = new Set<string>();
  const kept = new Agent({ keepAlive: true, maxSockets: width / 2, maxCachedSessions: 0 });
  const once = (agent: Agent | false) =>
    new Promise<void>((resolve) => {
      const fail = (what: string) => {
        lost[what] = (lost[what] ?? 0) + 1;
        resolve();
      };
      const request = get(
        {
          host: "127.0.0.1",
          port,
          path: "/",
          servername: DOMAIN,
          headers: { host: DOMAIN },
          agent,
          rejectUnauthorized: false,
        },
        (answer) => {
          const socket = answer.socket as import("node:tls").TLSSocket;
          serials.add(socket.getPeerCertificate().serialNumber);
          answer.resume();
          answer.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
          answer.on("end", () => {
            if (answer.statusCode !== 200) return fail(String(answer.statusCode));
            answered++;
            resolve();
          });
        },
      );
      request.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    });
  const lanes = Promise.all(
    Array.from({ length: width }, async (_, lane) => {
      while (going) {
        await once(lane % 2 === 0 ? kept : false);
        await pause(20);
      }
    }),
  );
  return async () => {
    going = false;
    await lanes;
    kept.destroy();
    return { answered, lost, serials };
  };
}

describe.skipIf(!engine)("certificates", () => {
  let stack: CertifiedStack;
  const own = async (...words: string[]) => (await stack.exec("nginx", ...words)).stdout.trim();
  /** When nginx and its workers were started: a restart or a reload shows. */
  const nginxProcesses = () =>
    own("sh", "-c", "cat /proc/[0-9]*/stat | awk '$2 == \"(nginx)\" { print $1, $22 }' | sort");
  const figure = async (name: string) =>
    Number(new RegExp(`^plimsoll_certificate_${name} (\\S+)`, "m").exec(await stack.metrics())?.[1]);
  /** Nothing half: the pair in use fits, and nothing that was begun lies about. */
  const whole = async () => {
    const live = "/var/lib/certificates/live";
    const key = await own("openssl", "pkey", "-in", `${live}/privkey.pem`, "-pubout");
    expect(key).toContain("BEGIN PUBLIC KEY");
    expect(await own("openssl", "x509", "-in", `${live}/fullchain.pem`, "-noout", "-pubkey")).toBe(key);
  };

  beforeAll(async () => {
    if (!engine) return;
    stack = await startCertifiedStack(engine, `e2e-certs-${process.pid}`);
    await stack.prepare();
  }, 600_000);
  afterAll(() => stack?.stop(), 120_000);

  it("opens the door with a self-signed one while there is no authority", async () => {
    await stack.authority.stop();
    await stack.up();
    const shown = await stack.show();
    expect([shown.issuer, shown.trusted]).toEqual(["plimsoll self-signed", false]);
    await eventually(async () => expect((await stack.status()).failures).toBe(1), 90);
    const status = await stack.status();
    expect(status).toMatchObject({
      found: "self-signed",
      served: true,
      due: "the certificate is self-signed",
    });
    expect(status.reason).toContain("acme.certs.test");
    expect(status.next).toBeGreaterThan(Date.now() / 1000);
    await eventually(async () => expect(await figure("failures")).toBe(1));
    expect(await figure("self_signed")).toBe(1);
    expect(await stack.logs("nginx")).toContain("making a self-signed one");
  });

  it("gets one once there is an authority, and nginx serves it without a reload", async () => {
    await stack.authority.start();
    await stack.pointHere();
    const root = await stack.authority.root();
    const before = await nginxProcesses();
    const stop = load(stack.https);
    const { exitCode, stdout } = await stack.renew();
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringContaining("new certificate for api.certs.test www.certs.test"),
    ]);
    const shown = await stack.show(root);
    expect(shown).toMatchObject({ trusted: true, names: "api.certs.test www.certs.test" });
    await pause(500);
    const { answered, lost, serials } = await stop();
    console.log(
      "the first one, under load:",
      JSON.stringify({ answered, lost, certificates: serials.size }),
      stdout.trim(),
    );
    expect(lost).toEqual({});
    expect(serials.size).toBe(2);
    expect(await nginxProcesses()).toBe(before);
    expect(await stack.status()).toMatchObject({
      found: "issued",
      served: true,
      due: "",
      failures: 0,
      reason: "",
    });
    expect(await figure("self_signed")).toBe(0);
    expect(await figure("not_after_timestamp_seconds")).toBe(shown.ends.getTime() / 1000);
    await whole();
  });

  it("asks for nothing while nothing is due", async () => {
    const before = await stack.show();
    const { exitCode, stdout } = await stack.renew();
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("nothing to do")]);
    expect((await stack.show()).serial).toBe(before.serial);
  });

  it("renews early when the authority wishes it", async () => {
    const before = await stack.show();
    await stack.authority.wishRenewal(
      await own("openssl", "x509", "-in", "/var/lib/certificates/live/fullchain.pem"),
    );
    const { exitCode, stdout } = await stack.renew();
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringContaining("renewed early, as the authority wished"),
    ]);
    expect((await stack.show()).serial).not.toBe(before.serial);
    await whole();
  });

  it("renews five times under load without losing a request", async () => {
    const before = await nginxProcesses();
    const stop = load(stack.https);
    for (let round = 0; round < 5; round++) expect((await stack.renew("--force")).exitCode).toBe(0);
    await pause(500);
    const { answered, lost, serials } = await stop();
    console.log("five renewals under load:", JSON.stringify({ answered, lost, certificates: serials.size }));
    expect(lost).toEqual({});
    expect(serials.size).toBe(6);
    expect(await nginxProcesses()).toBe(before);
    expect((await own("ls", "/var/lib/certificates/versions")).split("\n").length).toBeLessThanOrEqual(3);
    await whole();
  });

  it("keeps the one it has when the authority is down, and says so", async () => {
    const before = await stack.show();
    await stack.authority.stop();
    const { exitCode, stdout } = await stack.renew("--force");
    expect(exitCode).toBe(1);
    expect(stdout).toContain("What is there stays in use");
    expect((await stack.show()).serial).toBe(before.serial);
    expect(await stack.status()).toMatchObject({ found: "issued", failures: 1 });
    expect(await figure("failures")).toBe(1);
    const text = await stack.exec("certificates", "plimsoll-certificates", "status");
    console.log(text.stdout);
    expect(text.stdout).toMatch(/failed +once; next try in \d+ (minutes|seconds)/);
  });

  it("registers anew with an authority that has forgotten its account", async () => {
    // A pebble that starts knows nobody.
    await stack.authority.start();
    const { exitCode, stdout } = await stack.renew("--force");
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("does not know our account")]);
    expect((await stack.show(await stack.authority.root())).trusted).toBe(true);
    expect(await stack.status()).toMatchObject({ failures: 0, served: true });
  });

  it("keeps the one it has when the challenge is refused, in the authority's own words", async () => {
    const before = await stack.show();
    await stack.authority.pointTo(DOMAIN, stack.authority.names);
    const { exitCode, stdout } = await stack.renew("--force");
    console.log(stdout);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/api\.certs\.test.*connection refused/i);
    expect((await stack.show()).serial).toBe(before.serial);
    expect((await stack.status()).reason).toMatch(/connection refused/i);
    await stack.pointHere();
    expect((await stack.renew("--force")).exitCode).toBe(0);
  });

  it("leaves nothing half when it is killed at any moment", async () => {
    const root = await stack.authority.root();
    for (let round = 0; round < inLong(8, 3); round++) {
      const renewal = stack.renew("--force");
      await pause(200 + round * inLong(250, 700));
      await stack.run("kill", "--signal", "KILL", "certificates");
      await renewal;
      await whole();
      expect((await stack.show(root)).trusted).toBe(true);
      await stack.run("up", "--detach", "--no-build", "certificates");
    }
    await eventually(async () => expect((await stack.renew("--force")).exitCode).toBe(0));
    const left = await own(
      "find",
      "/var/lib/certificates",
      "-name",
      ".*",
      "-o",
      "-path",
      "*/acme-challenge/*",
    );
    expect(left.split("\n").filter((path) => !/well-known$/.test(path) && path !== "")).toEqual([]);
    await whole();
  });

  it("asks for another when the names change", async () => {
    await stack.change({}, {}, ["www.certs.test", "api2.certs.test"]);
    await stack.exec("nginx", "nginx", "-c", "/etc/nginx/plimsoll/nginx.conf", "-s", "reload");
    await stack.pointHere();
    await eventually(async () => {
      const { names } = await stack.show(undefined, "api2.certs.test");
      expect(names).toBe("api.certs.test api2.certs.test www.certs.test");
    }, 150);
    expect(await stack.status()).toMatchObject({ due: "", served: true });
  });

  it(`renews by itself what lives for seconds${inLong(", until there were too many", "")}`, async () => {
    await stack.change({ profile: "brief" }, {}, ["www.certs.test", "api2.certs.test"]);
    await stack.pointHere();
    await stack.exec("nginx", "rm", "/var/lib/certificates/state/issued");
    expect((await stack.renew("--force")).exitCode).toBe(0);
    const stop = load(stack.https);
    const first = (await stack.show()).serial;
    await eventually(async () => {
      if (LONG) expect((await stack.status()).reason).toMatch(/4 certificates .* within 7 days/);
      else expect((await stack.show()).serial).not.toBe(first);
    }, 200);
    const { answered, lost, serials } = await stop();
    console.log(
      "renewed by itself under load:",
      JSON.stringify({ answered, lost, certificates: serials.size }),
    );
    expect(lost).toEqual({});
    expect(serials.size).toBe(inLong(4, 2));
  });

  it("asks at once when it starts and finds one that has ended", async () => {
    await stack.run("stop", "certificates");
    await stack.exec(
      "nginx",
      "rm",
      "/var/lib/certificates/state/issued",
      "/var/lib/certificates/state/attempts",
    );
    await eventually(async () => expect((await stack.show()).ends.getTime()).toBeLessThan(Date.now()), 90);
    const root = await stack.authority.root();
    await stack.run("start", "certificates");
    await eventually(async () => expect((await stack.show(root)).ends.getTime()).toBeGreaterThan(Date.now()));
  });

  it("gets a wildcard by a record at DigitalOcean, and takes the record away", async () => {
    await stack.authority.pointTo("digitalocean.certs.test", stack.authority.names);
    const words = { challenge: "dns", names: ["*.certs.test", "certs.test"] };
    await stack.change(words, { dns: [stack.authority.names] });
    await eventually(async () => {
      const { names, trusted } = await stack.show(await stack.authority.root());
      expect([names, trusted]).toEqual(["*.certs.test certs.test", true]);
    }, 120);
    const calls = await stack.authority.calls();
    console.log("at DigitalOcean:", JSON.stringify(calls));
    expect(calls.filter((call) => call.startsWith("POST /v2/domains/certs.test/records"))).toHaveLength(2);
    expect(calls.filter((call) => call.startsWith("DELETE /v2/domains/certs.test/records/"))).toHaveLength(2);
    expect(await stack.authority.records()).toEqual([]);
  });

  it("says what DigitalOcean says of a wrong token, and never the token", async () => {
    const words = { challenge: "dns", names: ["*.certs.test"] };
    await stack.supply("certificates_digitalocean_token", "dop_v1_wrong");
    await stack.change(words, { dns: [stack.authority.names] });
    await stack.run("up", "--detach", "--force-recreate", "--no-build", "certificates");
    await eventually(
      async () => expect((await stack.status()).reason).toContain("Unable to authenticate you"),
      60,
    );
    const said = `${await stack.logs()}${JSON.stringify(await stack.status())}${await stack.metrics()}`;
    expect(said).not.toContain("dop_v1");
    expect((await stack.show(await stack.authority.root())).trusted).toBe(true);
  });

  it("fits its memory, and writes nothing that the backup cannot read", async () => {
    const { stdout } = await stack.exec(
      "certificates",
      "sh",
      "-c",
      "cat /sys/fs/cgroup/memory/memory.max_usage_in_bytes /sys/fs/cgroup/memory/memory.usage_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.peak /sys/fs/cgroup/memory.current",
    );
    console.log(
      "memory of the sidecar, most and now, in MB:",
      stdout
        .trim()
        .split("\n")
        .map((bytes) => Math.round(Number(bytes) / 1e6)),
    );
    // A member of group 101 and nobody else, as the backup's user is.
    const unreadable =
      "find /var/lib/certificates ! -perm -g+r -o ! -group 101 -o -perm /o+rwx -path '*/account/*'";
    expect(await own("sh", "-c", unreadable)).toBe("");
  });
});
