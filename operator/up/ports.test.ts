import { createServer, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { fakeHost } from "../host/fake.ts";
import { listeningInodes } from "./listener.ts";
import { isTaken, requirePorts, wordFor } from "./ports.ts";
import type { Project } from "./project.ts";

let server: Server | undefined;
afterEach(() => void server?.close());

async function listen(host: string): Promise<number> {
  server = createServer();
  await new Promise<void>((done) => server?.listen(0, host, done));
  return (server.address() as { port: number }).port;
}

function project(port: number, containers: object[] = []): Project {
  const plan = { services: { nginx: { ports: [{ host_ip: "127.0.0.1", published: port, target: 8080 }] } } };
  const docker = { listContainers: async () => containers };
  const engine = { endpoint: "unix:///var/run/docker.sock", docker };
  return { name: "mine", plan, engine, host: fakeHost(() => undefined) } as unknown as Project;
}

const publisher = (port: number, owner: string) => ({
  Names: ["/other-nginx-1"],
  Labels: { "com.docker.compose.project": owner },
  Ports: [{ IP: "0.0.0.0", PublicPort: port, PrivatePort: 80, Type: "tcp" }],
});

test("a port that is free is no fault", async () => {
  const port = await listen("127.0.0.1");
  await new Promise((done) => server?.close(done));
  await expect(requirePorts(project(port))).resolves.toBeUndefined();
});

test("a listener on all addresses takes the port of one", async () => {
  expect(await isTaken({ host: "127.0.0.1", port: await listen("0.0.0.0") })).toBe(true);
});

test("the fault names the port, the service and the word that changes it", async () => {
  const port = await listen("127.0.0.1");
  await expect(requirePorts(project(port))).rejects.toMatchObject({
    message: expect.stringContaining(`port ${port}, which nginx publishes, is used by`),
    remedy: expect.stringContaining("nginx.http:"),
  });
});

test("another project's container is named; the project's own is no fault", async () => {
  await expect(requirePorts(project(1, [publisher(1, "other")]))).rejects.toThrow(
    /other-nginx-1 \(project other\)/,
  );
  await expect(requirePorts(project(1, [publisher(1, "mine")]))).resolves.toBeUndefined();
});

test("the word of TLS is another than that of plain HTTP", () => {
  expect(wordFor({ service: "nginx", target: 8443 })).toBe("nginx.https");
  expect(wordFor({ service: "nginx", target: 8080 })).toBe("nginx.http");
});

test("reads listening sockets from /proc/net/tcp", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1",
    "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1",
    "   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1",
  ].join("\n");
  expect(listeningInodes(table, 8080)).toEqual(["4711"]);
});
