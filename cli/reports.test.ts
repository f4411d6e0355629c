import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { InputError } from "../generator/spec/fault.ts";
import { shortest } from "../generator/testing/source.ts";
import { budgetCommand } from "./budget.ts";
import { costCommand } from "./cost.ts";
import { diffCommand } from "./diff.ts";
import { ExitError } from "./exit.ts";
import { explainCommand } from "./explain.ts";
import { generateCommand } from "./generate.ts";
import { initCommand } from "./init.ts";
import { schemaCommand } from "./schema.ts";

const home = process.cwd();
let out: string;
let err: string;

beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), "plimsoll-cli-"));
  await mkdir(join(root, "stacks", "hello"), { recursive: true });
  await writeFile(join(root, "stacks", "hello", "stack.yaml"), shortest);
  process.chdir(root);
  out = "";
  err = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(console, "log").mockImplementation((text) => {
    out += `${text}\n`;
  });
  vi.spyOn(console, "error").mockImplementation((text) => {
    err += `${text}\n`;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  process.chdir(home);
});

const run = (command: Command, ...words: string[]) =>
  command.exitOverride().parseAsync(words, { from: "user" });

test("budget is plain text of 80 columns in a pipe, or JSON", async () => {
  await run(budgetCommand(), "hello");
  expect(out).toContain("hello in production");
  expect(out).not.toContain("\u001b");
  out = "";
  await run(budgetCommand(), "--json");
  expect(JSON.parse(out)).toMatchObject([{ stack: "hello", machine: { slug: "s-4vcpu-8gb" } }]);
});

test("budget --svg writes the picture, and nothing on stdout", async () => {
  await run(budgetCommand(), "hello", "--svg", "hull.svg");
  expect(out).toBe("");
  expect(await readFile("hull.svg", "utf8")).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
});

test("cost is of production unless another environment is named", async () => {
  await run(costCommand(), "hello", "--json");
  expect(JSON.parse(out)).toMatchObject([{ environment: "production", total: 48 }]);
});

test("diff --exit-code exits 3 until it was generated", async () => {
  await expect(run(diffCommand(), "-e", "production", "--exit-code")).rejects.toEqual(new ExitError(3));
  await run(generateCommand(), "-e", "production");
  out = "";
  await run(diffCommand(), "-e", "production", "--exit-code", "--json");
  expect(JSON.parse(out)).toMatchObject([
    { files: [], containers: { create: [], recreate: [], restart: [] } },
  ]);
});

test("explain says where settings came from; an unknown service gets the nearest name and 2", async () => {
  await run(explainCommand(), "api-1", "--json");
  expect(JSON.parse(out)).toMatchObject({ service: "api-1", component: "api" });
  await expect(run(explainCommand(), "posgres-1")).rejects.toEqual(new ExitError(2));
  expect(err).toContain("did you mean postgres-1?");
});

test("schema prints JSON, or writes it", async () => {
  await run(schemaCommand());
  expect(JSON.parse(out)).toMatchObject({
    type: "object",
    required: ["name", "domain", "machine"],
  });
  await run(schemaCommand(), "--out", "schema.json");
  expect(await readFile("schema.json", "utf8")).toBe(out);
});

test("init without a terminal names the flags it needs, and exits 2", async () => {
  await expect(run(initCommand(), "--yes")).rejects.toEqual(new ExitError(2));
  for (const flag of ["--name", "--domain", "--image"]) expect(err).toContain(flag);
  expect(await readdir("stacks")).toEqual(["hello"]);
});

test("init writes a stack that is there from then on, and never overwrites one", async () => {
  const flags = ["shop", "--yes", "--domain", "api.shop.example", "--image", "ghcr.io/me/shop:1.0.0"];
  await run(initCommand(), ...flags);
  const written = await readFile("stacks/shop/stack.yaml", "utf8");
  await expect(run(initCommand(), ...flags, "--port", "1234")).rejects.toThrow(InputError);
  expect(await readFile("stacks/shop/stack.yaml", "utf8")).toBe(written);
  await run(budgetCommand(), "shop", "-e", "local");
  expect(out).toContain("shop in local");
});

test.each([
  ["a bad name", ["Shop"], /name: expected a name/],
  ["a bad port", ["shop", "--port", "70000"], /api\.port: expected a port/],
  [
    "a machine that is too small",
    ["shop", "--machine", "s-1vcpu-1gb"],
    /The smallest droplet that carries it/,
  ],
])("init writes nothing with %s", async (_, words, why) => {
  const flags = ["--yes", "--domain", "api.shop.example", "--image", "ghcr.io/me/shop:1.0.0"];
  await expect(run(initCommand(), ...flags, ...words)).rejects.toThrow(why);
  expect(await readdir("stacks")).toEqual(["hello"]);
});
