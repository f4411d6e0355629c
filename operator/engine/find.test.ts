import { expect, test } from "vitest";
import { fakeHost } from "../host/fake.ts";
import { endpointOf, findEngine } from "./find.ts";
import { isRefusal } from "./registry.ts";
import { hint } from "./start.ts";

test.each([
  [{ DOCKER_HOST: "tcp://10.0.0.9:2375" }, "unix:///other.sock", "tcp://10.0.0.9:2375"],
  [{ DOCKER_HOST: "10.0.0.9:2375" }, "unix:///other.sock", "tcp://10.0.0.9:2375"],
  [{}, "unix:///home/me/.colima/docker.sock", "unix:///home/me/.colima/docker.sock"],
  [{}, "", "unix:///var/run/docker.sock"],
])("%j and the context %s: %s", async (environment, context, expected) => {
  const host = fakeHost(() => ({ exitCode: context ? 0 : 127, stdout: `${context}\n` }), { environment });
  expect(await endpointOf(host)).toBe(expected);
});

const answering = {
  ping: async () => "OK",
  info: async () => ({ ServerVersion: "28.5.2", DockerRootDir: "/d" }),
};

test.each([
  ["Docker Compose version 2.40.3", "ready"],
  ["docker-compose version 1.29.2", "no compose"],
  ["", "no compose"],
])("an engine whose Compose says %j is %s", async (stdout, kind) => {
  const host = fakeHost(
    (line) => ({ exitCode: stdout ? 0 : 1, stdout: line.includes("compose") ? stdout : "" }),
    {
      docker: () => answering as never,
    },
  );
  expect((await findEngine(host)).kind).toBe(kind);
});

test.each([
  ["EACCES", "forbidden"],
  ["ENOENT", "silent"],
  ["ECONNREFUSED", "silent"],
])("%s on the socket: %s", async (code, kind) => {
  const ping = async () => {
    throw Object.assign(new Error("connect"), { code });
  };
  expect(
    (await findEngine(fakeHost(() => ({ exitCode: 1 }), { docker: () => ({ ping }) as never }))).kind,
  ).toBe(kind);
});

test.each([
  [500, 'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host', false],
  [500, "net/http: TLS handshake timeout", false],
  [500, "toomanyrequests: You have reached your pull rate limit", true],
  [404, "manifest unknown", true],
  [401, "unauthorized", true],
  [undefined, "no answer within 8 s", false],
])("a registry that says %s %s answers: %s", (statusCode, message, expected) => {
  expect(isRefusal({ statusCode, message })).toBe(expected);
});

test("what keeps dockerd from starting inside a container is told", () => {
  expect(hint("failed to start daemon: Devices cgroup isn't mounted")).toMatch(/--privileged/);
  expect(hint("iptables failed: Permission denied (you must be root)")).toMatch(/iptables-legacy/);
  expect(hint("all is well")).toBeUndefined();
});
