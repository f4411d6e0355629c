import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Docker from "dockerode";
import { afterAll, beforeAll, expect, test } from "vitest";
import { resolveDigests } from "./digests.ts";

const DIGEST = `sha256:${"a1".repeat(32)}`;

/** The engine's endpoint, as far as it is asked. */
const ANSWERS: Record<string, [number, unknown]> = {
  "nginx:1.30.4": [200, { Descriptor: { digest: DIGEST }, Platforms: [] }],
  "prom/prometheus:v3.13.3": [200, { Descriptor: { digest: DIGEST } }],
  "quay.io/some/thing:1": [404, { message: "manifest unknown" }],
  "ghcr.io/mine/secret:1": [403, { message: "denied: requested access to the resource is denied" }],
  "busy:1": [429, { message: "toomanyrequests: You have reached your pull rate limit" }],
  "away:1": [
    500,
    { message: "Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io: no such host" },
  ],
  "odd:1": [200, { Descriptor: { digest: "nonsense" } }],
};

let server: Server;
let docker: Docker;
const asked: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const image = decodeURIComponent(
      /^(?:\/v[\d.]+)?\/distribution\/(.+)\/json$/.exec(request.url ?? "")?.[1] ?? "",
    );
    asked.push(image);
    const [status, body] = ANSWERS[image] ?? [400, { message: "not asked for" }];
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  docker = new Docker({ protocol: "http", host: "127.0.0.1", port: (server.address() as AddressInfo).port });
});
afterAll(() => server.close());

test("asks once for every image, and sorts what it learns", async () => {
  const { pins, failures } = await resolveDigests(docker, [
    "prom/prometheus:v3.13.3",
    "nginx:1.30.4",
    "nginx:1.30.4",
  ]);
  expect(failures).toEqual([]);
  expect(Object.entries(pins)).toEqual([
    ["nginx:1.30.4", DIGEST],
    ["prom/prometheus:v3.13.3", DIGEST],
  ]);
  expect(asked.sort()).toEqual(["nginx:1.30.4", "prom/prometheus:v3.13.3"]);
});

test.each([
  ["quay.io/some/thing:1", /has no such image: .*manifest unknown/],
  ["ghcr.io/mine/secret:1", /wants a login/],
  ["busy:1", /pull rate limit/],
  ["away:1", /does not answer: .*no such host/],
  ["odd:1", /no digest: nonsense/],
])("says why %s could not be resolved, and resolves the others", async (image, why) => {
  const { pins, failures } = await resolveDigests(docker, [image, "nginx:1.30.4"]);
  expect(Object.keys(pins)).toEqual(["nginx:1.30.4"]);
  expect(failures).toEqual([{ image, why: expect.stringMatching(why) }]);
});

test("says that no engine answers", async () => {
  const nobody = new Docker({ socketPath: "/nonexistent/docker.sock" });
  const { failures } = await resolveDigests(nobody, ["nginx:1.30.4"]);
  expect(failures).toEqual([{ image: "nginx:1.30.4", why: "no engine answers" }]);
});
