/** A load on a host that is reached over ssh: where its edge is found, and what is left on it. */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PlanJson } from "../../generator/render/plan-json.ts";
import type { Host } from "../../operator/host/host.ts";
import { sshHost } from "../../operator/host/ssh.ts";
import { load } from "../../operator/load/load.ts";
import type { Target } from "../../operator/load/target.ts";
import type { Running } from "../../operator/operate/running.ts";
import type { Site } from "../../operator/site/site.ts";
import { type Sshd, sshdOrSkip, startSshd } from "./sshd.ts";

const there = await sshdOrSkip();

describe.skipIf(!there)("a load over ssh", () => {
  const before = process.env.PLIMSOLL_SSH_CONFIG;
  let sshd: Sshd;
  let folder: string;
  let edge: https.Server;
  let host: Host;
  let plan: PlanJson;
  const names = new Set<string>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "load-e2e-"));
    plan = JSON.parse(await readFile("stacks/fkod/generated/production/plan.json", "utf8")) as PlanJson;
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${plan.domain}`;
    execFileSync("openssl", [...words.split(" "), "-keyout", key, "-out", cert], { stdio: "ignore" });
    const pair = { key: await readFile(key), cert: await readFile(cert) };
    edge = https.createServer(pair, (request, response) => {
      names.add(
        `${(request.socket as unknown as { servername: string }).servername} ${request.headers.host}`,
      );
      response.end("ok");
    });
    await new Promise<void>((resolve) => edge.listen(0, "127.0.0.1", resolve));
    sshd = await startSshd();
    // A name that only ssh_config knows.
    await sshd.configure(`Host edge-box\n  HostName 127.0.0.1\n  Port ${sshd.port}`);
    const [type, hostKey] = (await readFile(join(sshd.folder, "host.pub"), "utf8")).split(" ");
    await writeFile(sshd.knownHosts, `[127.0.0.1]:${sshd.port} ${type} ${hostKey}\n`);
    process.env.PLIMSOLL_SSH_CONFIG = sshd.config;
    host = await sshHost("edge-box");
  });
  afterAll(async () => {
    if (before === undefined) delete process.env.PLIMSOLL_SSH_CONFIG;
    else process.env.PLIMSOLL_SSH_CONFIG = before;
    await host?.close();
    edge?.closeAllConnections();
    edge?.close();
    await sshd?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  async function loadAt(bind: string, state: string) {
    await mkdir(state, { recursive: true });
    await writeFile(join(state, "current"), "v7\n");
    const { port } = edge.address() as AddressInfo;
    const services = { nginx: { ports: [{ host_ip: bind, published: port, target: 8443 }] } };
    // Of what is measured here this machine's other work is a part.
    const project = { plan: { ...plan, services, objectives: { ...plan.objectives, p95: 60 } } };
    const site = { host, environment: "production", state } as unknown as Site;
    const running = { site, project, containers: [] } as unknown as Running;
    let target: Target | undefined;
    const shape = { rate: 40, seconds: 1, warmUp: 0, connections: 20, patience: 20 };
    const found = await load(running, undefined, shape, { onTarget: (where) => (target = where) });
    return { found, target, port };
  }

  test.each([
    ["everywhere", "0.0.0.0"],
    ["on the host alone", "127.0.0.1"],
  ])("an edge that is published %s", async (name, bind) => {
    const state = join(folder, `state of ${name}`);
    const { found, target, port } = await loadAt(bind, state);
    expect(target?.address).toBe("127.0.0.1");
    // Through the SSH connection it is another port.
    expect(target?.port === port).toBe(bind === "0.0.0.0");
    expect(found.report).toMatchObject({ release: "v7", requests: 40, errors: 0, limited: 0 });
    expect(found.notes.join("\n")).toContain("SELF_SIGNED_CERT");
    expect(found.notes.some((note) => note.includes("SSH connection"))).toBe(bind !== "0.0.0.0");
    expect([...names]).toEqual([`${plan.domain} ${plan.domain}`]);

    const checks = join(state, "checks");
    expect(await readdir(checks)).toEqual(["load.json"]);
    expect(JSON.parse(await readFile(join(checks, "load.json"), "utf8"))).toEqual(found.report);
    expect((await stat(join(checks, "load.json"))).mode & 0o777).toBe(0o600);
  });

  test("a state that cannot be written is said", async () => {
    const state = join(folder, "closed");
    await mkdir(state);
    await writeFile(join(state, "checks"), "a file where a folder is due");
    await expect(loadAt("0.0.0.0", state)).rejects.toThrow("load.json cannot be written on edge-box");
  });
});
