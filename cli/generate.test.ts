import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { eachInItsFolder } from "../generator/testing/folder.ts";
import { shortest } from "../generator/testing/source.ts";
import { ExitError } from "./exit.ts";
import { generateCommand } from "./generate.ts";

const root = eachInItsFolder();
const home = process.cwd();
const said: string[] = [];

beforeEach(async () => {
  process.chdir(root.path);
  said.length = 0;
  vi.spyOn(console, "error").mockImplementation((line) => said.push(String(line)));
  for (const name of ["first", "second stack"]) await stackIn(join("stacks", name));
});
afterEach(() => {
  process.chdir(home);
  vi.restoreAllMocks();
});

async function stackIn(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "stack.yaml"), shortest.replace("hello", folder.replace(/\W+/g, "-")));
}
const run = (...words: string[]) => generateCommand().exitOverride().parseAsync(words, { from: "user" });
const compose = (stack: string, environment: string) =>
  join("stacks", stack, "generated", environment, "compose.yaml");
const there = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

it("writes every environment of every stack, and a second time nothing", async () => {
  await run("--check").catch((error) => expect(error).toEqual(new ExitError(3)));
  expect(await there("stacks/first/generated")).toBe(false);
  await run();
  expect(said.filter((line) => line.includes("new"))).toHaveLength(6 + 6);
  expect(said.filter((line) => line.includes("made"))).toHaveLength(2);
  said.length = 0;
  await run();
  await run("--check");
  expect(said.every((line) => line.endsWith("files unchanged"))).toBe(true);
  expect(said).toHaveLength(12);
});

it("writes what it is asked for, by name, by folder, and through a link", async () => {
  await stackIn("elsewhere");
  await symlink("../elsewhere", "stacks/linked");
  await run("second stack", "--environment", "staging");
  await run("linked", "-e", "local");
  expect(await there(compose("second stack", "staging"))).toBe(true);
  expect(await there(compose("second stack", "local"))).toBe(false);
  expect(await there("elsewhere/generated/local/compose.yaml")).toBe(true);
  await expect(run("frist")).rejects.toThrow(/did you mean first\?/);
});

it("writes nothing at all where one environment of one stack would be refused", async () => {
  await run("second stack");
  const edited = compose("second stack", "production");
  await writeFile(edited, `${await readFile(edited, "utf8")}# mine\n`);
  await writeFile("stacks/second stack/stack.yaml", `${shortest}  servers: 2\n`);
  const before = await readFile(compose("second stack", "local"), "utf8");
  await expect(run()).rejects.toThrow(/compose\.yaml was edited by hand/);
  expect(await there("stacks/first/generated")).toBe(false);
  expect(await readFile(compose("second stack", "local"), "utf8")).toBe(before);
});

it("writes nothing at all where one stack has a fault, and tells each fault once", async () => {
  await writeFile(
    "stacks/second stack/stack.yaml",
    shortest.replace("api:\n  image:", "api: { foo: 1, bar: 1 }\nx:"),
  );
  const refusal = await run().catch((error: unknown) => error);
  expect(String(refusal).match(/api\.foo: is not a word|api\.bar: is not a word/g)).toHaveLength(2);
  expect(await there("stacks/first/generated")).toBe(false);
});

it("tells two stacks of one name, before one takes the other's containers for its own", async () => {
  await writeFile("stacks/second stack/stack.yaml", await readFile("stacks/first/stack.yaml", "utf8"));
  await expect(run()).rejects.toThrow(
    /second stack\/stack\.yaml:1:1 name: makes the Compose project stacks-first-local, which is that of first too/,
  );
});
