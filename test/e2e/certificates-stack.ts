/** A small stack as production has it, for tests of certificates: nginx, one server, the sidecar, node-exporter. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { stringify } from "yaml";
import { generate } from "../../generator/index.ts";
import type { Engine } from "../../operator/engine/find.ts";
import { localHost } from "../../operator/host/local.ts";
import { takeDown } from "../../operator/up/down.ts";
import { getImages, neededImages } from "../../operator/up/images.ts";
import { plainProgress } from "../../operator/up/progress.ts";
import { compose, openProject, type Project } from "../../operator/up/project.ts";
import { bringUp } from "../../operator/up/up.ts";
import { type Authority, authorityFiles, DIRECTORY, startAuthority, TOKEN } from "./acme.ts";
import { freePorts } from "./engine-words.ts";

export const DOMAIN = "api.certs.test";

export type Shown = { serial: string; issuer: string; names: string; ends: Date; trusted: boolean };

/** What `plimsoll-certificates status --json` says. */
export type Status = {
  found: string;
  names: string;
  wanted: string;
  server: string;
  notBefore: number;
  notAfter: number;
  served: boolean;
  due: string;
  failures: number;
  next: number;
  lastSuccess: number;
  reason: string;
};

export type CertifiedStack = Awaited<ReturnType<typeof startCertifiedStack>>;

export async function startCertifiedStack(engine: Engine, id: string) {
  const host = localHost();
  const stackFolder = mkdtempSync(join(tmpdir(), `${id}-`));
  const acme = await authorityFiles();
  const [http, https] = (await freePorts(2)) as [number, number];
  mkdirSync(join(stackFolder, "api"));
  mkdirSync(join(stackFolder, "secrets/production"), { recursive: true, mode: 0o700 });
  writeFileSync(join(stackFolder, "secrets/production/certificates_digitalocean_token"), `${TOKEN}\n`);
  cpSync(join(import.meta.dirname, "nginx-server.mjs"), join(stackFolder, "api/server.mjs"));
  const dockerfile =
    'FROM plimsoll-test/acme\nCOPY server.mjs /server.mjs\nCMD ["node", "/server.mjs", "api-1", "5000"]\n';
  writeFileSync(join(stackFolder, "api/Dockerfile"), dockerfile);

  let words: Record<string, unknown> = {};
  let over: Record<string, unknown> = {};
  let hostNames = ["www.certs.test"];
  /** Writes stack.yaml and generates. */
  const write = async (): Promise<Project> => {
    const stack = {
      name: "certs",
      project: id,
      domain: DOMAIN,
      machine: "s-1vcpu-1gb",
      images: "debian",
      api: { build: { context: "./api", debian: "Dockerfile" }, servers: 1 },
      postgres: false,
      redis: false,
      backup: false,
      logging: false,
      monitoring: { prometheus: false, alertmanager: false, blackbox: false, grafana: false },
      nginx: { bind: "127.0.0.1", http, https, names: hostNames, rate: false, connections: 65_535 },
      // pebble takes any of its profiles where none is asked for.
      certificates: { server: DIRECTORY, profile: "default", ...words },
    };
    const service = {
      environment: { LEGO_CA_CERTIFICATES: "/trust/acme.pem", DO_API_URL: "http://digitalocean.certs.test" },
      volumes: [`${acme.folder}/trust:/trust:ro`],
      ...over,
    };
    writeFileSync(join(stackFolder, "stack.yaml"), stringify(stack));
    writeFileSync(join(stackFolder, "overrides.yaml"), stringify({ services: { certificates: service } }));
    const { folder } = await generate({ stackFolder, environment: "production" });
    return openProject(host, engine, folder);
  };
  const project = await write();
  const run = (...args: string[]) => compose(project, args);
  let authority: Authority | undefined;

  const stack = {
    http,
    https,
    project,
    run,
    get authority() {
      if (!authority) throw new Error("no authority yet");
      return authority;
    },
    /** The containers and networks, and the authority on one of them; nothing runs yet. */
    async prepare() {
      const progress = plainProgress(() => undefined);
      await getImages(project, await neededImages(project), { progress });
      const { exitCode, stderr } = await run("up", "--no-start", "--no-build");
      if (exitCode !== 0) throw new Error(stderr);
      authority = await startAuthority(id, `${id}_edge`, acme.folder);
    },
    async up() {
      await bringUp(project, { progress: plainProgress(() => undefined), timeout: 120, takeDown: "stop()" });
    },
    /** Other words under `certificates`, and another overrides.yaml: generated, and up. */
    async change(
      certificates: Record<string, unknown>,
      service: Record<string, unknown> = {},
      names: string[] = ["www.certs.test"],
    ) {
      words = certificates;
      over = service;
      hostNames = names;
      Object.assign(project, await write());
      await stack.up();
    },
    async exec(service: string, ...command: string[]) {
      return run("exec", "-T", service, ...command);
    },
    async status(): Promise<Status> {
      const { stdout, stderr } = await stack.exec(
        "certificates",
        "plimsoll-certificates",
        "status",
        "--json",
      );
      try {
        return JSON.parse(stdout) as Status;
      } catch {
        throw new Error(`no status: ${stdout}${stderr}`);
      }
    },
    supply: (secret: string, value: string) =>
      writeFileSync(join(stackFolder, "secrets/production", secret), `${value}\n`),
    renew: (...words: string[]) => stack.exec("certificates", "plimsoll-certificates", "renew", ...words),
    async address(service: string) {
      const { stdout } = await run("ps", "-q", service);
      const { NetworkSettings } = await engine.docker.getContainer(stdout.trim()).inspect();
      return NetworkSettings.Networks[`${id}_edge`]?.IPAddress as string;
    },
    /** Names lead to nginx. */
    async pointHere() {
      for (const name of [DOMAIN, ...hostNames])
        await stack.authority.pointTo(name, await stack.address("nginx"));
    },
    logs: async (service = "certificates") => (await run("logs", "--no-log-prefix", service)).stdout,
    /** What a new connection is shown; trusted, if by this root. */
    show: (root?: string, servername = DOMAIN): Promise<Shown> => shown(https, servername, root),
    metrics: async () =>
      (await stack.exec("node-exporter", "wget", "-qO-", "http://127.0.0.1:9100/metrics")).stdout,
    async stop() {
      if (process.env.PLIMSOLL_E2E_KEEP) return console.error(`kept: ${id} (${stackFolder})`);
      await authority?.remove();
      await takeDown(host, engine, id, { volumes: true, say: () => undefined });
      const { stdout } = await host.run("docker", ["image", "ls", "-q", `${id}*`]);
      for (const image of stdout.split("\n").filter(Boolean))
        await host.run("docker", ["image", "rm", image]);
      acme.remove();
      rmSync(stackFolder, { recursive: true, force: true });
    },
  };
  return stack;
}

function shown(port: number, servername: string, root?: string): Promise<Shown> {
  return new Promise((resolve, reject) => {
    const options = {
      host: "127.0.0.1",
      port,
      servername,
      rejectUnauthorized: false,
      ...(root && { ca: root }),
    };
    const socket: TLSSocket = connect(options, () => {
      const { serialNumber, issuer, subjectaltname, valid_to } = socket.getPeerCertificate();
      const trusted = socket.authorized;
      socket.destroy();
      resolve({
        serial: serialNumber,
        issuer: String(issuer.CN),
        names: (subjectaltname ?? "").replaceAll("DNS:", "").split(", ").sort().join(" "),
        ends: new Date(valid_to),
        trusted,
      });
    });
    socket.on("error", reject);
  });
}
