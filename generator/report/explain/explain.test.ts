import { expect, test } from "vitest";
import { parse } from "yaml";
import { components } from "../../components/index.ts";
import { produce } from "../../index.ts";
import { render } from "../../render/render.ts";
import { shortest, sourceOf } from "../../testing/source.ts";
import { plain } from "../paint.ts";
import { explain } from "./explain.ts";
import { flatten } from "./flatten.ts";
import { otherValues } from "./others.ts";
import { explainText } from "./text.ts";
import { wordsOf } from "./words.ts";

const STACK = `${shortest}  servers: 2
  environment: { LOG_LEVEL: info }
  pool: { max: 12 }
environments:
  staging:
    api: { port: 7000 }
`;

function explained(
  service: string,
  environment: "production" | "staging" = "production",
  overrides?: string,
) {
  const source = sourceOf(STACK, overrides);
  const { spec, plan, files } = produce(source, environment);
  const serviceIn = (texts: typeof files) =>
    parse(texts.find(({ path }) => path === "compose.yaml")?.text ?? "").services[service];
  const compose = { rendered: serviceIn(render(plan, source.pins)), final: serviceIn([...files]) };
  return explain({ source, spec, plan, components, service }, compose);
}

const origins = (found: ReturnType<typeof explained>, key: string) =>
  found.keys.find((one) => one.key === key)?.origins;

const api = explained("api-2");

test.each([
  ["image", { from: "stack", word: "api.image", at: "stack.yaml:6" }],
  ["environment.LOG_LEVEL", { from: "stack", word: "api.environment.LOG_LEVEL", at: "stack.yaml:8" }],
  ["environment.DB_POOL_MAX", { from: "stack", word: "api.pool.max", at: "stack.yaml:9" }],
  ["environment.PORT", { from: "default", word: "api.port" }],
  ["user", { from: "default", word: "api.user" }],
  ["mem_limit", { from: "budget", of: "memory" }],
  ["environment.NODE_OPTIONS", { from: "budget", of: "memory" }],
  ["cpus", { from: "budget", of: "processor" }],
  ["pids_limit", { from: "budget", of: "processes" }],
  ["read_only", { from: "house" }],
  ["hostname", { from: "house" }],
  ["environment.NODE_ENV", { from: "component", component: "api" }],
])("finds where %s came from", (key, origin) => {
  expect(origins(api, key)).toContainEqual(origin);
});

test("says why it is there", () => {
  expect(api.there).toContainEqual({ from: "stack", word: "api.servers", at: "stack.yaml:7" });
});

test("gives what the budget weighed", () => {
  expect(api.claim?.memory.floor).toBeGreaterThan(0);
  expect(api.row.memory).toBeGreaterThanOrEqual(api.claim?.memory.floor ?? Infinity);
  expect(api.settings.map(({ setting }) => setting)).toContain("--max-old-space-size");
});

test("names the environment's own word where that one counts", () => {
  expect(origins(explained("api-1", "staging"), "environment.PORT")).toContainEqual({
    from: "stack",
    word: "api.port",
    at: "stack.yaml:12",
  });
});

test("names overrides.yaml where it had the last word", () => {
  const found = explained("nginx", "production", "services:\n  nginx:\n    environment:\n      TZ: UTC\n");
  expect(origins(found, "environment.TZ")).toEqual([{ from: "overrides", at: "overrides.yaml:4" }]);
});

test("gives every key of the service an origin, and fits 80 columns but for what has no blank", () => {
  for (const { origins: all } of api.keys) expect(all.length).toBeGreaterThan(0);
  const text = explainText(api, { width: 80, paint: plain });
  for (const line of text.split("\n")) {
    if (line.length > 80)
      expect(
        line
          .trim()
          .split(" ")
          .some((word) => word.length > 30),
      ).toBe(true);
  }
  expect(text).not.toContain("\u001b");
});

test("flattens maps and lists of maps, and nothing else", () => {
  const service = {
    a: { b: 1, c: {} },
    volumes: [{ type: "bind", source: "./x", target: "/x", read_only: true, bind: {} }],
    test: ["CMD", "true"],
    n: null,
  };
  expect([...flatten(service)]).toEqual([
    ["a.b", "1"],
    ["a.c", "{}"],
    ["volumes./x", "./x read only"],
    ["test", "CMD true"],
    ["n", ""],
  ]);
});

test.each([
  ["30d", ["60d", "15d"]],
  ["512MB", ["1024MB", "256MB"]],
  ["10%", ["5%"]],
  [3, [4, 2]],
  [true, [false]],
  ["30 3 * * *", ["7 3 * * *"]],
  ["/health", ["/healthx", "x/health"]],
])("tries other values than %s", (value, others) => {
  expect(otherValues({ path: [], value, written: false, node: {} })).toEqual(others);
});

test("tries a word's other choices first, and leaving it out last", () => {
  const node = { anyOf: [{ const: false }, { enum: ["a", "b"] }] };
  expect(otherValues({ path: [], value: "a", written: true, node })).toEqual([false, "b", "ax", undefined]);
});

test("counts a word of an environment for that environment only", () => {
  const { yaml } = sourceOf(STACK);
  const paths = (environment: string) => wordsOf(yaml, environment, {}, []).map(({ path }) => path.join("."));
  expect(paths("staging")).toContain("api.port");
  expect(paths("production")).not.toContain("api.port");
});
