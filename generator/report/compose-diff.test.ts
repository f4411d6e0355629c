import { expect, test } from "vitest";
import { type Compose, diffCompose, diffKeys } from "./compose-diff.ts";

type Services = Record<string, Record<string, unknown>>;

const base = (services: Services, more: Partial<Compose> = {}): Compose => ({
  name: "p",
  services,
  networks: { data: { internal: true } },
  volumes: { v: null },
  ...more,
});
const a = { image: "a:1", networks: { data: null }, environment: { X: "1", Y: "1" } };
const diff = (before: Compose, after: Compose, files: Record<string, string[]> = {}) =>
  diffCompose(before, after, { label: "plimsoll.config", filesOf: (service) => files[service] ?? [] });
const effects = (before: Compose, after: Compose) =>
  Object.fromEntries(
    diff(before, after).services.map(({ service, effect, why }) => [service, [effect, ...why]]),
  );

test("nothing changed is no difference", () => {
  expect(diff(base({ a }), base({ a }))).toEqual({ services: [], elsewhere: [] });
});

test("any key of a service recreates it", () => {
  const changed = { ...a, environment: { X: "2", Z: "1" } };
  expect(diff(base({ a }), base({ a: changed })).services).toEqual([
    {
      service: "a",
      kind: "change",
      keys: [
        { key: "environment.X", before: "1", after: "2" },
        { key: "environment.Y", before: "1" },
        { key: "environment.Z", after: "1" },
      ],
      files: [],
      effect: "recreate",
      why: ["environment.X", "environment.Y", "environment.Z"],
    },
  ]);
});

test.each([
  ["build", { build: { context: "." } }],
  ["pull_policy", { pull_policy: "always" }],
  ["scale", { scale: 2 }],
  ["deploy.replicas", { deploy: { replicas: 2 } }],
  ["depends_on", { depends_on: { b: { condition: "service_healthy" } } }],
  ["profiles", { profiles: ["x"] }],
])("%s alone touches no container", (_, more) => {
  const before = base({ a: { ...a, deploy: { replicas: 1 } }, b: a });
  const after = base({ a: { ...a, deploy: { replicas: 1 }, ...more }, b: a });
  expect(effects(before, after)).toEqual({ a: ["none"] });
});

test("the label with the hash of files names the files", () => {
  const labelled = (hash: string) => base({ a: { ...a, labels: { "plimsoll.config": hash } } });
  const [service] = diff(labelled("1"), labelled("2"), { a: ["a/a.conf"] }).services;
  expect(service).toMatchObject({ effect: "recreate", why: ["a/a.conf"], files: ["a/a.conf"] });
});

test("services come and go", () => {
  expect(effects(base({ a, b: a }), base({ b: a, c: a }))).toEqual({ a: ["remove"], c: ["create"] });
});

test("who restarts with another, restarts; who only waits for it, does not", () => {
  const waiting = (image: string) => ({
    a: { ...a, image },
    b: { ...a, depends_on: { a: { condition: "service_healthy", restart: true } } },
    c: { ...a, depends_on: { a: { condition: "service_healthy" } } },
  });
  expect(effects(base(waiting("a:1")), base(waiting("a:2")))).toEqual({
    a: ["recreate", "image"],
    b: ["restart", "restarts with a, which is recreated"],
  });
});

test("who shares a namespace or volumes is recreated too, however far away", () => {
  const sharing = (image: string) => ({
    a: { ...a, image },
    b: { image: "b:1", network_mode: "service:a" },
    c: { image: "c:1", volumes_from: ["b:ro", "container:other"] },
    d: { image: "d:1", pid: "host", ipc: "service:c" },
  });
  const found = effects(base(sharing("a:1")), base(sharing("a:2")));
  expect(Object.entries(found).map(([name, [effect]]) => [name, effect])).toEqual([
    ["a", "recreate"],
    ["b", "recreate"],
    ["c", "recreate"],
    ["d", "recreate"],
  ]);
});

test("a network that is another one restarts what is on it", () => {
  const after = base({ a, b: { image: "b:1" } }, { networks: { data: { internal: false } } });
  const found = diff(base({ a, b: { image: "b:1" } }), after);
  expect(found.services).toMatchObject([{ service: "a", kind: "same", effect: "restart" }]);
  expect(found.elsewhere).toEqual([{ key: "networks.data.internal", before: true, after: false }]);
});

test("a new network or volume touches nobody", () => {
  const after = base(
    { a },
    { networks: { data: { internal: true }, more: {} }, volumes: { v: null, w: null } },
  );
  const found = diff(base({ a }), after);
  expect(found.services).toEqual([]);
  expect(found.elsewhere.map(({ key }) => key)).toEqual(["networks.more", "volumes.w"]);
});

test("under another project name everything is made anew", () => {
  expect(effects(base({ a }), base({ a }, { name: "q" }))).toEqual({ a: ["create", "the project is now q"] });
});

test("nothing before means everything is created", () => {
  expect(effects({}, base({ a }))).toEqual({ a: ["create"] });
});

test("lists are compared entry by entry where their order says nothing", () => {
  const mount = (target: string, source: string) => ({ type: "volume", source, target });
  expect(
    diffKeys(
      { volumes: [mount("/a", "x"), mount("/b", "x")] },
      { volumes: [mount("/b", "x"), mount("/a", "y")] },
    ),
  ).toEqual([{ key: "volumes./a.source", before: "x", after: "y" }]);
  expect(diffKeys({ cap_add: ["A", "B"] }, { cap_add: ["B", "C"] }).map(({ key }) => key)).toEqual([
    "cap_add.A",
    "cap_add.C",
  ]);
  expect(diffKeys({ command: ["a", "b"] }, { command: ["b", "a"] })).toEqual([
    { key: "command", before: ["a", "b"], after: ["b", "a"] },
  ]);
});
