import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { eachInItsFolder, file, listFiles } from "../testing/folder.ts";
import { writeFiles } from "./write.ts";

const folder = eachInItsFolder();
const inside = (path: string) => join(folder.path, path);

it("makes a file of its own a folder, and a folder of its own a file", async () => {
  await writeFiles(folder.path, [file("a", "1"), file("b/c/d", "1"), file("b/e", "1")]);
  await writeFiles(folder.path, [file("a/x", "2"), file("b", "2")]);
  expect(await listFiles(folder.path)).toEqual(["a/x", "b", "manifest.json"]);
});

it.each([
  ["a folder where a file has to be", "b is a folder, and has to be a file", () => mkdir(inside("b"))],
  [
    "a person's file in it",
    "b is a folder",
    () => mkdir(inside("b")).then(() => writeFile(inside("b/mine"), "")),
  ],
  ["a file where a folder has to be", "c is no folder", () => writeFile(inside("c"), "mine")],
  ["a link where a folder has to be", "c is a link", () => symlink("/tmp", inside("c"))],
])("touches nothing where there is %s, told to or not", async (_, expected, prepare) => {
  await writeFiles(folder.path, [file("a", "old")]);
  await prepare();
  const before = await listFiles(folder.path);
  const next = [file("a", "new"), file("b", "new"), file("c/d", "new")];
  await expect(writeFiles(folder.path, next)).rejects.toThrow(expected);
  await expect(writeFiles(folder.path, next, { force: true })).rejects.toThrow(expected);
  expect(await readFile(inside("a"), "utf8")).toBe("old");
  expect(await listFiles(folder.path)).toEqual(before);
});
