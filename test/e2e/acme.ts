/** A certificate authority for tests: pebble, Let's Encrypt's own for that, with name servers of the test's own. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

/** What is built once and kept: pebble and Node from Debian. */
const IMAGE = "plimsoll-test/acme";
export const HOST = "acme.certs.test";
export const DIRECTORY = `https://${HOST}:14000/dir`;
export const TOKEN = "dop_v1_0123456789abcdef";

export type Authority = Awaited<ReturnType<typeof startAuthority>>;

async function docker(...words: string[]): Promise<string> {
  return (await execa("docker", words)).stdout.trim();
}

/** Seconds that a certificate of each profile lives. */
const PROFILES = { default: 7_776_000, shortlived: 518_400, brief: 40 };

/** Files that both sides need: pebble's own certificate, for itself and for those who must trust it. */
export async function authorityFiles(): Promise<{ folder: string; remove(): void }> {
  await execa("docker", ["build", "--quiet", "--tag", IMAGE, "-"], {
    input: `FROM debian:forky-slim
RUN apt-get -o Acquire::Check-Valid-Until=false update && apt-get install --yes --no-install-recommends pebble nodejs openssl && rm -rf /var/lib/apt/lists/*
`,
  });
  const folder = mkdtempSync(join(tmpdir(), "plimsoll-acme-"));
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "trust"));
  const made = await docker(
    ...["run", "--rm", IMAGE, "sh", "-c"],
    `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=acme -addext subjectAltName=DNS:${HOST} -keyout - 2>/dev/null`,
  );
  const [key, certificate] = made.split(/(?=-----BEGIN CERTIFICATE)/) as [string, string];
  writeFileSync(join(folder, "key.pem"), key);
  writeFileSync(join(folder, "trust/acme.pem"), `${certificate}\n`);
  const config = {
    listenAddress: "0.0.0.0:14000",
    managementListenAddress: "0.0.0.0:15000",
    certificate: "/acme/trust/acme.pem",
    privateKey: "/acme/key.pem",
    // Where it looks for challenges: nginx's own port, since it comes from inside and not past the published one.
    httpPort: 8080,
    tlsPort: 8443,
    keyAlgorithm: "ecdsa",
    retryAfter: { authz: 1, order: 1 },
    profiles: Object.fromEntries(
      Object.entries(PROFILES).map(([name, validityPeriod]) => [name, { description: name, validityPeriod }]),
    ),
  };
  writeFileSync(join(folder, "pebble.json"), JSON.stringify({ pebble: config }));
  for (const file of ["key.pem", "trust/acme.pem", "pebble.json"]) chmodSync(join(folder, file), 0o644);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Starts both on a network that nginx and its sidecar are on. `name` begins their containers' names. */
export async function startAuthority(name: string, network: string, folder: string) {
  const pebble = `${name}-pebble`;
  const names = `${name}-names`;
  await docker(
    ...["run", "--detach", "--name", names, "--network", network],
    ...["--volume", `${join(import.meta.dirname, "acme-stub.mjs")}:/stub.mjs:ro`],
    ...[IMAGE, "node", "/stub.mjs", TOKEN],
  );
  const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
  const own = await docker("container", "inspect", "--format", format, names);
  const start = async () => {
    await docker(
      ...["run", "--detach", "--name", pebble, "--network", network, "--network-alias", HOST],
      ...["--volume", `${folder}:/acme:ro`, "--env", "PEBBLE_VA_NOSLEEP=1", "--env", "PEBBLE_AUTHZREUSE=0"],
      // By itself it refuses one good nonce in twenty, and lego gives up after two.
      ...["--env", "PEBBLE_WFE_NONCEREJECT=0"],
      ...[IMAGE, "pebble", "-config", "/acme/pebble.json", "-dnsserver", `${own}:53`],
    );
    await until(async () => (await ask(pebble, "https://127.0.0.1:14000/dir")).includes("newOrder"));
  };
  const stop = async () => {
    await execa("docker", ["rm", "--force", pebble], { reject: false });
  };
  const askNames = (path: string) => ask(names, `http://127.0.0.1${path}`);
  await until(async () => (await askNames("/records")) === "[]");
  await start();
  return {
    names: own,
    /** Where a name leads to. */
    pointTo: (host: string, ip: string) => askNames(`/address?name=${encodeURIComponent(host)}&ip=${ip}`),
    calls: async () => JSON.parse(await askNames("/calls")) as string[],
    records: async () => JSON.parse(await askNames("/records")) as { name: string }[],
    /** PEM of the root that its certificates end at; another after each start. */
    root: () => ask(pebble, "https://127.0.0.1:15000/roots/0"),
    /** Has it answer that this certificate is to be renewed now (RFC 9773). */
    async wishRenewal(certificate: string) {
      const suggestedWindow = { start: "2026-01-01T00:00:00Z", end: "2026-01-02T00:00:00Z" };
      const wish = JSON.stringify({ certificate, ariResponse: JSON.stringify({ suggestedWindow }) });
      await ask(pebble, "https://127.0.0.1:15000/set-renewal-info/", wish);
    },
    start,
    stop,
    async remove() {
      await stop();
      await execa("docker", ["rm", "--force", names], { reject: false });
    },
  };
}

const ASK = `process.env.NODE_TLS_REJECT_UNAUTHORIZED = 0;
const [url, body] = process.argv.slice(1);
fetch(url, body ? { method: "POST", body } : {}).then((answer) => answer.text()).then((text) => process.stdout.write(text));`;

function ask(container: string, url: string, body = ""): Promise<string> {
  return docker("exec", container, "node", "--no-warnings", "-e", ASK, url, body);
}

async function until(ready: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    if (await ready().catch(() => false)) return;
    if (attempt === 100) throw new Error("the test's certificate authority does not start");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
