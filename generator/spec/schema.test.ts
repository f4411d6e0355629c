import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { components } from "../components/index.ts";
import { type JsonSchema, jsonSchema, schemaText } from "./schema.ts";

const schema = jsonSchema(components);
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true, validateFormats: false }).compile(
  schema,
);

const SHORTEST = {
  name: "shop",
  domain: "api.example.com",
  machine: "s-2vcpu-4gb",
  api: { image: "ghcr.io/me/api:1.4.0" },
};

test("docs/stack.schema.json is current (npm run docs refreshes it)", () => {
  expect(readFileSync("docs/stack.schema.json", "utf8")).toBe(schemaText(components));
});

test("takes fkod's stack.yaml", () => {
  validate(parse(readFileSync("stacks/fkod/stack.yaml", "utf8")));
  expect(validate.errors).toBeNull();
});

const GOOD: [string, Record<string, unknown>][] = [
  ["the shortest file", {}],
  ["a machine of one's own", { machine: { cpus: 4, memory: "8GB", disk: "100 GB" } }],
  ["a build folder", { api: { build: "./api" } }],
  ["a build folder with more words", { api: { build: { context: "api", debian: "Dockerfile.debian" } } }],
  ["a command as a list", { processes: { worker: { command: ["node", "worker.js"] } } }],
  [
    "numbers and booleans as environment",
    { api: { ...SHORTEST.api, environment: { A: 1, B: true, C: "x" } } },
  ],
  ["an environment that overrides a word", { environments: { staging: { domain: "s.example.com" } } }],
  ["an environment that takes a word back", { environments: { local: { processes: null, domain: null } } }],
  ["an empty environment", { environments: { production: null } }],
  ["a part of a part overridden", { environments: { staging: { api: { servers: 1 } } } }],
];

test.each(GOOD)("takes %s", (_, more) => {
  validate({ ...SHORTEST, ...more });
  expect(validate.errors).toBeNull();
});

const BAD: [string, Record<string, unknown>][] = [
  ["no name", { name: undefined }],
  ["no domain", { domain: undefined }],
  ["no machine", { machine: undefined }],
  ["an unknown word", { databse: {} }],
  ["an unknown word inside a part", { api: { ...SHORTEST.api, sevrers: 3 } }],
  ["a name in capitals", { name: "Shop" }],
  ["a domain with a scheme", { domain: "https://api.example.com" }],
  ["an unknown droplet", { machine: "s-3vcpu-4gb" }],
  ["a machine without disk", { machine: { cpus: 2, memory: "4GB" } }],
  ["a size without a unit", { machine: { cpus: 2, memory: "4096", disk: "80GB" } }],
  ["a size as a number", { machine: { cpus: 2, memory: 4096, disk: "80GB" } }],
  ["an image without a tag", { api: { image: "ghcr.io/me/api" } }],
  ["latest", { api: { image: "ghcr.io/me/api:latest" } }],
  ["servers as a text", { api: { ...SHORTEST.api, servers: "three" } }],
  ["half a server", { api: { ...SHORTEST.api, servers: 1.5 } }],
  ["a port above all ports", { api: { ...SHORTEST.api, port: 70_000 } }],
  ["a path that leaves the folder", { api: { build: "../elsewhere" } }],
  ["a health path with a query", { api: { ...SHORTEST.api, health: "/health?x=1" } }],
  ["a share without a percent sign", { objectives: { uptime: 99.9 } }],
  ["a duration without a unit", { objectives: { p95: "200" } }],
  ["a command of two lines", { processes: { worker: { command: "a\nb" } } }],
  ["a process without a command", { processes: { worker: { count: 1 } } }],
  ["a variable in small letters", { api: { ...SHORTEST.api, environment: { log_level: "info" } } }],
  ["a secret's value", { api: { ...SHORTEST.api, secrets: { JWT_SECRET: "hunter2" } } }],
  ["root", { api: { ...SHORTEST.api, user: "0:0" } }],
  ["an unknown environment", { environments: { testing: {} } }],
  ["a name in an environment", { environments: { local: { name: "other" } } }],
  ["a bad word in an environment", { environments: { local: { machine: "toaster" } } }],
  ["unknown images", { images: "alpine" }],
];

test.each(BAD)("refuses %s", (_, more) => {
  const words = JSON.parse(JSON.stringify({ ...SHORTEST, ...more }));
  expect(validate(words)).toBe(false);
});

test("every word says what it is", () => {
  const silent: string[] = [];
  const walk = (node: JsonSchema, path: string) => {
    for (const branch of (node.anyOf ?? []) as JsonSchema[]) walk(branch, path);
    for (const [key, inner] of Object.entries((node.properties ?? {}) as Record<string, JsonSchema>)) {
      const here = path === "" ? key : `${path}.${key}`;
      if (!inner.description) silent.push(here);
      walk(inner, here);
    }
    if (typeof node.additionalProperties === "object")
      walk(node.additionalProperties as JsonSchema, `${path}.NAME`);
  };
  const { environments: _, ...own } = schema.properties as Record<string, JsonSchema>;
  walk({ properties: own }, "");
  expect(silent).toEqual([]);
});
