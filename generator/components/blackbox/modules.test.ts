/** The modules by a real blackbox_exporter: which certificates and which redirects it takes. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createSecure } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { produce } from "../../index.ts";
import { shortest, sourceOf } from "../../testing/source.ts";
import { findImage } from "../../testing/tools.ts";
import { blackboxImage } from "../blackbox.ts";

const DOMAIN = "api.example.com";
const image = findImage(blackboxImage);

describe.skipIf(!image)("the modules", () => {
  const folder = mkdtempSync(join(tmpdir(), "plimsoll-blackbox-"));
  const servers: Server[] = [];
  const name = `plimsoll-blackbox-${process.pid}`;
  let exporter = 0;

  /** Key and certificate for a name, by the authority that the exporter trusts or by itself. */
  function pair(host: string, trusted: boolean) {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    openssl(
      "-subj",
      `/CN=${host}`,
      "-addext",
      `subjectAltName=DNS:${host}`,
      "-keyout",
      key,
      "-out",
      cert,
      ...(trusted ? ["-CA", join(folder, "ca.pem"), "-CAkey", join(folder, "ca.key")] : []),
    );
    return { key: readFileSync(key), cert: readFileSync(cert) };
  }
  function openssl(...words: string[]) {
    const kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    execFileSync("openssl", [...kind.split(" "), ...words], { stdio: "ignore" });
  }
  async function listening(server: Server): Promise<number> {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  }
  const secure = (host: string, trusted: boolean, status = 200) =>
    listening(createSecure(pair(host, trusted), (_, answer) => answer.writeHead(status).end()));

  async function success(module: string, target: string): Promise<number> {
    const words = new URLSearchParams({ module, target });
    const answer = await fetch(`http://127.0.0.1:${exporter}/probe?${words}`);
    return Number(/^probe_success (\d)$/m.exec(await answer.text())?.[1]);
  }

  beforeAll(async () => {
    openssl("-subj", "/CN=authority", "-keyout", join(folder, "ca.key"), "-out", join(folder, "ca.pem"));
    const modulesOf = (words: string) => {
      const { files } = produce(sourceOf(`${shortest}${words}`), "production");
      return parse(files.find(({ path }) => path === "blackbox-exporter/blackbox.yaml")?.text ?? "").modules;
    };
    const staging = modulesOf("certificates: { server: staging }\n").public;
    writeFileSync(join(folder, "blackbox.yaml"), JSON.stringify({ modules: { ...modulesOf(""), staging } }));
    chmodSync(folder, 0o755);
    const free = createServer();
    exporter = await listening(free);
    await new Promise((resolve) => free.close(resolve));
    execFileSync("docker", [
      ...[
        "run",
        "--detach",
        "--rm",
        "--name",
        name,
        "--network",
        "host",
        "--add-host",
        `${DOMAIN}:127.0.0.1`,
      ],
      ...["--env", "SSL_CERT_FILE=/check/ca.pem", "--volume", `${folder}:/check:ro`, image as string],
      ...["--config.file=/check/blackbox.yaml", `--web.listen-address=127.0.0.1:${exporter}`],
    ]);
    for (let tries = 0; tries < 100; tries++) {
      if (await fetch(`http://127.0.0.1:${exporter}/-/healthy`).catch(() => undefined)) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("blackbox_exporter does not answer");
  }, 60_000);
  afterAll(() => {
    execFileSync("docker", ["rm", "--force", name], { stdio: "ignore" });
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("public: takes a certificate for the name by an authority that is known, and no other", async () => {
    const at = (port: number) => `https://${DOMAIN}:${port}/health`;
    expect(await success("public", at(await secure(DOMAIN, true)))).toBe(1);
    expect(await success("public", at(await secure(DOMAIN, false)))).toBe(0);
    expect(await success("public", at(await secure("www.example.com", true)))).toBe(0);
    expect(await success("public", at(await secure(DOMAIN, true, 503)))).toBe(0);
    expect(await success("public", at(await secure(DOMAIN, true, 302)))).toBe(0);
  });

  it("public: fails where the name leads nowhere, and without TLS", async () => {
    expect(await success("public", "https://nowhere.invalid/health")).toBe(0);
    const plain = await listening(createServer((_, answer) => answer.end()));
    expect(await success("public", `http://${DOMAIN}:${plain}/health`)).toBe(0);
  });

  it("public, of certificates from staging: takes any, but not without TLS or where the name leads nowhere", async () => {
    const at = (port: number) => `https://${DOMAIN}:${port}/health`;
    expect(await success("staging", at(await secure(DOMAIN, false)))).toBe(1);
    expect(await success("staging", at(await secure(DOMAIN, false, 503)))).toBe(0);
    expect(await success("staging", "https://nowhere.invalid/health")).toBe(0);
    const plain = await listening(createServer((_, answer) => answer.end()));
    expect(await success("staging", `http://${DOMAIN}:${plain}/health`)).toBe(0);
  });

  it("inside: takes any certificate, and asks by the public name", async () => {
    const heard: (string | undefined)[] = [];
    const port = await listening(
      createSecure(pair(DOMAIN, false), (request, answer) => {
        heard.push(request.headers.host);
        answer.end();
      }),
    );
    expect(await success("inside", `https://127.0.0.1:${port}/health`)).toBe(1);
    expect(heard).toEqual([DOMAIN]);
  });

  it.each([
    [308, "https://api.example.com/", 1],
    [301, "https://api.example.com/", 1],
    [302, "https://api.example.com/", 0],
    [308, "http://www.example.com/", 0],
    [301, undefined, 0],
    [200, undefined, 0],
  ])("redirect: %d with Location %s is %d", async (status, location, expected) => {
    const port = await listening(
      createServer((_, answer) => answer.writeHead(status, { ...(location && { location }) }).end()),
    );
    expect(await success("redirect", `http://${DOMAIN}:${port}/`)).toBe(expected);
  });
});
