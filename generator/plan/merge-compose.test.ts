import { expect, it } from "vitest";
import { mergeCompose, portOf, shortVolume } from "./merge-compose.ts";

/** Each as `docker compose -f a.yaml -f b.yaml config` (2.40) merges it. */
it.each([
  ["appends to lists", { cap_add: ["A"] }, { cap_add: ["B", "A"] }, { cap_add: ["B", "A"] }],
  ["replaces commands", { command: ["a", "b"] }, { command: ["c"] }, { command: ["c"] }],
  [
    "takes a list of pairs for a map",
    { environment: { A: "1", B: "2" } },
    { environment: ["B=3=3", "C"] },
    { environment: { A: "1", B: "3=3", C: null } },
  ],
  [
    "takes a list of dependencies for a map",
    { depends_on: { a: { condition: "service_healthy" } } },
    { depends_on: ["b"] },
    { depends_on: { a: { condition: "service_healthy" }, b: { condition: "service_started" } } },
  ],
  [
    "takes a list of networks for a map",
    { networks: { a: null } },
    { networks: ["b"] },
    { networks: { a: null, b: null } },
  ],
  ["takes a text for a list", { tmpfs: ["/tmp"] }, { tmpfs: "/run" }, { tmpfs: ["/tmp", "/run"] }],
  [
    "takes a text for a build",
    { build: { context: "a", target: "t" } },
    { build: "b" },
    { build: { context: "b", target: "t" } },
  ],
  [
    "takes hosts in both forms",
    { extra_hosts: ["a:1"] },
    { extra_hosts: { b: "2" } },
    { extra_hosts: ["a:1", "b:2"] },
  ],
  [
    "tells mounts apart by where they are, in both forms",
    {
      volumes: [
        { type: "volume", source: "v", target: "/a" },
        { type: "volume", source: "v", target: "/b" },
      ],
    },
    { volumes: ["./x:/a:ro"] },
    { volumes: [{ type: "volume", source: "v", target: "/b" }, "./x:/a:ro"] },
  ],
  [
    "publishes one more port, and the same one once",
    {
      ports: [
        { target: 80, published: "80" },
        { target: 81, published: "81", host_ip: "127.0.0.1" },
      ],
    },
    { ports: ["8080:80", "127.0.0.1:81:81"] },
    { ports: [{ target: 80, published: "80" }, "8080:80", "127.0.0.1:81:81"] },
  ],
  [
    "tells secrets apart by where they are",
    { secrets: [{ source: "a", target: "/run/secrets/a" }] },
    { secrets: ["a", { source: "b" }] },
    { secrets: ["a", { source: "b" }] },
  ],
  [
    "keeps what null stands over",
    { environment: { A: "1" } },
    { environment: { A: null } },
    { environment: { A: "1" } },
  ],
  [
    "takes another log driver without the options of the first",
    { logging: { driver: "json-file", options: { "max-size": "10m" } } },
    { logging: { driver: "journald" } },
    { logging: { driver: "journald" } },
  ],
  [
    "keeps the options of the same log driver",
    { logging: { driver: "json-file", options: { a: "1" } } },
    { logging: { options: { b: "2" } } },
    { logging: { driver: "json-file", options: { a: "1", b: "2" } } },
  ],
])("%s", (_, base, over, merged) => {
  expect(mergeCompose(base, over)).toEqual(merged);
});

it("reads ports and mounts in their short forms", () => {
  expect(portOf("127.0.0.1:8080:80/udp")).toEqual({
    host_ip: "127.0.0.1",
    published: "8080",
    target: 80,
    protocol: "udp",
  });
  expect(portOf("[::1]:1:2")).toMatchObject({ host_ip: "[::1]", published: "1", target: 2 });
  expect(portOf("8080:80")).toMatchObject({ host_ip: undefined, published: "8080", target: 80 });
  expect(portOf(80)).toMatchObject({ published: undefined, target: 80 });
  expect(portOf("3000-3005:3000-3005")).toBeUndefined();
  expect(shortVolume("/a:/b:z,ro")).toEqual({ source: "/a", target: "/b", readOnly: true });
  expect(shortVolume("/b")).toEqual({ target: "/b", readOnly: false });
});
